"""Render a watcher's events: a line for each change for people, a JSON object for each event for programs."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import assert_never

from envsync import __version__
from envsync.model.plan import State
from envsync.model.problems import Problem
from envsync.model.report import Outcome
from envsync.report.progress import named
from envsync.report.terminal import Paint, abbreviate_home, abbreviate_in_commands, tilde
from envsync.report.text import outcome_lines, problem_lines, state_lines
from envsync.report.totals import environments
from envsync.watch.events import (
    Applied,
    Conflicted,
    Degraded,
    Event,
    ManifestFailed,
    Passed,
    Recovered,
    Started,
    Stopped,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract import events as contract

_NAMES: dict[type[Event], str] = {
    Started: "started",
    Passed: "pass",
    Applied: "applied",
    Conflicted: "conflict",
    Recovered: "recovered",
    ManifestFailed: "manifest-error",
    Degraded: "degraded",
    Stopped: "stopped",
}
_ENDED = {"SIGINT": "interrupted", "SIGTERM": "terminated"}
"""The word for the signal that ended it, as every command has it."""
_STATES = {
    State.IN_SYNC: "in sync",
    State.MISSING: "missing",
    State.DRIFT: "drifted",
    State.CONFLICT: "in conflict",
    State.WAITING: "waiting",
}


def is_result(event: Event) -> bool:
    """Check whether an event is a result, for standard output, and not a message about the watcher itself."""
    return isinstance(event, Passed | Applied | Conflicted | Recovered)


def is_problem(event: Event) -> bool:
    """Check whether an event is that something is wrong."""
    match event:
        case Applied(report):
            return report.error is not None
        case Conflicted(plan):
            return bool(plan.conflicts)
        case ManifestFailed():
            return bool(event.problems)
        case Degraded():
            return True
        case Started() | Passed() | Recovered() | Stopped():
            return False
        case _:
            assert_never(event)


def event_lines(event: Event, paint: Paint, *, verbose: bool) -> Iterator[str]:
    """Yield an event's lines for people; none for what only ``verbose`` asks for."""
    match event:
        case Applied():
            if verbose or not (event.repeated or event.report.outcome is Outcome.INTERRUPTED):
                yield from _applied(event, paint)
        case Conflicted(plan) | Recovered(plan):
            yield from state_lines(plan, paint)
        case ManifestFailed():
            yield from _manifest(event, paint)
        case Degraded(problem):
            yield f"{paint('yellow', 'warning')}: {abbreviate_home(problem.message)}"
            yield f"  {paint('dim', 'hint:')} {abbreviate_in_commands(problem.hint)}"
        case Started(manifest, count, directories, polling):
            how = "looking every few seconds at" if polling else "watching"
            watched = "1 directory" if directories == 1 else f"{directories} directories"
            yield f"{how} {watched} for {environments(count)} of {tilde(manifest)}"
        case Passed():
            yield from [paint("dim", _pass_line(event))] * verbose
        case Stopped(_, signal, at_once, left):
            word = _ENDED.get(signal or "", "stopped")
            rest = f"; left as they were: {named(left)}" if left else ", in the middle of a step" if at_once else ""
            yield f"{word}{rest}"
        case _:
            assert_never(event)


def _applied(event: Applied, paint: Paint) -> Iterator[str]:
    yield from outcome_lines(event.report, paint)
    if event.retry_in is not None:
        yield f"    {paint('dim', 'next try:')} in {event.retry_in:g} s, or when its inputs change"


def _manifest(event: ManifestFailed, paint: Paint) -> Iterator[str]:
    if not event.problems:
        yield f"{tilde(event.manifest)} is valid again"
        return
    yield from problem_lines(event.problems, paint)
    yield f"  {paint('dim', 'note:')} the last valid manifest stays in force"


def now() -> str:
    """Return the current time in UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def event_entry(event: Event, time: str) -> "contract.AnyEvent":  # noqa: PLR0911  # one for each event
    """Return an event's JSON object; ``time`` is when it was reported, ISO 8601."""
    head: contract.Event = {"schema": 1, "envsync": __version__, "time": time, "event": _NAMES[type(event)]}
    match event:
        case Started():
            return _started(head, event)
        case Passed():
            return _passed(head, event)
        case Applied(report, retry_in):
            return {**head, "environment": report.to_dict(), "retry_in": retry_in}
        case Conflicted(plan) | Recovered(plan):
            return {**head, "environment": plan.to_dict()}
        case ManifestFailed(manifest, problems):
            return {**head, "manifest": manifest, "errors": [one.to_dict() for one in problems]}
        case Degraded(problem):
            return {**head, **problem.brief()}
        case Stopped():
            return _stopped(head, event)
        case _:
            assert_never(event)


def failure_entry(exit_code: int, problems: Iterable[Problem], time: str) -> "contract.StoppedEvent":
    """Return the only event of a watcher that could not start."""
    head: contract.Event = {"schema": 1, "envsync": __version__, "time": time, "event": _NAMES[Stopped]}
    return {**_stopped(head, Stopped(exit_code, None)), "errors": [one.to_dict() for one in problems]}


def _started(head: "contract.Event", event: Started) -> "contract.StartedEvent":
    return {
        **head,
        "manifest": event.manifest,
        "environments": event.environments,
        "folders": event.directories,
        "mode": "polling" if event.polling else "events",
    }


def _passed(head: "contract.Event", event: Passed) -> "contract.PassEvent":
    states = Counter(one.state.value for one in event.environments)
    return {
        **head,
        "reason": event.reason.value,
        "states": {state.value: states[state.value] for state in State},
        "outcomes": dict(Counter(one.outcome.value for one in event.applied)),
        "seconds": round(event.seconds, 4),
    }


def _stopped(head: "contract.Event", event: Stopped) -> "contract.StoppedEvent":
    return {
        **head,
        "exit_code": event.exit_code,
        "signal": event.signal,
        "at_once": event.at_once,
        "left": [*event.left],
        "errors": [],
    }


def _pass_line(event: Passed) -> str:
    states = Counter(one.state.value for one in event.environments)
    found = ", ".join(f"{states[state.value]} {word}" for state, word in _STATES.items() if states[state.value])
    return f"pass ({event.reason.value}): {found or 'no environments'}; {event.seconds * 1000:.0f} ms"
