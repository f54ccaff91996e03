"""The table of ``status`` and the lists of ``prune``: aligned columns anywhere, rich tables on a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from envsync.model.interpreter import Interpreter
from envsync.model.plan import EnvironmentPlan, Plan, State
from envsync.model.problems import Problem
from envsync.observe.generations import StoredGeneration
from envsync.plan.prune import Removal
from envsync.report.terminal import Paint, abbreviate_home, abbreviate_in_commands, escape, tilde
from envsync.report.text import nothing_declared

Generations = Mapping[str, tuple[StoredGeneration, ...]]
"""Generations by environment name."""
_HEAD = ("NAME", "STATE", "PYTHON", "PATH", "END", "KEPT")
STATES = {
    State.IN_SYNC: ("in sync", "green"),
    State.MISSING: ("missing", "yellow"),
    State.DRIFT: ("drift", "yellow"),
    State.CONFLICT: ("conflict", "red"),
    State.WAITING: ("waiting", "dim"),
}
"""What people read of a state, and its colour."""


def plain_lines(plan: Plan, kept: Generations) -> Iterator[str]:
    """Yield the table as aligned text."""
    if not plan.environments:
        yield nothing_declared(plan)
        return
    rows = [_HEAD, *(_row(one, kept) for one in plan.environments)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def terminal_text(plan: Plan, kept: Generations, width: int) -> str:
    """Return the table as rich draws it, for a terminal of ``width`` columns."""
    if not plan.environments:
        return nothing_declared(plan)
    from rich import box  # noqa: PLC0415  # only on a terminal
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    rows = [_row(one, kept) for one in plan.environments]
    shown = _fitting(rows, width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in shown:
        table.add_column(_HEAD[column], overflow="fold")
    for one, row in zip(plan.environments, rows, strict=True):
        cells = [Text(row[column]) for column in shown]
        cells[1].stylize(STATES[one.state][1])
        table.add_row(*cells)
    console = Console(force_terminal=True, width=width, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip("\n")


def _fitting(rows: list[tuple[str, ...]], width: int) -> list[int]:
    """Return the numbers of the columns that fit, dropping END first, then KEPT."""
    shown = list(range(len(_HEAD)))
    for drop in (_HEAD.index("END"), _HEAD.index("KEPT")):
        taken = sum(max(len(row[column]) for row in (_HEAD, *rows)) + 2 for column in shown)
        if taken <= width:
            break
        shown.remove(drop)
    return shown


def _version(one: EnvironmentPlan) -> str:
    """Return the version that an environment is for, and that of its interpreter link where it differs."""
    interpreter, found = one.world.interpreter, one.world.directory.environment
    wanted = interpreter.facts.version if isinstance(interpreter, Interpreter) else None
    settings = dict(found.cfg) if found is not None else {}
    held = settings.get("version") or settings.get("version_info")
    if held is None or wanted is None or held.startswith(wanted):
        return escape(wanted or held or "-")
    return escape(f"{held} -> {wanted}")


def _row(one: EnvironmentPlan, kept: Generations) -> tuple[str, ...]:
    codes = [conflict.code for conflict in one.conflicts] or [drift.code for drift in one.drift]
    detail = f": {', '.join(dict.fromkeys(codes))}" if codes and one.state is not State.MISSING else ""
    end = one.world.directory.chain.end
    shown_end = "" if end == one.environment.path else tilde(end)
    return (
        escape(one.environment.name),
        f"{STATES[one.state][0]}{detail}",
        _version(one),
        tilde(one.environment.path),
        shown_end,
        _kept(kept[one.environment.name]),
    )


def _kept(generations: tuple[StoredGeneration, ...]) -> str:
    if not generations:
        return ""
    versions = ", ".join(dict.fromkeys(escape(one.version or "?") for one in generations))
    return f"{versions} ({sum(one.size for one in generations) / 1e6:.1f} MB)"


def removal_lines(
    removals: Sequence[Removal], done: Mapping[str, Problem | None] | None, paint: Paint
) -> Iterator[str]:
    """Yield each with its place, size and age; ``done`` has the failure by place, ``None`` before anything is done."""
    width = max((len(escape(one.name)) for one in removals), default=0)
    for one in removals:
        look, word = _word(one, done)
        room = f"{one.size / 1e6:.1f} MB" if one.size else ""
        since = f"since {one.made[:10]}" if one.made else ""
        facts = ", ".join(filter(None, (abbreviate_home(one.detail), room, since)))
        name = paint("bold", f"{escape(one.name):<{width}}")
        yield f"{paint(look, f'{word:<12}')} {one.kind:<11}  {name}  {tilde(one.place)}  {facts}"
        problem = (done or {}).get(one.place)
        if one.kept_because:
            yield f"    {paint('dim', 'note:')} {abbreviate_home(one.kept_because)}"
        for file in one.unowned:  # every one: nothing can restore it
            yield f"    {paint('yellow', 'yours:')} {escape(file)}"
        if problem is not None:
            yield f"    {paint('red', 'error:')} {abbreviate_home(problem.message)}"
            yield f"    {paint('dim', 'hint:')} {abbreviate_in_commands(problem.hint)}"
    yield _summary(removals, done)


def _word(one: Removal, done: Mapping[str, Problem | None] | None) -> tuple[str, str]:
    if one.kept_because:
        return "yellow", "! stays"
    if done is None:
        return "blue", "- would go"
    return ("red", "x failed") if done.get(one.place) else ("green", "- removed")


def _summary(removals: Sequence[Removal], done: Mapping[str, Problem | None] | None) -> str:
    going = [one for one in removals if not one.kept_because]
    if not going:
        return "nothing to prune"
    room = f"{sum(one.size for one in going) / 1e6:.1f} MB"
    if done is None:
        return f"{len(going)} to remove, {room}: add --yes"
    removed = [one for one in going if done.get(one.place) is None]
    return f"{len(removed)} removed, {sum(one.size for one in removed) / 1e6:.1f} MB"
