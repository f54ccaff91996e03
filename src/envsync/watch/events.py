"""A watcher's events: values, which ``report.watching`` renders."""

from envsync.model.dataclass import dataclass
from envsync.model.plan import EnvironmentPlan
from envsync.model.problems import Problem
from envsync.model.report import EnvironmentReport
from envsync.watch.schedule import Reason


@dataclass(frozen=True, slots=True)
class Started:
    """It has begun to watch."""

    manifest: str
    environments: int
    directories: int
    """The number of directories that are watched."""
    polling: bool


@dataclass(frozen=True, slots=True)
class Passed:
    """A pass has ended."""

    reason: Reason
    environments: tuple[EnvironmentPlan, ...]
    """Their plans at the start of the pass."""
    applied: tuple[EnvironmentReport, ...]
    """The reports of those that it worked on."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Applied:
    """An environment was worked on, or that failed."""

    report: EnvironmentReport
    retry_in: float | None = None
    """Seconds until the retry after a failure; ``None`` where nothing is retried."""
    repeated: bool = False
    """Whether it failed with the same error as the time before."""


@dataclass(frozen=True, slots=True)
class Conflicted:
    """An environment is in conflict, or no longer, as its plan says."""

    plan: EnvironmentPlan


@dataclass(frozen=True, slots=True)
class ManifestFailed:
    """The manifest cannot be read, and the last valid one stays in force; without problems: it is valid again."""

    manifest: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Degraded:
    """It has begun to poll instead of listening."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Stopped:
    """It is about to end."""

    exit_code: int
    signal: str | None
    at_once: bool = False
    """Whether work was interrupted, and undone."""
    left: tuple[str, ...] = ()
    """The names of the environments that this left as they were."""


Event = Started | Passed | Applied | Conflicted | ManifestFailed | Degraded | Stopped
