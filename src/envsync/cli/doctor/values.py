"""What ``doctor`` observes of a machine: directories, limits, tools, interpreters."""

from envsync.model.dataclass import dataclass
from envsync.model.world import Hazard


@dataclass(frozen=True, slots=True)
class DirectoryCheck:
    """A directory that envsync writes to, or would have to create."""

    role: str
    """What it is for: ``state-dir``, ``cache``, ``locks``."""
    path: str
    end: str
    """Where its chain of links leads."""
    exists: bool
    blocked_by: str = ""
    """The path that prevents writing: a directory that is not writable, or something that is not a directory."""
    hazard: Hazard | None = None
    """Who else could change its contents."""
    private: bool = True
    """Whether only its owner can read its contents."""


@dataclass(frozen=True, slots=True)
class ExchangeCheck:
    """Whether the file system of a directory swapped two directories in one step."""

    directory: str
    works: bool | None
    """``None`` where it could not be tried."""
    reason: str = ""
    """Why it could not be tried, or failed."""


@dataclass(frozen=True, slots=True)
class Inotify:
    """Linux's limits for watches of one user, and how much of them is in use (inotify(7))."""

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
    """``None`` where it is not installed."""
    version: str = ""
    problem: str = ""
    """Why it does not work, if it does not."""


@dataclass(frozen=True, slots=True)
class ForeignEnvironment:
    """An environment in another tool's directory."""

    environment: str
    end: str
    tool: str
    directory: str


@dataclass(frozen=True, slots=True)
class Service:
    """The state of ``watch`` as a service."""

    file: str
    """Its definition."""
    installed: bool
    running: bool = False
    detail: str = ""
    """The supervisor's description, in a line."""


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
    """The version manager that installed it, if its path shows that."""
    stable: bool = True
    """Whether ``link`` names no patch release, and so survives an upgrade."""
    twin: str | None = None
    """If not: another link to the same tree that would."""
    relocatable: bool | None = None
    """Whether it finds its standard library only relative to itself; ``None`` if unknown."""
    has_venv: bool = True
    """Whether its standard library has the module ``venv``."""
    problem: str = ""
    """Why it does not work, if it does not; then ``link`` alone is known."""
