"""What a pass did, per environment. Pure values."""

from dataclasses import dataclass
from enum import Enum

from envsync import desired
from envsync.errors import Problem
from envsync.plan.actions import Action, EnvironmentPlan, State

__all__ = ["EnvironmentReport", "Outcome", "Report", "outcome_of"]


class Outcome(Enum):
    """What became of one environment."""

    UNCHANGED = "unchanged"
    LINKED = "linked"
    INSTALLED = "installed"
    REPAIRED = "repaired"
    CREATED = "created"
    REBUILT = "rebuilt"
    ROLLED_BACK = "rolled-back"
    SKIPPED = "skipped"
    CONFLICT = "conflict"
    FAILED = "failed"


_BY_KIND = {
    "link": Outcome.LINKED,
    "install": Outcome.INSTALLED,
    "repair": Outcome.REPAIRED,
    "create": Outcome.CREATED,
    "rebuild": Outcome.REBUILT,
    "rollback": Outcome.ROLLED_BACK,
}
_WEIGHT = list(Outcome)


@dataclass(frozen=True, slots=True)
class EnvironmentReport:
    """One environment after a pass."""

    plan: EnvironmentPlan
    """What was done, or was to be done."""
    outcome: Outcome
    error: Problem | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A whole pass."""

    manifest: desired.Manifest
    environments: tuple[EnvironmentReport, ...]
    interrupted: bool = False


def outcome_of(state: State, actions: tuple[Action, ...]) -> Outcome:
    """Name what a plan that was carried out did; of several actions, the heaviest."""
    if state is State.CONFLICT:
        return Outcome.CONFLICT
    if state is State.WAITING:
        return Outcome.SKIPPED
    return max((_BY_KIND[action.kind] for action in actions), key=_WEIGHT.index, default=Outcome.UNCHANGED)
