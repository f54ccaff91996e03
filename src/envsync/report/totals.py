"""Count environments by what is or was to be done, in one line. Prints nothing."""

from collections import Counter
from collections.abc import Iterable

from envsync.model.plan import EnvironmentPlan, Plan, State
from envsync.report.terminal import abbreviate_home, escape

_TO_DO = ("create", "rebuild", "roll back", "repair", "install", "link")
_DONE_WORDS = (
    *("created", "rebuilt", "rolled back", "repaired", "upgraded", "installed", "linked"),
    *("failed", "conflict", "interrupted", "skipped", "waiting", "in sync"),
)
_LONG = 10.0
"""Seconds from which on it is said how long a pass took."""


def check_line(plan: Plan) -> str:
    """Report in one line whether all environments are in sync."""
    drifted = [one for one in plan.environments if one.state not in {State.IN_SYNC, State.WAITING}]
    count = len(plan.environments)
    if not drifted:
        waiting = sum(one.state is State.WAITING for one in plan.environments)
        rest = f", {waiting} {_waiting(plan)}" if waiting else ""
        return f"{environments(count - waiting)} in sync{rest}{_faulty(plan.environments)}"
    shown = ", ".join(f"{escape(one.environment.name)} ({_codes(one)})" for one in drifted[:5])
    more = f" and {len(drifted) - 5} more" if len(drifted) > 5 else ""  # noqa: PLR2004
    return f"{len(drifted)} of {environments(count)} not in sync: {shown}{more}"


def unchanged_line(plan: Plan) -> str:
    """Return the summary of a pass that had nothing to do."""
    words = ("waiting" if one.state is State.WAITING else "in sync" for one in plan.environments)
    return done_totals(words, plan) + _faulty(plan.environments)


def plan_totals(words: Iterable[str], plan: Plan) -> str:
    """Return what would become of how many; ``words`` has one for each environment."""
    return _summary(Counter(words), (*_TO_DO, "conflict", "waiting", "in sync"), plan)


def done_totals(words: Iterable[str], plan: Plan, seconds: float = 0.0) -> str:
    """Return what became of how many, and how long it took; where none was touched, that they are unchanged.

    ``words`` has one for each environment; a short time is not worth a word.
    """
    counts = Counter(words)
    labels = {"waiting": _waiting(plan)} if counts["waiting"] else {}
    if not counts.keys() - {"waiting", "in sync"}:
        labels["in sync"] = "in sync, unchanged"
    counts = Counter({labels.get(word, word): count for word, count in counts.items()})
    took = f", in {_duration(seconds)}" if seconds >= _LONG else ""
    return _summary(counts, tuple(labels.get(word, word) for word in _DONE_WORDS), plan) + took


def _waiting(plan: Plan) -> str:
    """Return what is waited for: a directory by its path, several by a word."""
    awaited = {one.world.waiting_for or "" for one in plan.environments if one.state is State.WAITING}
    return f"waiting for {abbreviate_home(escape(next(iter(awaited)))) if len(awaited) == 1 else 'their directories'}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _faulty(plans: Iterable[EnvironmentPlan]) -> str:
    """Return the first fault of a working environment, and how many environments have one; empty if none has."""
    faulty = [one for one in plans if one.faults]
    if not faulty:
        return ""
    more = f" (and {len(faulty) - 1} more: envsync plan)" if len(faulty) > 1 else ""
    return f"; {escape(faulty[0].environment.name)}: {abbreviate_home(escape(faulty[0].faults[0]))}{more}"


def _summary(counts: Counter[str], words: tuple[str, ...], plan: Plan) -> str:
    if not plan.environments:
        return nothing_declared(plan)
    elsewhere = [f"{len(plan.manifest.elsewhere)} for other hosts"] if plan.manifest.elsewhere else []
    return ", ".join([_count(counts[word], word) for word in words if counts[word]] + elsewhere)


def _count(count: int, word: str) -> str:
    """Return a count of environments as people say it: ``1 to create``, ``2 conflicts``, ``3 in sync``."""
    if word == "conflict" and count != 1:
        return f"{count} conflicts"
    words = f"to {word}" if word in _TO_DO else word
    return f"{count} {words}"


def nothing_declared(plan: Plan) -> str:
    """Return the line for a manifest that declares no environment, or none for this host."""
    others = len(plan.manifest.elsewhere)
    more = f" for this host ({others} for other hosts)" if others else ""
    how = "envsync add NAME declares one, envsync import PATH finds some"
    return f"no environments are declared{more}: {how}"


def _codes(one: EnvironmentPlan) -> str:
    codes = [conflict.code for conflict in one.conflicts] or [drift.code for drift in one.drift]
    return ", ".join(dict.fromkeys(codes))


def environments(count: int) -> str:
    """Return a count of environments, such as ``1 environment``."""
    return f"{count} environment" if count == 1 else f"{count} environments"
