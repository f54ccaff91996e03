"""Find what builds environments and what installs packages: uv, the builders that come along, a wheel of pip."""

import glob
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from functools import cached_property

from envsync.model.interpreter import Facts
from envsync.model.packages import Declared
from envsync.model.system import VARIABLES
from envsync.model.world import Backend


def find_uv() -> str | None:
    """Return the path of uv: the extra's, else the one on PATH."""
    try:
        from uv import find_uv_bin  # noqa: PLC0415  # an optional extra

        return os.fsdecode(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return _on_path("uv")


def _on_path(name: str) -> str | None:
    # A relative directory, such as the current one, may be a stranger's clone.
    path = [directory for directory in VARIABLES.get("PATH", os.defpath).split(":") if directory.startswith("/")]
    return shutil.which(name, path=":".join(path)) if path else None


def find_pip(facts: Facts) -> str | None:
    """Return a wheel of pip for a Python: virtualenv's, else the one that the Python brings itself."""
    from virtualenv.seed.wheels.embed import get_embed_wheel  # noqa: PLC0415  # only where pip has to install

    wheel = get_embed_wheel("pip", facts.minor)
    if wheel is not None:
        return str(wheel.path)
    bundled = sorted(glob.glob(f"{glob.escape(facts.stdlib)}/ensurepip/_bundled/pip-*.whl"))
    return bundled[-1] if bundled else None


BUILDERS = ("virtualenv", "venv", "uv")
"""In the order in which they stand in for one another; virtualenv comes with envsync, venv with each Python."""
_PROGRAMS: Mapping[str, Callable[[], str | None]] = {"virtualenv": lambda: "", "venv": lambda: "", "uv": find_uv}
"""What finds the program of a builder or an installer; others are looked for on PATH. Empty where none is needed."""
_WHEELS: Mapping[str, Callable[[Facts], str | None]] = {"pip": find_pip}
"""What finds the wheels of those installers that run on the environment's Python."""


def _find_program(name: str) -> str | None:
    return _PROGRAMS[name]() if name in _PROGRAMS else _on_path(name)


def find_installer(name: str, facts: Facts) -> Backend:
    """Return an installer for a Python; with the reason where it cannot be found."""
    program = _WHEELS[name](facts) if name in _WHEELS else _find_program(name)
    if program is not None:
        return Backend(name, program)
    return Backend(name, missing=f"there is no {name} for Python {facts.minor}")


class Backends:
    """The builders and installers of this machine, each found once in a pass."""

    def __init__(self, builders: tuple[str, ...], installer: str, unfit: frozenset[str] = frozenset()) -> None:
        """Take the names that a manifest prefers, and those of installers that cannot work here."""
        self._preferred = builders
        self._wanted = installer
        self._unfit = unfit
        self._found: dict[str, str | None] = {}

    def without(self, unfit: frozenset[str]) -> "Backends":
        """Return the same with some installers that cannot work here."""
        return Backends(self._preferred, self._wanted, unfit)

    @property
    def wanted(self) -> str:
        """The installer that the manifest asks for: a name, or ``auto``."""
        return self._wanted

    def program(self, name: str) -> str | None:
        """Return the program of a builder or installer; ``None`` where it is not there, empty where none is needed."""
        if name not in self._found:
            self._found[name] = _find_program(name)
        return self._found[name]

    @cached_property
    def builders(self) -> tuple[Backend, ...]:
        """What can build, the preferred one first, then what stands in for it; one with the reason where none can."""
        there = {name: Backend(name, program) for name in BUILDERS if (program := self.program(name)) is not None}
        chosen = next((there[name] for name in self._preferred if name in there), None)
        if chosen is not None:
            return (chosen, *(one for one in there.values() if one is not chosen))
        return (Backend(self._preferred[0], missing=f"{' and '.join(self._preferred)} cannot be found"),)

    def installers(self) -> tuple[str, ...]:
        """Return the names of the installers that are there, the preferred one first."""
        from envsync.formats.installers import INSTALLERS  # noqa: PLC0415  # only where packages are installed

        there = (name for name in INSTALLERS if name in _WHEELS or self.program(name) is not None)
        return tuple(name for name in there if name not in self._unfit)

    def installer(self, facts: Facts, declared: Declared | None) -> Backend:
        """Return what installs for a Python: the one for which the declarations were read, else the one to prefer."""
        name = declared.installer if declared is not None else choose_installer(self._wanted, self.installers(), facts)
        if name in self._unfit:
            return Backend(name, missing=f"{name} cannot work with Python {facts.minor}")
        return find_installer(name, facts)


def choose_installer(wanted: str, there: tuple[str, ...], facts: Facts, unable: Collection[str] = ()) -> str:
    """Return the installer that is asked for; with ``auto`` the first that is there, knows such a Python and is able.

    ``unable`` are the names of those that cannot do what is declared.
    """
    from envsync.formats.installers import INSTALLERS  # noqa: PLC0415  # only where packages are installed

    if wanted != "auto":
        return wanted
    version = tuple(int(part) for part in facts.version_info.split(".")[:2])
    able = (name for name in there if version >= INSTALLERS[name].oldest and name not in unable)
    return next(able, there[-1])
