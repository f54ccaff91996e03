"""The table of ``status`` and the lists of ``prune``: aligned columns, fitted to a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from envsync.model.interpreter import Interpreter
from envsync.model.plan import EnvironmentPlan, Plan, State
from envsync.model.problems import Problem
from envsync.observe.generations import StoredGeneration
from envsync.plan.prune import Removal
from envsync.report.terminal import (
    Layout,
    Paint,
    abbreviate_home,
    abbreviate_in_commands,
    escape,
    hanging,
    listed,
    shell_quoted,
    tilde,
)
from envsync.report.totals import environments, nothing_declared

Generations = Mapping[str, tuple[StoredGeneration, ...]]
"""Generations by environment name."""
STATES = {
    State.IN_SYNC: ("in sync", "green"),
    State.MISSING: ("missing", "yellow"),
    State.DRIFT: ("drift", "yellow"),
    State.CONFLICT: ("conflict", "red"),
    State.WAITING: ("waiting", "dim"),
}
"""What people read of a state, and its colour."""


_HEAD = ("NAME", "STATE", "PYTHON", "PATH", "END", "KEPT", "DESCRIPTION")
_STATE, _PATH = _HEAD.index("STATE"), _HEAD.index("PATH")
_LEFT_OUT = ("END", "KEPT", "DESCRIPTION")
"""Columns that a narrow terminal does without, the first that goes first."""
_WIDEST = 48
"""Columns that facts are padded to at most."""
_A_SCREEN = 40
"""Rows of a table that are seen at once; of a longer one, the line of totals names what needs attention."""


def status_lines(plan: Plan, kept: Generations, paint: Paint, width: int | None, hidden: str = "") -> Iterator[str]:
    """Yield a row for each environment, then the totals, with the manifest in force.

    ``width`` is that of the terminal; ``None`` in a pipe, where all columns are there. A path is never broken: one for
    which there is no room has a line of its own. ``hidden`` is the user's own manifest, where this one hides it.
    """
    if not plan.environments:
        yield nothing_declared(plan)
    else:
        rows = [_row(one, kept, paint.arrow) for one in plan.environments]
        widths, codes = _widths(rows, width), ""
        if _overflowing(rows, widths):
            states = [STATES[one.state][0] for one in plan.environments]
            bare = [(*row[:_STATE], state, *row[_STATE + 1 :]) for row, state in zip(rows, states, strict=True)]
            if _overflowing(bare, _widths(bare, width)) < _overflowing(rows, widths):
                rows, widths, codes = bare, _widths(bare, width), _by_code(plan)
        yield paint("bold", "  ".join(_HEAD[column].ljust(widths[column]) for column in widths).rstrip())
        for one, row in zip(plan.environments, rows, strict=True):
            yield from _lines(row, widths, STATES[one.state][1], paint)
        yield ""
        yield from hanging(_totals(plan), 0, Layout(width))
        yield from hanging(codes, 0, Layout(width)) if codes else ()
    for line in in_force_lines(plan.manifest.file, hidden):
        yield from hanging(line, 0, Layout(width))


def _widths(rows: Sequence[tuple[str, ...]], width: int | None) -> dict[int, int]:
    """Return the columns to show by their numbers, with their widths; that of paths leaves out those without room."""
    widths = {column: max(len(row[column]) for row in (_HEAD, *rows)) for column in _fitting(rows, width)}
    if width is not None and sum(widths.values()) + 2 * len(widths) > width:
        room = width - sum(size + 2 for column, size in widths.items() if column != _PATH)
        fits = [len(row[_PATH]) for row in rows if len(row[_PATH]) <= room]
        widths[_PATH] = max(fits, default=len(_HEAD[_PATH]))
    return widths


def _overflowing(rows: Sequence[tuple[str, ...]], widths: Mapping[int, int]) -> int:
    """Return how many rows take two lines."""
    return sum(len(row[_PATH]) > widths[_PATH] for row in rows)


def in_force_lines(file: str, hidden: str) -> Iterator[str]:
    """Yield which manifest of the user's own another one hides, and how to use it all the same."""
    if hidden:
        command = shell_quoted(("envsync", "--file", hidden))
        yield f"{tilde(file)} is in force here, and hides {tilde(hidden)}; for that one: {command} ..."


def _lines(row: tuple[str, ...], widths: Mapping[int, int], style: str, paint: Paint) -> Iterator[str]:
    """Yield the cells of a row, aligned; a path without room on a line below."""
    overflows = len(row[_PATH]) > widths[_PATH]
    cells = []
    for column, room in widths.items():
        cell = "" if column == _PATH and overflows else row[column]
        cells.append(paint(style, cell) + " " * (room - len(cell)) if column == _STATE else cell.ljust(room))
    yield "  ".join(cells).rstrip()
    if overflows:
        yield f"    {row[_PATH]}"


def _fitting(rows: Sequence[tuple[str, ...]], width: int | None) -> list[int]:
    """Return the numbers of the columns to show: on a terminal those with something in them, and only what fits."""
    shown = [column for column in range(len(_HEAD)) if _is_shown(column, rows, width)]
    for name in _LEFT_OUT:
        taken = sum(max(len(row[column]) for row in (_HEAD, *rows)) + 2 for column in shown)
        if width is not None and taken > width + 2:
            shown = [column for column in shown if _HEAD[column] != name]
    return shown


