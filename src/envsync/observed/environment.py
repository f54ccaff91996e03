"""A virtual environment as found."""

from dataclasses import dataclass, field
from typing import Literal

from envsync.observed.paths import Paths

__all__ = ["Contents", "Environment", "InnerLink", "Script"]


@dataclass(frozen=True, slots=True)
class InnerLink:
    """An entry of an environment that ought to be a symlink: ``bin/python*``, ``lib64``."""

    name: str
    text: str | None
    """What the symlink holds; ``None`` where it is no symlink, but a copy."""
    works: bool
    """Whether it leads to something."""


@dataclass(frozen=True, slots=True)
class Script:
    """A text file in ``bin`` that names an environment's folder."""

    name: str
    kind: Literal["activate", "shebang"]
    named: str
    """The folder that it names."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What an environment holds beyond what its builder wrote."""

    packages: tuple[str, ...] = ()
    """Names in ``site-packages`` that no builder puts there."""
    links: tuple[str, ...] = ()
    """A user's own symlinks, relative to the environment."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment as found at the end of a chain (PEP 405)."""

    cfg: tuple[tuple[str, str], ...]
    """``pyvenv.cfg``: keys in lower case, values as read, in file order."""
    pythons: tuple[InnerLink, ...]
    libraries: tuple[str, ...]
    """Folders that hold ``site-packages``, relative: ``lib/python3.12``."""
    lib64: InnerLink | None
    """The entry ``lib64``, which some distributions have beside ``lib``."""
    scripts: tuple[Script, ...]
    """Scripts that name a folder which is not the declared path."""
    has_bin: bool
    """Whether there is a folder ``bin`` with anything in it."""
    activators: tuple[str, ...]
    """The activation scripts that are there."""
    contents: Contents
    debris: tuple[str, ...] = ()
    """Half-written files of an interrupted pass, relative."""
    witnesses: Paths = field(default_factory=Paths)
    """Paths whose stamps vouch for all of this."""

    def setting(self, key: str) -> str | None:
        """Give the value of a ``pyvenv.cfg`` key, the last one where it is repeated, as Python reads it."""
        return dict(self.cfg).get(key)
