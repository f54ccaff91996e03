"""What the contenders find when they begin: directories, variables, manifests and wheels; all below one directory."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import interpreters

import envsync
from harness.wheels import make_wheel

_MODULES = 30
"""Of each wheel; with their size about that of a usual package."""
_MODULE = "".join(f'def function_{number}(value):\n    return ["{number}", value]\n\n\n' for number in range(50))
_XDG = {"CACHE": ".cache", "CONFIG": ".config", "DATA": ".local/share", "STATE": ".local/state"}


@dataclass(frozen=True)
class Tools:
    """Programs by their paths; those that are not there are empty text."""

    python: str
    """The interpreter itself that this runs on: neither an environment's nor a shim."""
    other: str
    """One of another minor version."""
    envsync: tuple[str, ...]
    uv: str
    virtualenv: str
    venvs: str
    strace: str

    @property
    def minor(self) -> str:
        """Return the minor version of ``python``, as 3.12."""
        return f"{sys.version_info[0]}.{sys.version_info[1]}"


@dataclass(frozen=True)
class World:
    """One directory for all runs; nothing is deleted in it before the end: that makes file systems slow for minutes."""

    root: Path
    tools: Tools

    def begin(self) -> None:
        """Make what all runs share."""
        for name in ("home", "tmp", "wheels"):
            (self.root / name).mkdir()

    def fresh(self) -> Path:
        """Make a new directory."""
        return Path(tempfile.mkdtemp(dir=self.root))

    def variables(self, home: Path | None = None) -> dict[str, str]:
        """Return all variables that a contender sees: a home of its own, no index, and PATH with uv on it."""
        place = home or self.root / "home"
        directories = [os.path.dirname(tool) for tool in (sys.executable, self.tools.uv) if tool]
        mine = {
            "HOME": str(place),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join(dict.fromkeys([*directories, "/usr/bin", "/bin"])),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_FIND_LINKS": str(self.wheelhouse),
            "PIP_NO_INDEX": "1",
            "TMPDIR": str(self.root / "tmp"),
            "UV_FIND_LINKS": str(self.wheelhouse),
            "UV_OFFLINE": "1",
            "UV_PYTHON_DOWNLOADS": "never",
        }
        return mine | {f"XDG_{name}_HOME": str(place / directory) for name, directory in _XDG.items()}

    @property
    def wheelhouse(self) -> Path:
        """Where the wheels lie."""
        return self.root / "wheels"

    def wheels(self, count: int) -> list[str]:
        """Make so many wheels, where they are not there yet; gives the names of the packages."""
        names = [f"package-{number}" for number in range(count)]
        for name in names:
            if not list(self.wheelhouse.glob(f"{name.replace('-', '_')}-*")):
                directory = name.replace("-", "_")
                files = {f"{directory}/module_{number}.py": _MODULE for number in range(_MODULES)}
                make_wheel(self.wheelhouse, name, "1.0", files={f"{directory}/__init__.py": ""} | files)
        return names


def find_tools() -> Tools:
    """Find the programs: those of the environment that this runs in come first."""
    own = os.path.dirname(sys.executable)

    def find(name: str) -> str:
        return shutil.which(name, path=f"{own}{os.pathsep}{os.environ.get('PATH', '')}") or ""

    script = shutil.which("envsync", path=own)
    source = f"PYTHONPATH={Path(envsync.__file__).parent.parent}"  # of a checkout that is not installed
    return Tools(
        python=interpreters.this(),
        other=interpreters.other(),
        envsync=(script,) if script else (find("env"), source, sys.executable, "-m", "envsync"),
        uv=find("uv"),
        virtualenv=find("virtualenv"),
        venvs=find("venvs"),
        strace=find("strace"),
    )


def make_projects(directory: Path, count: int) -> list[str]:
    """Make the directories of so many projects; gives the places of their environments."""
    for number in range(count):
        (directory / f"src/e{number}").mkdir(parents=True)
    return [f"src/e{number}/.venv" for number in range(count)]


def make_manifest(directory: Path, count: int, python: str) -> list[str]:
    """Declare an environment in each of so many new projects; gives their places."""
    places = make_projects(directory, count)
    tables = (f'[envs.e{number}]\npath = "{place}"\npython = "{python}"\n' for number, place in enumerate(places))
    (directory / "envs.toml").write_text("version = 1\n" + "".join(tables))
    return places


def make_store(directory: Path, count: int, python: str) -> None:
    """Declare so many environments to venvs, which keeps them side by side."""
    tables = (f'[venv.e{number}]\npython = "{python}"\n' for number in range(count))
    (directory / "virtualenvs.toml").write_text("".join(tables))


def are_environments(directory: Path, places: Iterable[str]) -> bool:
    """Check whether each place has an environment with an interpreter."""
    return all(
        (directory / place / "pyvenv.cfg").is_file() and (directory / place / "bin/python").exists() for place in places
    )
