"""What a pass did, per environment. Pure values."""

import shlex
from dataclasses import replace
from enum import StrEnum

from envsync.model import desired
from envsync.model.dataclass import dataclass
from envsync.model.document import document
from envsync.model.packages import Change
from envsync.model.plan import Action, EnvironmentPlan, Install, Rollback, State
from envsync.model.problems import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.documents import Document
    from envsync.model.contract.environments import ReportEntry
    from envsync.model.contract.values import Status


class Outcome(StrEnum):
    """What happened to one environment."""

    UNCHANGED = "unchanged"
    LINKED = "linked"
    INSTALLED = "installed"
    REPAIRED = "repaired"
    UPGRADED = "upgraded"
    CREATED = "created"
    REBUILT = "rebuilt"
    ROLLED_BACK = "rolled-back"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"
    """It was stopped before it was complete, and undone."""
    CONFLICT = "conflict"
    FAILED = "failed"


CHANGED = frozenset(
    {Outcome.LINKED, Outcome.INSTALLED, Outcome.REPAIRED, Outcome.UPGRADED, Outcome.CREATED, Outcome.REBUILT}
    | {Outcome.ROLLED_BACK}
)
"""Outcomes of work that was completed."""
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
    """What was done, or should have been."""
    outcome: Outcome
    error: Problem | None = None
    packages: tuple[Change, ...] = ()
    """The versions that changed."""
    after: EnvironmentPlan | None = None
    """What is there now, where something was done."""

    def to_dict(self) -> "ReportEntry":
        """Return its entry in the JSON document: ``hops``, ``end`` and ``state`` are of now, ``drift`` was."""
        was = self.plan.to_dict()
        now = self.after.to_dict() if self.after is not None else was
        return {
            **was,
            "hops": now["hops"],
            "end": now["end"],
            "state": now["state"],
            "outcome": self.outcome.value,
            "packages": [one.to_dict() for one in self.packages],
            "error": self.error.brief() if self.error else None,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """A whole pass."""

    manifest: desired.Manifest
    environments: tuple[EnvironmentReport, ...]
    interrupted: bool = False
    """Whether a signal ended it early."""

    @property
    def status(self) -> "Status":
        """``failed``, ``conflict``, ``applied``, or ``in-sync`` where there was nothing to do."""
        outcomes = {one.outcome for one in self.environments}
        if self.interrupted or Outcome.FAILED in outcomes:
            return "failed"
        if Outcome.CONFLICT in outcomes:
            return "conflict"
        return "in-sync" if outcomes <= {Outcome.UNCHANGED, Outcome.SKIPPED} else "applied"

    @property
    def ok(self) -> bool:
        """Whether every environment is as declared, or waits for what it was declared to wait for."""
        return self.status in {"applied", "in-sync"}

    def to_dict(self) -> "Document":
        """Return the document of ``envsync apply --json``."""
        exit_code = 130 if self.interrupted else None  # as after SIGINT
        entries = [one.to_dict() for one in self.environments]
        return document("apply", self.manifest.file, self.status, entries, exit_code)


def outcome_of(state: State, actions: tuple[Action, ...]) -> Outcome:
    """Return the outcome of a plan that was applied; of several actions, the last in the order of ``Outcome``."""
    if state is State.CONFLICT:
        return Outcome.CONFLICT
    if state is State.WAITING:
        return Outcome.SKIPPED
    return max(map(_outcome, actions), key=_WEIGHT.index, default=Outcome.UNCHANGED)


def _outcome(action: Action) -> Outcome:
    upgrades = isinstance(action, Install) and action.spec.upgrade
    return Outcome.UPGRADED if upgrades else _BY_KIND[action.kind]


def report_of(plan: EnvironmentPlan, after: EnvironmentPlan) -> EnvironmentReport:
    """Return what was done: a failure, ``not-converged``, if there is still drift or a conflict after a plan."""
    is_rollback = any(isinstance(action, Rollback) for action in plan.actions)  # its own drift is known
    if plan.actions and not is_rollback and (after.drift or after.conflicts):
        left = "; ".join([drift.message for drift in after.drift] + [conflict.message for conflict in after.conflicts])
        problem = Problem(
            "not-converged",
            f"it was applied, and yet: {left}",
            f"See: envsync explain {shlex.quote(plan.environment.name)}",
        )
        return EnvironmentReport(plan, Outcome.FAILED, problem, after=after)
    notes = plan.notes if is_rollback else tuple(dict.fromkeys((*plan.notes, *after.notes)))
    changed = (notes, after.faults, after.left_out) != (plan.notes, plan.faults, plan.left_out)
    shown = replace(plan, notes=notes, faults=after.faults, left_out=after.left_out) if changed else plan
    return EnvironmentReport(shown, outcome_of(plan.state, plan.actions), after=after)
