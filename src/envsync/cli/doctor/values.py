"""What a machine has for environments: directories, limits, tools, interpreters."""

from dataclasses import dataclass

from envsync.model.world import Hazard


@dataclass(frozen=True, slots=True)
class DirectoryCheck:
    """A directory that envsync writes in, or would have to make."""

    role: str
    """What it is for: ``state-dir``, ``cache``, ``locks``."""
    path: str
    end: str
    """Where its chain of links leads."""
    there: bool
    blocked_by: str = ""
    """What is in the way: a directory that is not writable, or something that is no directory."""
    hazard: Hazard | None = None
    """Who else could change what is in it."""
    private: bool = True
    """Whether only its owner can read what is in it."""


@dataclass(frozen=True, slots=True)
class ExchangeCheck:
    """Whether two directories were exchanged in one step, on the file system of a directory."""

    directory: str
    works: bool | None
    """``None`` where it could not be tried."""
    reason: str = ""
    """Why not."""


@dataclass(frozen=True, slots=True)
class Inotify:
    """The limits of Linux for watches of one user, and what is taken of them (inotify(7))."""

    watches: int
    instances: int
    watches_taken: int = 0
    instances_taken: int = 0


@dataclass(frozen=True, slots=True)
class Tool:
    """A builder or an installer."""

    name: str
    """``uv``, ``virtualenv``, ``pip``."""
    path: str | None
    """``None`` where it is not there."""
    version: str = ""
    problem: str = ""
    """Why it does not work, if it is there and does not."""


@dataclass(frozen=True, slots=True)
class ForeignEnvironment:
    """An environment in a directory of another tool's."""

    environment: str
    end: str
    tool: str
    directory: str


@dataclass(frozen=True, slots=True)
class Service:
    """How ``watch`` as a service stands."""

    file: str
    """Its definition."""
    installed: bool
    running: bool = False
    detail: str = ""
    """What its supervisor says of it."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An interpreter of this machine."""

    link: str
    """A path that an environment uses, or else the most stable one."""
    version: str
    minor: str
    """``3.12``."""
    implementation: str
    manager: str = ""
    """The tool that keeps it, as far as its path tells."""
    stable: bool = True
    """Whether ``link`` names no patch release, and so survives the upgrade to the next."""
    twin: str | None = None
    """Where it does not: a link to the same tree that would."""
    relocatable: bool | None = None
    """Whether it finds its standard library only by where it lies; ``None`` where that cannot be told."""
    has_venv: bool = True
    """Whether its standard library has the module ``venv``."""
    problem: str = ""
    """Why it does not work, if it does not; then nothing else is known of it."""