def _is_shown(column: int, rows: Sequence[tuple[str, ...]], width: int | None) -> bool:
    return any(row[column] for row in rows) or (width is None and _HEAD[column] != "DESCRIPTION")


def _totals(plan: Plan) -> str:
    """Return how many environments are in which state, of which manifest."""
    names: dict[State, list[str]] = {}
    for one in plan.environments:
        names.setdefault(one.state, []).append(escape(one.environment.name))
    parts = []
    for state, (word, _) in STATES.items():
        if found := names.get(state):
            is_long = len(plan.environments) > max(_A_SCREEN, len(found))
            which = f" ({listed(found)})" if is_long and state is not State.IN_SYNC else ""
            parts.append(f"{len(found)} {'in ' if state is State.CONFLICT else ''}{word}{which}")
    others = [f"{len(plan.manifest.elsewhere)} for other hosts"] if plan.manifest.elsewhere else []
    return f"{environments(len(plan.environments))} of {tilde(plan.manifest.file)}: {', '.join([*parts, *others])}"


def _version(one: EnvironmentPlan, arrow: str) -> str:
    """Return the version that an environment is for, and that of its interpreter link where it differs."""
    interpreter, found = one.world.interpreter, one.world.directory.environment
    wanted = interpreter.facts.version if isinstance(interpreter, Interpreter) else None
    settings = dict(found.cfg) if found is not None else {}
    held = settings.get("version") or settings.get("version_info")
    if held is None or wanted is None or held.startswith(wanted):
        return escape(wanted or held or "-")
    return f"{escape(held)} {arrow} {escape(wanted)}"


def _row(one: EnvironmentPlan, kept: Generations, arrow: str) -> tuple[str, ...]:
    codes = _codes(one)
    detail = f": {', '.join(codes)}" if codes else ""
    end = one.world.directory.chain.end
    shown_end = "" if end == one.environment.path else tilde(end)
    return (
        escape(one.environment.name),
        f"{STATES[one.state][0]}{detail}",
        _version(one, arrow),
        tilde(one.environment.path),
        shown_end,
        _kept(kept[one.environment.name]),
        escape(one.environment.description or ""),
    )


def _codes(one: EnvironmentPlan) -> tuple[str, ...]:
    """Return the codes of what is wrong, each once; none where the state says it all."""
    if one.state is State.MISSING:
        return ()
    return tuple(dict.fromkeys(found.code for found in (one.conflicts or one.drift)))


def _by_code(plan: Plan) -> str:
    """Return each code with the environments of which it is said."""
    names: dict[str, list[str]] = {}
    for one in plan.environments:
        for code in _codes(one):
            names.setdefault(code, []).append(escape(one.environment.name))
    return "; ".join(f"{code}: {listed(found)}" for code, found in names.items())


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
    facts = {one.place: _facts(one) for one in removals}
    room = min(max(map(len, facts.values()), default=0), _WIDEST)
    for one in removals:
        look, word = _word(one, done)
        name = paint("bold", f"{escape(one.name):<{width}}")
        yield f"{paint(look, f'{word:<12}')} {one.kind:<11}  {name}  {facts[one.place]:<{room}}  {tilde(one.place)}"
        problem = (done or {}).get(one.place)
        if one.kept_because:
            yield f"    {paint('dim', 'note:')} {abbreviate_home(one.kept_because)}"
        for file in one.unowned:  # every one: nothing can restore it
            yield f"    {paint('yellow', 'yours:')} {escape(file)}"
        if problem is not None:
            yield f"    {paint('red', 'error:')} {abbreviate_home(problem.message)}"
            yield f"    {paint('dim', 'hint:')} {abbreviate_in_commands(problem.hint)}"
    yield _summary(removals, done)


def _facts(one: Removal) -> str:
    room = f"{one.size / 1e6:.1f} MB" if one.size else ""
    since = f"replaced {one.made[:10]}" if one.made else ""
    return ", ".join(filter(None, (abbreviate_home(one.detail), room, since)))


def _word(one: Removal, done: Mapping[str, Problem | None] | None) -> tuple[str, str]:
    if one.kept_because:
        return "yellow", "! stays"
    if done is None:
        return "blue", "- to remove"
    if one.place not in done:
        return "yellow", ". left"
    return ("red", "x failed") if done.get(one.place) else ("green", "- removed")


def _summary(removals: Sequence[Removal], done: Mapping[str, Problem | None] | None) -> str:
    going = [one for one in removals if not one.kept_because]
    if not going:
        return "nothing to prune"
    room = f"{sum(one.size for one in going) / 1e6:.1f} MB"
    if done is None:
        return f"{len(going)} to remove, {room}; --yes removes them"
    removed = [one for one in going if one.place in done and done[one.place] is None]
    return f"{len(removed)} removed, {sum(one.size for one in removed) / 1e6:.1f} MB"
