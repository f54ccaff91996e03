"""A virtual environment as found."""

import re
from dataclasses import dataclass, field
from typing import Literal

from envsync.observed.paths import Paths

__all__ = ["Contents", "Environment", "InnerLink", "LostEditable", "Script", "library_name"]

_LIBRARY = re.compile(r"(?:python|pypy|graalpy)(\d+\.\d+[td]*)")  # python3.12, python3.13t, pypy3.10


def library_name(library: str) -> str:
    """Return which Python a library is called after (``3.12``, ``3.13t``), empty where its name does not tell."""
    match = _LIBRARY.fullmatch(library.rpartition("/")[2])
    return match[1] if match else ""


@dataclass(frozen=True, slots=True)
class InnerLink:
    """An entry of an environment that ought to be a symlink: ``bin/python*``, ``lib64``."""

    name: str
    text: str | None
    """What the symlink holds; ``None`` where it is no symlink, but a copy."""
    works: bool
    """Whether it leads to something."""
    end: str = ""
    """What it leads to in the end, where it is a symlink that leads out of its folder."""
    own: bool = False
    """Whether it is a script or program of the user's, neither a symlink nor a copy of an interpreter."""


@dataclass(frozen=True, slots=True)
class Script:
    """A file in ``bin`` that is not as this environment needs it."""

    name: str
    kind: Literal["activate", "shebang", "mode"]
    """An activation script that names another directory; a script that runs with another Python; one without
    permission to be executed."""
    named: str
    """The directory, or the interpreter, that it names; empty where that cannot be read."""
    rendered: bool = False
    """Whether an activation script has to be rendered again, since another name in it would not do."""
    harmful: bool = False
    """Whether shells may take parts of a name in it for commands: then nothing of it is kept in use."""


@dataclass(frozen=True, slots=True)
class LostEditable:
    """An editable install whose directory is missing."""

    name: str
    directory: str
    now: str | None
    """The project that the environment lies in, where it may be now."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What an environment holds beyond what its builder wrote."""

    packages: tuple[str, ...] = ()
    """Names in ``site-packages`` that no builder puts there."""
    links: tuple[str, ...] = ()
    """A user's own symlinks, relative to the environment."""
    aliases: tuple[str, ...] = ()
    """Further names of the interpreter in ``bin``: symlinks that end at it."""
    alias_links: tuple[InnerLink, ...] = ()
    """Those symlinks."""
    others: tuple[str, ...] = ()
    """Entries at the top that no builder makes: a package's, or the user's."""
    populated: tuple[str, ...] = ()
    """The libraries with distributions in them, other than those that builders seed."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment as found at the end of a chain (PEP 405)."""

    cfg: tuple[tuple[str, str], ...]
    """``pyvenv.cfg``: keys in lower case, values as read, in file order."""
    pythons: tuple[InnerLink, ...]
    libraries: tuple[str, ...]
    """Folders that hold ``site-packages``, relative: ``lib/python3.12``; whether its own Python sees them or not."""
    lib64: InnerLink | None
    """The entry ``lib64``, which some distributions have beside ``lib``."""
    scripts: tuple[Script, ...]
    """Scripts that name a folder which is not the declared path."""
    has_bin: bool
    """Whether there is a folder ``bin`` with anything in it."""
    activators: tuple[str, ...]
    """The activation scripts that are there."""
    contents: Contents
    activate_is: str = ""
    """What ``bin/activate`` is, where it is not a file and does not lead to one."""
    lost_editables: tuple[LostEditable, ...] = ()
    debris: tuple[str, ...] = ()
    """Half-written files of an interrupted pass, relative."""
    witnesses: Paths = field(default_factory=Paths)
    """Paths whose stamps vouch for all of this."""

    @property
    def built_for(self) -> str | None:
        """The minor version that ``pyvenv.cfg`` names (``3.12``); ``None`` where it names none."""
        for key in ("python-version", "version_info", "version"):
            parts = (self.setting(key) or "").split(".")
            if len(parts) > 1 and parts[0].isdigit() and parts[1].isdigit():
                return f"{parts[0]}.{parts[1]}"
        return None

    def setting(self, key: str) -> str | None:
        """Give the value of a ``pyvenv.cfg`` key, the last one where it is repeated, as Python reads it."""
        return dict(self.cfg).get(key)
