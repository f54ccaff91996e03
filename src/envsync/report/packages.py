"""Render version changes of packages, and what could be upgraded. Prints nothing."""

from collections.abc import Iterator, Sequence

from envsync.model.packages import Change
from envsync.model.plan import EnvironmentPlan
from envsync.report.terminal import Paint, abbreviate_home, abbreviate_in_commands, escape, listed

NOTHING_TO_UPGRADE = "nothing to upgrade"
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


def outdated_lines(plans: Sequence[EnvironmentPlan], paint: Paint) -> Iterator[str]:
    """Yield a table of what could be upgraded: environment, package, installed and available version."""
    rows = [("ENVIRONMENT", "PACKAGE", "INSTALLED", "AVAILABLE")]
    notes = []
    for plan in plans:
        name = escape(plan.environment.name)
        rows += [(name, escape(one.name), escape(one.before or "-"), escape(one.after or "?")) for one in plan.packages]
        notes += [
            f"{name}: {abbreviate_home(conflict.message)}. {abbreviate_in_commands(conflict.hint)}"
            for conflict in plan.conflicts
        ]
        notes += [f"{name}: {abbreviate_home(note)}" for note in plan.notes if not plan.packages]
    if len(rows) > 1:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for number, row in enumerate(rows):
            line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            yield paint("bold", line) if number == 0 else line
    yield from (f"{paint('dim', 'note:')} {note}" for note in notes)
    if len(rows) == 1 and not all(plan.conflicts for plan in plans):
        yield NOTHING_TO_UPGRADE + (" in the others" if any(plan.conflicts for plan in plans) else "")
