"""What a watcher tells: values, rendered elsewhere."""

from dataclasses import dataclass

from envsync.model.plan import EnvironmentPlan
from envsync.model.problems import Problem
from envsync.model.report import EnvironmentReport
from envsync.watch.schedule import Reason


@dataclass(frozen=True, slots=True)
class Started:
    """It watches from now on."""

    manifest: str
    environments: int
    directories: int
    """How many directories are watched."""
    polling: bool


@dataclass(frozen=True, slots=True)
class Passed:
    """A pass ended."""

    reason: Reason
    environments: tuple[EnvironmentPlan, ...]
    """As the pass found them."""
    applied: tuple[EnvironmentReport, ...]
    """What it worked on."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Applied:
    """One environment was worked on, or could not be."""

    report: EnvironmentReport
    retry_in: float | None = None
    """Seconds until the next try, after a failure."""
    repeated: bool = False
    """Whether it is the same failure as the last time."""


@dataclass(frozen=True, slots=True)
class Conflicted:
    """An environment is in conflict, or is no more, which its plan tells."""

    plan: EnvironmentPlan


@dataclass(frozen=True, slots=True)
class ManifestFailed:
    """The manifest cannot be read, so the last good one stays in force; without problems: it is good again."""

    manifest: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Degraded:
    """It polls from now on."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Stopped:
    """It ends."""

    exit_code: int
    signal: str | None
    at_once: bool = False
    """Whether a step that took too long was cut off."""


Event = Started | Passed | Applied | Conflicted | ManifestFailed | Degraded | Stopped
