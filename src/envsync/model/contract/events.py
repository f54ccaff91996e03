"""The events of ``watch --json``: each is named for its ``event``."""

from typing import Literal, TypedDict

from envsync.model.contract.environments import EnvironmentEntry, ErrorEntry, ReportEntry
from envsync.model.contract.values import ProblemCode, ReasonValue


class Event(TypedDict):
    """What every event has."""

    schema: Literal[1]
    """The version of this contract"""
    envsync: str
    """The version of envsync"""
    time: str
    """When it was reported, ISO 8601, UTC"""
    event: str
    """Its name"""


class StartedEvent(Event):
    """It has begun to watch."""

    manifest: str
    """The absolute path of the manifest"""
    environments: int
    """How many environments it declares"""
    folders: int
    """How many directories are watched"""
    mode: Literal["events", "polling"]
    """How changes are noticed"""


class PassEvent(Event):
    """A pass has ended."""

    reason: ReasonValue
    """The reason for the pass"""
    states: dict[str, int]
    """How many environments are in each state"""
    outcomes: dict[str, int]
    """How many environments have each outcome"""
    seconds: float
    """How long it took"""


class AppliedEvent(Event):
    """An environment was worked on, or that failed."""

    environment: ReportEntry
    """The environment"""
    retry_in: float | None
    """Seconds until it is tried again; null unless it is"""


class ConflictEvent(Event):
    """An environment is in conflict, or no longer."""

    environment: EnvironmentEntry
    """The environment"""


class RecoveredEvent(Event):
    """An environment that failed is as declared, without work of this watcher."""

    environment: EnvironmentEntry
    """The environment"""


class ManifestErrorEvent(Event):
    """The manifest cannot be read, and the last valid one stays in force; or it is valid again."""

    manifest: str
    """The absolute path of the manifest"""
    errors: list[ErrorEntry]
    """What is wrong; empty where it is valid again"""


class DegradedEvent(Event):
    """It goes on with less than it was asked for: it polls, or lacks its metrics or a command."""

    code: ProblemCode
    """What happened"""
    message: str
    """What happened, for people"""
    hint: str
    """What to do, for people"""


class StoppedEvent(Event):
    """It ends; or it could not begin."""

    exit_code: int
    """The exit status"""
    signal: str | None
    """The signal that ends it, such as `SIGTERM`; null if none does"""
    at_once: bool
    """Whether work was interrupted, and undone"""
    left: list[str]
    """The names of environments that were left as they were"""
    errors: list[ErrorEntry]
    """Why it could not begin; else empty"""


AnyEvent = (
    StartedEvent
    | PassEvent
    | AppliedEvent
    | ConflictEvent
    | RecoveredEvent
    | ManifestErrorEvent
    | DegradedEvent
    | StoppedEvent
)
