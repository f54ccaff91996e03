"""Show what a watcher tells: a line for each change to people, an object for each event to programs."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, assert_never

from envsync import __version__
from envsync.errors import Problem
from envsync.plan.actions import State
from envsync.report.document import environment_entry, problem_entry, report_entry
from envsync.report.paint import Paint, tilde
from envsync.report.text import outcome_lines, problem_lines, state_lines
from envsync.watch.events import Applied, Conflicted, Degraded, Event, ManifestFailed, Passed, Started, Stopped

__all__ = ["event_entry", "event_lines", "failure_entry", "is_result", "now"]


def is_result(event: Event) -> bool:
    """Tell whether an event is what somebody watches for, and no message about the watching."""
    return isinstance(event, Passed | Applied | Conflicted)


def event_lines(event: Event, paint: Paint, *, verbose: bool) -> Iterator[str]:
    """Show an event to people, who want to know what changed and otherwise their peace."""
    match event:
        case Applied(report, retry_in, repeated):
            if not repeated or verbose:
                yield from outcome_lines(report, paint)
            if retry_in is not None and (not repeated or verbose):
                yield f"    {paint('dim', 'next try:')} in {retry_in:g} s, or when its inputs change"
        case Conflicted(plan):
            yield from state_lines(plan, paint)
        case ManifestFailed(manifest, ()):
            yield f"{tilde(manifest)} is good again"
        case ManifestFailed(_, problems):
            yield from problem_lines(problems, paint)
            yield f"  {paint('dim', 'note:')} the last good manifest stays in force"
        case Degraded(problem):
            yield f"{paint('yellow', 'warning')}: {problem.message}"
            yield f"  {paint('dim', 'hint:')} {problem.hint}"
        case Started(manifest, environments, folders, polling):
            how = "looking every few seconds at" if polling else "watching"
            yield f"{how} {folders} folders for {environments} environments of {tilde(manifest)}"
        case Passed():
            if verbose:
                yield paint("dim", _pass_line(event))
        case Stopped(_, signal, at_once):
            yield f"stopped{f' by {signal}' if signal else ''}{', in the middle of a step' if at_once else ''}"
        case _:
            assert_never(event)


def now() -> str:
    """Give the time of an event that is told now."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def event_entry(event: Event, time: str) -> dict[str, Any]:
    """Give an event's object; ``time`` is when it was told, as ISO 8601 has it."""
    name, fields = _fields(event)
    return {"schema": 1, "envsync": __version__, "time": time, "event": name} | fields


def failure_entry(exit_code: int, problems: Iterable[Problem], time: str) -> dict[str, Any]:
    """Give the only event of a watcher that could not begin."""
    entry = event_entry(Stopped(exit_code, None), time)
    return entry | {"errors": [problem_entry(one) for one in problems]}


def _fields(event: Event) -> tuple[str, dict[str, Any]]:
    match event:
        case Started(manifest, environments, folders, polling):
            mode = "polling" if polling else "events"
            return "started", {
                "manifest": manifest,
                "environments": environments,
                "folders": folders,
                "mode": mode,
            }
        case Passed(reason, plans, applied, seconds):
            states = Counter(one.state.value for one in plans)
            outcomes = Counter(one.outcome.value for one in applied)
            return "pass", {
                "reason": reason.value,
                "states": {state.value: states[state.value] for state in State},
                "outcomes": dict(outcomes),
                "seconds": round(seconds, 4),
            }
        case Applied(report, retry_in):
            return "applied", {"environment": report_entry(report), "retry_in": retry_in}
        case Conflicted(plan):
            return "conflict", {"environment": environment_entry(plan)}
        case ManifestFailed(manifest, problems):
            return "manifest-error", {"manifest": manifest, "errors": [problem_entry(one) for one in problems]}
        case Degraded(problem):
            return "degraded", {"code": problem.code, "message": problem.message, "hint": problem.hint}
        case Stopped(exit_code, signal, at_once):
            return "stopped", {"exit_code": exit_code, "signal": signal, "at_once": at_once, "errors": []}
        case _:
            assert_never(event)


def _pass_line(event: Passed) -> str:
    states = Counter(one.state.value for one in event.environments)
    found = ", ".join(f"{states[state.value]} {state.value}" for state in State if states[state.value])
    return f"pass ({event.reason.value}): {found or 'no environments'}; {event.seconds * 1000:.0f} ms"
