"""How to apply a plan."""

import os
import stat
from dataclasses import field, replace

from envsync.cache.store import (
    cache_directory,
    cache_problem,
    staging_directory,
    state_directories,
    usual_cache_directory,
)
from envsync.model.dataclass import dataclass
from envsync.model.desired import Manifest
from envsync.model.problems import Problem, UsageError

_MOST_JOBS = 32
_OTHERS_WRITE = 0o022


def _locks() -> str:
    return state_directories()[0]


def _logs() -> str:
    return state_directories()[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to apply; whatever is left out is as for the command.

    A directory is an absolute path. The command's own ones are made when they are first used; any other has to be there
    already, this user's, and nobody else may write to it. Raises ``UsageError`` (``settings``) for one that is not,
    and for a number out of range.
    """

    jobs: int = 0
    """The number of environments to apply at the same time; 0: two for each processor, 32 at most."""
    lock_timeout: float = 60.0
    """Seconds to wait for a lock that another process holds; 0: not to wait."""
    cache: str = field(default_factory=cache_directory)
    """The directory of what earlier passes found out and built."""
    locks: str = field(default_factory=_locks)
    """The directory of the lock files. Passes exclude each other only where this is one directory for all of them, the
    command's too: leave it out unless it is the same for every program that may meet these environments.
    """
    logs: str = field(default_factory=_logs)
    """The directory of the installers' logs."""
    staging: str = field(default_factory=staging_directory)
    """The directory to build in where others may write beside an environment, and to the manifest's ``state-dir``."""
    remembers: bool = True
    """Whether to use what is in ``cache``, and to keep what this pass builds there."""
    generations_dir: str = field(default="", init=False)
    """The real path of the manifest's ``state-dir``, set by what applies."""

    def __post_init__(self) -> None:
        """Raise ``UsageError`` for what cannot be meant."""
        jobs: object = self.jobs  # whoever calls may have no type checker
        timeout: object = self.lock_timeout
        if not (isinstance(jobs, int) and isinstance(timeout, int | float) and jobs >= 0 and timeout >= 0):
            raise _refused("jobs and lock_timeout are numbers of 0 or more", "lock_timeout is in seconds.")
        unsafe = cache_problem() if self.cache == usual_cache_directory() else ""
        if unsafe:
            raise _refused(unsafe, "See: envsync doctor; or name another: Settings(cache=...)")
        usual = {"cache": cache_directory(), "locks": _locks(), "logs": _logs(), "staging": staging_directory()}
        for name, directory in usual.items():
            given = getattr(self, name)
            if isinstance(given, os.PathLike):
                given = os.fspath(given)
                object.__setattr__(self, name, given)
            problem = "" if given == directory else _problem(given)
            if problem:
                raise _refused(f"{name}: {given!r} {problem}", f"Leave it out, for the command's own: {directory}")

    def of(self, manifest: Manifest) -> "Settings":
        """Return these settings for one manifest, whose ``state-dir`` is resolved now: it may lead elsewhere later."""
        return self.at(os.path.realpath(manifest.state_dir))

    def at(self, generations_dir: str) -> "Settings":
        """Return these settings for a manifest whose ``state-dir`` really is there."""
        settings = replace(self)
        object.__setattr__(settings, "generations_dir", generations_dir)
        return settings

    @property
    def memory(self) -> str | None:
        """The directory of what earlier passes found out; ``None`` where that is not used."""
        return self.cache if self.remembers else None

    @property
    def side_by_side(self) -> int:
        """How many environments are worked on at once, at least 1."""
        return self.jobs or min(_MOST_JOBS, 2 * (os.cpu_count() or 1))


def _refused(message: str, hint: str) -> UsageError:
    return UsageError(Problem("settings", message, hint))


def _problem(directory: object) -> str:
    """Return why a directory cannot be used, empty if it can."""
    if not isinstance(directory, str) or not os.path.isabs(directory):
        return "is not an absolute path"
    try:
        found = os.stat(directory)
    except (OSError, ValueError):
        return "is not there"
    if not stat.S_ISDIR(found.st_mode):
        return "is not a directory"
    if found.st_uid != os.geteuid():
        return "is another user's"
    return "can be written to by others" if found.st_mode & _OTHERS_WRITE else ""
