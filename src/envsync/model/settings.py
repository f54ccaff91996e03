"""How to apply a plan."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from envsync.model import desired
from envsync.model.plan import EnvironmentPlan
from envsync.model.report import EnvironmentReport


class Again(Protocol):
    """Observes and decides one environment again."""

    def __call__(self, environment: desired.Environment, unfit: frozenset[str] = frozenset()) -> EnvironmentPlan:
        """Return the plan; ``unfit`` are the names of installers that turned out not to work with its Python."""


Progress = Callable[[EnvironmentReport], None]
"""Called in the caller's thread whenever an environment is done."""


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
    lock_timeout: float
    generations_dir: str
    """The directory of generations: the manifest's ``state-dir``."""
    remembers: bool = True
    """Whether to use what earlier passes built, and to keep what this one builds for later ones."""
    staging: str = ""
    """A directory of the user's own, to build in where others may write beside an environment and to
    ``generations_dir``.
    """
