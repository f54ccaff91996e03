"""Render version changes of packages, and what could be upgraded. Prints nothing."""

from collections.abc import Iterator, Sequence

from envsync.model.packages import Change
from envsync.model.plan import EnvironmentPlan, State
from envsync.report.terminal import Paint, abbreviate_home, abbreviate_in_commands, escape, listed

NOTHING_TO_UPGRADE = "nothing to upgrade"
_OF_UPGRADES = frozenset({"not-in-sync", "upgrade-unknown"})
"""Codes of conflicts that are those of `upgrade` alone."""
_MOST = 20
"""Package lines for one environment, unless all are asked for."""


def package_lines(changes: Sequence[Change], paint: Paint, *, verbose: bool) -> Iterator[str]:
    """Yield a line for each package whose version changes."""
    shown = changes if verbose else changes[:_MOST]
    width = max((len(change.name) for change in shown), default=0)
    for change in shown:
        yield f"    {_line(change, width, paint)}"
    if len(changes) > len(shown):
        yield f"    and {len(changes) - len(shown)} more packages (--verbose)"


def _line(change: Change, width: int, paint: Paint) -> str:
    name = f"{escape(change.name):<{width}}"
    if change.before is None:
        return f"{paint('green', '+')} {name}  {escape(change.after or '')}".rstrip()
    if change.after is None:
        return f"{paint('red', '-')} {name}  {escape(change.before)}"
    return f"{paint('yellow', '~')} {name}  {escape(change.before)} {paint.arrow} {escape(change.after or 'as built')}"


def without_line(only: Sequence[str], names: Sequence[str]) -> str:
    """Return which environments have none of the packages to upgrade."""
    what = escape(only[0]) if len(only) == 1 else f"none of {', '.join(map(escape, only))}"
    where = f"{len(names)} other{'s' if len(names) != 1 else ''}"
    return f"{what} is {'not ' if len(only) == 1 else ''}installed in {where}: {listed([escape(one) for one in names])}"


def _by_note(plans: Sequence[EnvironmentPlan]) -> dict[str, list[str]]:
    """Return why nothing is said of some environments, with their names."""
    names: dict[str, list[str]] = {}
    for plan in plans:
        for note in () if plan.packages else _notes(plan):
            names.setdefault(note, []).append(escape(plan.environment.name))
    return names


def _notes(plan: EnvironmentPlan) -> Iterator[str]:
    if plan.state is State.WAITING or not {conflict.code for conflict in plan.conflicts} <= _OF_UPGRADES:
        yield f"not looked at, being {'waiting' if plan.state is State.WAITING else 'in conflict'}; see: envsync plan"
        return
    for conflict in plan.conflicts:
        yield f"{abbreviate_home(conflict.message)}. {abbreviate_in_commands(conflict.hint)}"
    yield from map(abbreviate_home, plan.notes)


def outdated_lines(plans: Sequence[EnvironmentPlan], paint: Paint, *, quiet: bool = False) -> Iterator[str]:
    """Yield a table of what could be upgraded: environment, package, installed and available version.

    If ``quiet``, nothing else is said.
    """
    rows = [("ENVIRONMENT", "PACKAGE", "INSTALLED", "AVAILABLE")]
    for plan in plans:
        name = escape(plan.environment.name)
        rows += [(name, escape(one.name), escape(one.before or "-"), escape(one.after or "?")) for one in plan.packages]
    if len(rows) > 1:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for number, row in enumerate(rows):
            line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            yield paint("bold", line) if number == 0 else line
    if quiet:
        return
    for note, names in _by_note(plans).items():
        yield f"{paint('dim', 'note:')} {listed(names)}: {note}"
    if len(rows) == 1 and not all(plan.conflicts for plan in plans):
        yield NOTHING_TO_UPGRADE + (" in the others" if any(plan.conflicts for plan in plans) else "")
