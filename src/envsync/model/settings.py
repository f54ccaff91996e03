"""How to apply a plan."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from envsync.model import desired
from envsync.model.plan import EnvironmentPlan
from envsync.model.report import EnvironmentReport


class DecideAgain(Protocol):
    """Observes one environment and plans it again."""

    def __call__(self, environment: desired.Environment, unfit: frozenset[str] = frozenset()) -> EnvironmentPlan:
        """Return the plan; ``unfit`` are the names of installers that turned out not to work with its Python."""


Progress = Callable[[EnvironmentReport], None]
"""Called in the caller's thread each time an environment is done."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to apply."""

    cache: str
    """The cache directory."""
    locks: str
    """The directory of the lock files."""
    logs: str
    """The directory of the installers' logs."""
    jobs: int
    """The number of environments to apply at the same time."""
    lock_timeout: float
    """Seconds to wait for a lock that another process holds."""
    generations_dir: str
    """The directory of generations: the manifest's ``state-dir``."""
    remembers: bool = True
    """Whether to use templates of earlier passes, and to keep those of this one."""
    staging: str = ""
    """A directory of the user's own, to build in where others may write beside an environment and to
    ``generations_dir``."""
