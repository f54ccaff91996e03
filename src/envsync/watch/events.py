"""A watcher's events: values, which ``report.watching`` renders."""

from collections.abc import Mapping
from dataclasses import field

from envsync.model.dataclass import dataclass
from envsync.model.plan import EnvironmentPlan, Plan
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
    after: Plan
    """What its last look found."""
    failures: Mapping[str, Problem] = field(default_factory=dict)
    """Why environments failed, by name, as far as that has not been resolved since."""


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
class Recovered:
    """An environment that failed is as declared, without work of this watcher."""

    plan: EnvironmentPlan


@dataclass(frozen=True, slots=True)
class ManifestFailed:
    """The manifest cannot be read, and the last valid one stays in force; without problems: it is valid again."""

    manifest: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Degraded:
    """It goes on with less than it was asked for: it polls instead of listening, say."""

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


Event = Started | Passed | Applied | Conflicted | Recovered | ManifestFailed | Degraded | Stopped
