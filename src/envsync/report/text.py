"""Show plans and reports to people: a line for each environment, with what and why. Prints nothing itself."""

from collections import Counter
from collections.abc import Iterable, Iterator

from envsync.apply.outcome import EnvironmentReport, Outcome, Report
from envsync.errors import Problem
from envsync.plan.actions import EnvironmentPlan, Plan, State
from envsync.report.paint import Paint, escape, tilde

__all__ = ["check_line", "plan_lines", "problem_lines", "report_lines", "unchanged_line"]

_PLANNED = {
    "create": ("+", "green"),
    "rebuild": ("*", "yellow"),
    "repair": ("~", "yellow"),
    "link": (">", "blue"),
    "conflict": ("!", "red"),
    "waiting": (".", "dim"),
    "in sync": ("=", "dim"),
}
_DONE = {
    Outcome.CREATED: ("+", "green"),
    Outcome.REBUILT: ("*", "green"),
    Outcome.REPAIRED: ("~", "green"),
    Outcome.INSTALLED: ("~", "green"),
    Outcome.LINKED: (">", "green"),
    Outcome.CONFLICT: ("!", "red"),
    Outcome.FAILED: ("x", "red"),
    Outcome.SKIPPED: (".", "dim"),
    Outcome.UNCHANGED: ("=", "dim"),
}


def plan_lines(plan: Plan, paint: Paint, *, verbose: bool) -> Iterator[str]:
    """Show what would be done."""
    counts: Counter[str] = Counter()
    for one in plan.environments:
        word = _planned_word(one)
        counts[word] += 1
        if word != "in sync" or verbose:
            yield _line(_PLANNED[word], word, one, paint)
            yield from _details(one, paint)
        yield from _notes(one, paint, shown=word != "in sync" or verbose)
    yield _summary(counts, ("create", "rebuild", "repair", "link", "conflict", "waiting", "in sync"), plan)


def report_lines(report: Report, paint: Paint, *, verbose: bool) -> Iterator[str]:
    """Show what was done."""
    counts: Counter[str] = Counter()
    for one in report.environments:
        word = one.outcome.value
        counts[word] += 1
        shown = one.outcome is not Outcome.UNCHANGED or verbose
        if shown:
            yield _line(_DONE[one.outcome], word, one.plan, paint)
            yield from _details(one.plan, paint)
            yield from _failure(one, paint)
        yield from _notes(one.plan, paint, shown=shown)
    words = ("created", "rebuilt", "repaired", "linked", "failed", "conflict", "skipped", "unchanged")
    yield _summary(counts, words, Plan(report.manifest, tuple(one.plan for one in report.environments)))


def check_line(plan: Plan) -> str:
    """Say in one line whether all is in sync."""
    astray = [one for one in plan.environments if one.state not in {State.IN_SYNC, State.WAITING}]
    count = len(plan.environments)
    if not astray:
        waiting = sum(one.state is State.WAITING for one in plan.environments)
        rest = f", {waiting} waiting" if waiting else ""
        return f"{_environments(count - waiting)} in sync{rest}"
    shown = ", ".join(f"{escape(one.environment.name)} ({_codes(one)})" for one in astray[:5])
    more = f" and {len(astray) - 5} more" if len(astray) > 5 else ""  # noqa: PLR2004
    return f"{len(astray)} of {_environments(count)} not in sync: {shown}{more}"


def unchanged_line(unchanged: int, skipped: int, plan: Plan) -> str:
    """Give the last line of a report on a pass that had nothing to do."""
    return _summary(Counter(unchanged=unchanged, skipped=skipped), ("skipped", "unchanged"), plan)


def problem_lines(problems: Iterable[Problem], paint: Paint) -> Iterator[str]:
    """Show problems: where, what, and what to do."""
    for problem in problems:
        place = ":".join(str(part) for part in (problem.file, problem.line, problem.column) if part is not None)
        key = f"{problem.key}: " if problem.key else ""
        where = f"{place}: " if place else ""
        yield f"{paint('red', 'error')}: {escape(where)}{escape(key)}{escape(problem.message)}"
        if problem.hint:
            yield f"  {paint('dim', 'hint:')} {escape(problem.hint)}"


def _planned_word(one: EnvironmentPlan) -> str:
    if one.state is State.CONFLICT:
        return "conflict"
    if one.state is State.WAITING:
        return "waiting"
    weights = ("link", "repair", "create", "rebuild")
    return max((action.kind for action in one.actions), key=weights.index, default="in sync")


def _line(look: tuple[str, str], word: str, one: EnvironmentPlan, paint: Paint) -> str:
    symbol, style = look
    name = escape(one.environment.name)
    why = _why(one)
    return f"{paint(style, f'{symbol} {word:<9}')} {paint('bold', name)}  {tilde(one.environment.path)}  {why}".rstrip()


def _why(one: EnvironmentPlan) -> str:
    if one.conflicts:
        return escape("; ".join(conflict.message for conflict in one.conflicts))
    if one.state is State.WAITING:
        return escape("; ".join(one.notes))
    what = [action.message for action in one.actions]
    reasons = [drift.message for drift in one.drift if drift.code not in {"missing", "link-missing"}]
    shown = "; ".join(reasons[:3]) + (f" and {len(reasons) - 3} more" if len(reasons) > 3 else "")  # noqa: PLR2004
    return escape(", ".join(what) + (f" ({shown})" if shown else ""))


def _details(one: EnvironmentPlan, paint: Paint) -> Iterator[str]:
    for conflict in one.conflicts:
        yield f"    {paint('dim', 'hint:')} {escape(conflict.hint)}"


def _failure(one: EnvironmentReport, paint: Paint) -> Iterator[str]:
    if one.error is not None:
        yield f"    {paint('red', 'error:')} {escape(one.error.message)}"
        if one.error.hint:
            yield f"    {paint('dim', 'hint:')} {escape(one.error.hint)}"


def _notes(one: EnvironmentPlan, paint: Paint, *, shown: bool) -> Iterator[str]:
    if one.state is not State.WAITING:
        for note in one.notes:
            if shown or note.startswith("not yet"):
                name = "" if shown else f"{escape(one.environment.name)}: "
                yield f"    {paint('dim', 'note:')} {name}{escape(note)}"


def _summary(counts: Counter[str], words: tuple[str, ...], plan: Plan) -> str:
    if not plan.environments:
        elsewhere = len(plan.manifest.elsewhere)
        rest = f" ({elsewhere} for other hosts)" if elsewhere else ""
        return f"no environments to look after{rest}"
    return ", ".join(f"{counts[word]} {word}" for word in words if counts[word])


def _codes(one: EnvironmentPlan) -> str:
    codes = [conflict.code for conflict in one.conflicts] or [drift.code for drift in one.drift]
    return ", ".join(dict.fromkeys(codes))


def _environments(count: int) -> str:
    return f"{count} environment" if count == 1 else f"{count} environments"
