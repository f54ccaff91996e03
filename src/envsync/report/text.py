"""Render plans, reports and version changes as text, a line for each environment. Prints nothing."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import assert_never

from envsync.model.plan import Action, Create, EnvironmentPlan, Install, Link, Plan, Rebuild, Repair, Rollback, State
from envsync.model.problems import Problem
from envsync.model.report import EnvironmentReport, Outcome, Report
from envsync.plan.explain import shows_more
from envsync.report.causes import Cause, grouped, rebuild_text
from envsync.report.packages import package_lines
from envsync.report.terminal import Paint, abbreviate_home, abbreviate_in_commands, escape, listed, shell_quoted, tilde

_WIDEST = 48
"""Columns that paths are padded to at most; a longer path pushes what follows it to the right."""
_NARROW = 9
"""Columns of a word at least."""
_PLANNED = {
    "create": ("+", "green"),
    "rebuild": ("*", "yellow"),
    "roll back": ("*", "yellow"),
    "repair": ("~", "yellow"),
    "install": ("~", "yellow"),
    "link": (">", "blue"),
    "conflict": ("!", "red"),
    "waiting": (".", "dim"),
    "in sync": ("=", "dim"),
}
_DONE = {
    Outcome.CREATED: ("+", "green"),
    Outcome.REBUILT: ("*", "green"),
    Outcome.ROLLED_BACK: ("*", "green"),
    Outcome.REPAIRED: ("~", "green"),
    Outcome.INSTALLED: ("~", "green"),
    Outcome.UPGRADED: ("~", "green"),
    Outcome.LINKED: (">", "green"),
    Outcome.CONFLICT: ("!", "red"),
    Outcome.FAILED: ("x", "red"),
    Outcome.INTERRUPTED: (".", "yellow"),
    Outcome.SKIPPED: (".", "dim"),
    Outcome.UNCHANGED: ("=", "dim"),
}
_PAST = {
    "install": "installed",
    "reinstall": "reinstalled",
    "remove": "removed",
    "upgrade": "upgraded",
    "go back": "went back",
}
_VERB = re.compile(rf"(?:^|(?<=, ))({'|'.join(_PAST)})(?= )")
"""A verb at the beginning of a message or of a part of it: ``install flask, remove six``."""
_TO_DO = ("create", "rebuild", "roll back", "repair", "install", "link")
_DONE_WORDS = (
    *("created", "rebuilt", "rolled back", "repaired", "upgraded", "installed", "linked"),
    *("failed", "conflict", "interrupted", "skipped", "waiting", "in sync"),
)


def plan_lines(plan: Plan, paint: Paint, *, verbose: bool, nothing: str = "") -> Iterator[str]:
    """Yield the totals, then what would be done, and why; ``nothing`` is said instead where all is in sync."""
    words = {one.environment.name: _planned_word(one) for one in plan.environments}
    if nothing and words and {*words.values()} == {"in sync"}:
        yield nothing
    else:
        totals = _summary(Counter(words.values()), (*_TO_DO, "conflict", "waiting", "in sync"), plan)
        yield f"{paint('bold', 'Plan:')} {totals}" if {*words.values()} - {"in sync"} else totals
    shown = [one for one in plan.environments if verbose or words[one.environment.name] != "in sync" or one.notes]
    groups = grouped((one, words[one.environment.name], one.packages, None) for one in shown if not verbose)
    columns = _Columns((one for one in shown if one.environment.name not in groups), paint, words.values())
    for one in shown:
        word = words[one.environment.name]
        group = groups.get(one.environment.name)
        if group is not None and group.plan is not one:
            continue
        yield columns.line(_PLANNED[word], word, one) if group is None else columns.group(_PLANNED[word], word, group)
        yield from _details(one, paint)
        yield from package_lines(one.packages, paint, verbose=verbose)


def report_lines(report: Report, paint: Paint, *, verbose: bool, seconds: float = 0.0) -> Iterator[str]:
    """Yield what was done, and why; environments that were not touched are only counted.

    ``seconds`` is how long it took; a short time is not worth a word.
    """
    quiet = {Outcome.UNCHANGED, Outcome.SKIPPED, Outcome.INTERRUPTED}
    shown = [one for one in report.environments if verbose or one.outcome not in quiet or one.plan.faults]
    entries = ((one.plan, _done_word(one), one.packages, one.error) for one in shown if not verbose)
    groups = grouped(entries)
    single = (one.plan for one in shown if one.plan.environment.name not in groups)
    columns = _Columns(single, paint, map(_done_word, shown))
    for one in shown:
        word, done = _done_word(one), one.error is None
        group = groups.get(one.plan.environment.name)
        if group is not None and group.plan is not one.plan:
            continue
        look = _DONE[one.outcome]
        yield columns.line(look, word, one.plan, done=done) if group is None else columns.group(look, word, group)
        yield from _details(one.plan, paint)
        if one.outcome is not Outcome.CREATED or verbose:
            yield from package_lines(one.packages, paint, verbose=verbose)
        yield from _failure(one, paint)
    plans = tuple(one.plan for one in report.environments)
    totals = _done_totals(Counter(map(_done_word, report.environments)), Plan(report.manifest, plans))
    yield totals + (f", in {_duration(seconds)}" if seconds >= _LONG else "")


_LONG = 10.0
"""Seconds from which on it is said how long a pass took."""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def outcome_lines(one: EnvironmentReport, paint: Paint) -> Iterator[str]:
    """Yield what was done to one environment, without a summary."""
    yield _Columns([one.plan], paint, [_done_word(one)]).line(
        _DONE[one.outcome], _done_word(one), one.plan, done=one.error is None
    )
    yield from _details(one.plan, paint)
    if one.outcome is not Outcome.CREATED:
        yield from package_lines(one.packages, paint, verbose=False)
    yield from _failure(one, paint)


def state_lines(one: EnvironmentPlan, paint: Paint) -> Iterator[str]:
    """Yield the state of one environment, without a summary."""
    word = _planned_word(one)
    yield _Columns([one], paint, [word]).line(_PLANNED[word], word, one)
    yield from _details(one, paint)


def check_line(plan: Plan) -> str:
    """Report in one line whether all environments are in sync."""
    drifted = [one for one in plan.environments if one.state not in {State.IN_SYNC, State.WAITING}]
    count = len(plan.environments)
    if not drifted:
        waiting = sum(one.state is State.WAITING for one in plan.environments)
        rest = f", {waiting} waiting" if waiting else ""
        return f"{environments(count - waiting)} in sync{rest}{_faulty(plan.environments)}"
    shown = ", ".join(f"{escape(one.environment.name)} ({_codes(one)})" for one in drifted[:5])
    more = f" and {len(drifted) - 5} more" if len(drifted) > 5 else ""  # noqa: PLR2004
    return f"{len(drifted)} of {environments(count)} not in sync: {shown}{more}"


def unchanged_line(plan: Plan) -> str:
    """Return the summary of a pass that had nothing to do."""
    counts = Counter("waiting" if one.state is State.WAITING else "in sync" for one in plan.environments)
    return _done_totals(counts, plan) + _faulty(plan.environments)


def _done_totals(counts: Counter[str], plan: Plan) -> str:
    """Return what became of how many; where none was touched, that they are unchanged."""
    if not counts.keys() - {"waiting", "in sync"}:
        counts = Counter({word.replace("in sync", "in sync, unchanged"): count for word, count in counts.items()})
    return _summary(counts, (*_DONE_WORDS, "in sync, unchanged"), plan)


def _faulty(plans: Iterable[EnvironmentPlan]) -> str:
    """Return the first fault of a working environment, and how many environments have one; empty if none has."""
    faulty = [one for one in plans if one.faults]
    if not faulty:
        return ""
    more = f" (and {len(faulty) - 1} more: envsync plan)" if len(faulty) > 1 else ""
    return f"; {escape(faulty[0].environment.name)}: {abbreviate_home(escape(faulty[0].faults[0]))}{more}"


def problem_lines(problems: Iterable[Problem], paint: Paint) -> Iterator[str]:
    """Yield problems: the place, the fact, then the remedy."""
    for problem in problems:
        place = ":".join(str(part) for part in (problem.file, problem.line, problem.column) if part is not None)
        key = f"{problem.key}: " if problem.key else ""
        where = f"{place}: " if place else ""
        yield f"{paint('red', 'error')}: {tilde(where)}{escape(key)}{abbreviate_home(problem.message)}"
        if problem.hint:
            yield f"  {paint('dim', 'hint:')} {abbreviate_in_commands(problem.hint)}"


def _planned_word(one: EnvironmentPlan) -> str:
    if one.state is State.CONFLICT:
        return "conflict"
    if one.state is State.WAITING:
        return "waiting"
    kinds = ("link", "install", "repair", "create", "rebuild", "rollback")
    word = max((action.kind for action in one.actions), key=kinds.index, default="in sync")
    return word.replace("rollback", "roll back")


def _done_word(one: EnvironmentReport) -> str:
    if one.plan.state is State.WAITING:
        return "waiting"
    return "in sync" if one.outcome is Outcome.UNCHANGED else one.outcome.value.replace("-", " ")


class _Columns:
    """Lays out lines so that names and paths are aligned."""

    def __init__(self, shown: Iterable[EnvironmentPlan], paint: Paint, words: Iterable[str]) -> None:
        self._paint = paint
        self._word = max(map(len, words), default=0)
        cells = [(escape(one.environment.name), tilde(one.environment.path)) for one in shown]
        self._name = max((len(name) for name, _ in cells), default=0)
        self._path = min(max((len(path) for _, path in cells), default=0), _WIDEST)

    def line(self, look: tuple[str, str], word: str, one: EnvironmentPlan, *, done: bool = False) -> str:
        name = self._paint("bold", f"{escape(one.environment.name):<{self._name}}")
        path = f"{tilde(one.environment.path):<{self._path}}"
        return f"{self._head(look, word)}  {name}  {path}  {_why(one, done=done)}".rstrip()

    def group(self, look: tuple[str, str], word: str, cause: Cause) -> str:
        count = self._paint("bold", environments(len(cause.names)))
        names = listed([escape(name) for name in cause.names])
        return f"{self._head(look, word)}  {count}: {abbreviate_home(cause.text)}: {names}"

    def _head(self, look: tuple[str, str], word: str) -> str:
        symbol, style = look
        return self._paint(style, f"{symbol} {word:<{max(self._word, _NARROW)}}")


def _why(one: EnvironmentPlan, *, done: bool) -> str:
    if one.conflicts:
        message = "; ".join(conflict.message for conflict in one.conflicts)
        return abbreviate_home(message.removeprefix(f"{one.environment.path} "))  # it stands before
    if one.state is State.WAITING:
        return abbreviate_home("; ".join(one.notes))
    what = ", ".join(filter(None, (_summary_of(action, done=done) for action in one.actions)))
    reasons = [drift.message for drift in one.drift if not drift.code.endswith("missing")]
    shown = "; ".join(reasons[:3]) + (f" and {len(reasons) - 3} more" if len(reasons) > 3 else "")  # noqa: PLR2004
    return ": ".join(filter(None, (what, abbreviate_home(shown))))


def _summary_of(action: Action, *, done: bool) -> str:
    match action:
        case Create():
            return abbreviate_home(action.message.partition(" for ")[2])
        case Rebuild():
            return rebuild_text(action, done=done)
        case Install() | Rollback():
            message = _VERB.sub(lambda verb: _PAST[verb[0]], action.message) if done else action.message
            return abbreviate_home(message)
        case Repair():
            return ""  # the reasons say it
        case Link():
            return f"{tilde(action.link)} -> {tilde(action.link_text)}"
        case _:
            assert_never(action)


def _details(one: EnvironmentPlan, paint: Paint) -> Iterator[str]:
    for hint in dict.fromkeys(conflict.hint for conflict in one.conflicts):
        yield f"    {paint('dim', 'hint:')} {abbreviate_in_commands(hint)}"
    if any(shows_more(one, conflict) for conflict in one.conflicts):
        yield f"    {paint('dim', 'more:')} {shell_quoted(('envsync', 'explain', one.environment.name))}"
    if one.state is not State.WAITING:
        for note in one.notes:
            yield f"    {paint('dim', 'note:')} {abbreviate_home(note)}"


def _failure(one: EnvironmentReport, paint: Paint) -> Iterator[str]:
    if one.error is not None:
        yield f"    {paint('red', 'error:')} {abbreviate_home(one.error.message)}"
        if one.error.hint:
            yield f"    {paint('dim', 'hint:')} {abbreviate_in_commands(one.error.hint)}"


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
    """Return the line for a manifest that declares no environment for this host."""
    others = len(plan.manifest.elsewhere)
    more = f" ({others} for other hosts)" if others else ""
    how = "envsync add NAME declares one, envsync import PATH finds some"
    return f"no environments are declared for this host{more}: {how}"


def _codes(one: EnvironmentPlan) -> str:
    codes = [conflict.code for conflict in one.conflicts] or [drift.code for drift in one.drift]
    return ", ".join(dict.fromkeys(codes))


def environments(count: int) -> str:
    """Return a count of environments, such as ``1 environment``."""
    return f"{count} environment" if count == 1 else f"{count} environments"
