"""Show what may go, and what has gone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from envsync.errors import Problem
from envsync.plan.prune import Removal
from envsync.report.paint import Paint, escape, homely, tilde

__all__ = ["removal_entries", "removal_lines"]


def removal_lines(
    removals: Sequence[Removal], done: Mapping[str, Problem | None] | None, paint: Paint
) -> Iterator[str]:
    """Show each with its place, size and age; ``done`` is what became of them, ``None`` before anything is done."""
    width = max((len(escape(one.name)) for one in removals), default=0)
    for one in removals:
        look, word = _word(one, done)
        room = f"{one.size / 1e6:.1f} MB" if one.size else ""
        since = f"since {one.made[:10]}" if one.made else ""
        facts = ", ".join(filter(None, (homely(one.detail), room, since)))
        name = paint("bold", f"{escape(one.name):<{width}}")
        yield f"{paint(look, f'{word:<12}')} {one.kind:<11}  {name}  {tilde(one.place)}  {facts}"
        problem = (done or {}).get(one.place)
        if one.kept_because:
            yield f"    {paint('dim', 'note:')} {homely(one.kept_because)}"
        for file in one.unowned:  # every one: nobody can bring it back
            yield f"    {paint('yellow', 'yours:')} {escape(file)}"
        if problem is not None:
            yield f"    {paint('red', 'error:')} {homely(problem.message)}"
            yield f"    {paint('dim', 'hint:')} {escape(problem.hint)}"
    yield _summary(removals, done)


def removal_entries(removals: Sequence[Removal], done: Mapping[str, Problem | None] | None) -> list[dict[str, Any]]:
    """Give the entries of the JSON document."""
    keys = ("kind", "name", "place", "detail", "size", "made", "end", "path", "unowned", "kept_because")
    entries = []
    for one in removals:
        problem = (done or {}).get(one.place)
        error = {"code": problem.code, "message": problem.message, "hint": problem.hint} if problem else None
        removed = done is not None and one.place in done and problem is None
        entries.append(
            {key: asdict(one)[key] for key in keys} | {"unowned": [*one.unowned]} | {"removed": removed, "error": error}
        )
    return entries


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
    gone = [one for one in going if done.get(one.place) is None]
    return f"{len(gone)} removed, {sum(one.size for one in gone) / 1e6:.1f} MB"
