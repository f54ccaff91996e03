"""Render plans, reports and version changes as text, a line for each environment. Prints nothing."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import assert_never

from envsync.model.packages import Change
from envsync.model.plan import Action, Create, EnvironmentPlan, Install, Link, Plan, Rebuild, Repair, Rollback, State
from envsync.model.problems import Problem
from envsync.model.report import EnvironmentReport, Outcome, Report
from envsync.plan.explain import shows_more
from envsync.report.causes import Cause, grouped, rebuild_text
from envsync.report.packages import package_lines
from envsync.report.terminal import Paint, abbreviate_home, abbreviate_in_commands, escape, listed, shell_quoted, tilde
from envsync.report.totals import done_totals, environments, plan_totals

_WIDEST = 48
"""Columns that paths are padded to at most; a longer path pushes what follows it to the right."""
_REASONS = 5
"""Lines of reasons that are shown before a question."""
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


def plan_lines(plan: Plan, paint: Paint, *, verbose: bool, quiet: bool = False, nothing: str = "") -> Iterator[str]:
    """Yield the totals, then what would be done, and why; ``nothing`` is said instead where all is in sync.

    If ``quiet``, only conflicts.
    """
    words = {one.environment.name: _planned_word(one) for one in plan.environments}
    if quiet:
        plan = replace(plan, environments=tuple(one for one in plan.environments if one.conflicts))
    elif nothing and words and {*words.values()} == {"in sync"}:
        yield nothing
    else:
        totals = plan_totals(words.values(), plan)
        yield f"{paint('bold', 'Plan:')} {totals}" if {*words.values()} - {"in sync"} else totals
    shown = [one for one in plan.environments if verbose or words[one.environment.name] != "in sync" or one.notes]
    groups = grouped((one, words[one.environment.name], one.packages, None) for one in shown if not verbose)
    columns = _Columns((one for one in shown if one.environment.name not in groups), paint, words.values())
    for one in shown:
        word = words[one.environment.name]
        group = groups.get(one.environment.name)
        if group is not None and group.plan is not one:
            continue
        look = _PLANNED[word]
        yield columns.group(look, word, group) if group else columns.line(look, word, one, one.packages)
        yield from _details(one, paint)
        yield from package_lines(one.packages, paint, verbose=verbose)
    yield from (f"{paint('dim', 'note:')} {abbreviate_home(note)}" for note in plan.notes)


def reason_lines(plan: Plan, paint: Paint) -> Iterator[str]:
    """Yield why environments are to be rebuilt and which packages go, shortly: before a question about that."""
    asked = [
        one
        for one in plan.environments
        if any(isinstance(action, Rebuild) for action in one.actions) or any(not each.after for each in one.packages)
    ]
    shown = replace(plan, environments=tuple(one for one in asked if one.environment.name not in plan.force_rebuild))
    words = {one.environment.name: _planned_word(one) for one in shown.environments}
    groups = grouped((one, words[one.environment.name], one.packages, None) for one in shown.environments)
    single = [one for one in shown.environments if one.environment.name not in groups]
    columns = _Columns(single, paint, words.values())
    lines = []
    for one in shown.environments:
        word = words[one.environment.name]
        group = groups.get(one.environment.name)
        if group is None:
            lines.append(columns.line(_PLANNED[word], word, one, one.packages))
        elif group.plan is one:
            lines.append(columns.group(_PLANNED[word], word, group))
    yield from lines[:_REASONS]
    if len(lines) > _REASONS:
        yield f"  and {len(lines) - _REASONS} more: envsync plan"


def report_lines(
    report: Report, paint: Paint, *, verbose: bool, quiet: bool = False, seconds: float = 0.0
) -> Iterator[str]:
    """Yield what was done, and why; environments that were not touched are only counted.

    ``seconds`` is how long it took. If ``quiet``, only failures and conflicts.
    """
    untouched = {Outcome.UNCHANGED, Outcome.SKIPPED, Outcome.INTERRUPTED}
    shown = [one for one in report.environments if verbose or one.outcome not in untouched or one.plan.faults]
    if quiet:
        shown = [one for one in report.environments if one.outcome in {Outcome.CONFLICT, Outcome.FAILED}]
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
        alone = columns.line(look, word, one.plan, one.packages, done=done)
        yield alone if group is None else columns.group(look, word, group)
        yield from _details(one.plan, paint)
        if one.outcome is not Outcome.CREATED or verbose:
            yield from package_lines(one.packages, paint, verbose=verbose)
        yield from _failure(one, paint)
    if not quiet:
        plans = tuple(one.plan for one in report.environments)
        yield done_totals(map(_done_word, report.environments), Plan(report.manifest, plans), seconds)


def outcome_text(one: EnvironmentReport) -> str:
    """Return what was done to one environment, and why, without its name and path."""
    word = _done_word(one)
    return ": ".join(filter(None, (word, _why(one.plan, word, one.packages, done=one.error is None))))


def outcome_lines(one: EnvironmentReport, paint: Paint) -> Iterator[str]:
    """Yield what was done to one environment, without a summary."""
    yield _Columns([one.plan], paint, [_done_word(one)]).line(
        _DONE[one.outcome], _done_word(one), one.plan, one.packages, done=one.error is None
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

    def line(
        self,
        look: tuple[str, str],
        word: str,
        one: EnvironmentPlan,
        changes: tuple[Change, ...] = (),
        *,
        done: bool = False,
    ) -> str:
        """Return the line of an environment; ``changes`` are shown in lines below it."""
        name = self._paint("bold", f"{escape(one.environment.name):<{self._name}}")
        path = f"{tilde(one.environment.path):<{self._path}}"
        return f"{self._head(look, word)}  {name}  {path}  {_why(one, word, changes, done=done)}".rstrip()

    def group(self, look: tuple[str, str], word: str, cause: Cause) -> str:
        count = self._paint("bold", environments(len(cause.names)))
        names = listed([escape(name) for name in cause.names])
        return f"{self._head(look, word)}  {': '.join(filter(None, (count, abbreviate_home(cause.text), names)))}"

    def _head(self, look: tuple[str, str], word: str) -> str:
        symbol, style = look
        return self._paint(style, f"{symbol} {word:<{max(self._word, _NARROW)}}")


def _why(one: EnvironmentPlan, word: str, changes: tuple[Change, ...], *, done: bool) -> str:
    """Return what is or was done, and for which reasons, without what stands elsewhere.

    That is ``word`` before it, and what ``changes`` show in lines below.
    """
    if one.conflicts:
        message = "; ".join(conflict.message for conflict in one.conflicts)
        return abbreviate_home(message.removeprefix(f"{one.environment.path} "))  # it stands before
    if one.state is State.WAITING:
        return abbreviate_home("; ".join(one.notes))
    parts = (_summary_of(action, one.environment.path, done=done) for action in one.actions)
    what = ", ".join(filter(None, parts)).removeprefix(f"{word} ")
    drift = (each for each in one.drift if not each.code.endswith("missing") and not (each.change and changes))
    reasons = [each.message for each in drift]
    shown = "; ".join(reasons[:3]) + (f" and {len(reasons) - 3} more" if len(reasons) > 3 else "")  # noqa: PLR2004
    return ": ".join(filter(None, (what, abbreviate_home(shown))))


def _summary_of(action: Action, path: str, *, done: bool) -> str:
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
            start = "symlink to" if action.link == path else f"{tilde(action.link)} ->"  # the path stands before
            return f"{start} {tilde(action.link_text)}"
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
