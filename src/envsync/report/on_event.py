"""The values of the placeholders in the words of ``on-event``, for what a watcher reports."""

from envsync.formats.redact import redacted
from envsync.model.plan import EnvironmentPlan
from envsync.model.report import CHANGED, EnvironmentReport
from envsync.report.terminal import abbreviate_home
from envsync.report.text import outcome_text
from envsync.watch.events import Applied, Conflicted, Event, Recovered

_LONGEST = 2000
"""Characters of a message."""


def values_of(event: Event, manifest: str) -> dict[str, str] | None:
    """Return the value of each placeholder; ``None`` for an event for which nothing is run."""
    match event:
        case Applied(report) if report.error is not None:
            return _values(_now(report), manifest, "failed", f"failed: {report.error.message}", report.error.code)
        case Applied(report) if report.outcome in CHANGED:
            return _values(_now(report), manifest, report.outcome.value, outcome_text(report))
        case Conflicted(plan) if plan.conflicts:
            message = "; ".join(conflict.message for conflict in plan.conflicts)
            return _values(plan, manifest, "conflict", f"conflict: {message}", plan.conflicts[0].code)
        case Conflicted(plan) | Recovered(plan):
            return _values(plan, manifest, "recovered", "recovered: nothing is wrong any more")
        case _:
            return None


def _now(report: EnvironmentReport) -> EnvironmentPlan:
    return report.after or report.plan


def _values(plan: EnvironmentPlan, manifest: str, event: str, message: str, code: str = "") -> dict[str, str]:
    return {
        "name": plan.environment.name,
        "path": plan.environment.path,
        "event": event,
        "message": redacted(abbreviate_home(message))[:_LONGEST],
        "code": code,
        "python": plan.world.python_version,
        "manifest": manifest,
    }
