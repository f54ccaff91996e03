"""Set one key of an environment in a manifest's text; every other byte stays."""

import tomlkit

from envsync.edit.inline import dotted_sibling, key_text, with_new_value, with_set_item
from envsync.edit.lines import ENVS, Run, checked, failed, inline_table, lines_of, newline_of, parsed, runs_in

__all__ = ["with_value"]

_FIRST = ("path", "target")
"""Keys that a new one is written behind, as people write them in this order."""


def with_value(text: str, name: str, key: str, value: str) -> str:
    """Give a key of an environment's own table a value, in the place of the one that it has if it has one.

    Raises ``EnvsyncError`` (``edit-failed``) where that cannot be done without changing anything else.
    """
    wanted = parsed(text)
    table = wanted.get(ENVS, {}).get(name)
    if not isinstance(table, dict):
        raise failed(f"it declares no {name} any more")
    table[key] = value
    lines = lines_of(text)
    runs = runs_in(text)
    written = tomlkit.string(value).as_string()
    for run, path in ((inline_table(runs), (name, key)), (_inline(runs, name), (key,))):
        if run is not None:
            _put(lines, run, with_set_item(_text(lines, run), path, written))
            return checked(text, lines, wanted)
    there = next((run for run in runs if run.key == (ENVS, name, key) and not run.is_header), None)
    if there is not None:
        _put(lines, there, with_new_value(_text(lines, there), written))
    else:
        _add(lines, runs, (name, key), written)
    return checked(text, lines, wanted)


def _inline(runs: list[Run], name: str) -> Run | None:
    """Return the inline table that an environment stands in by itself."""
    return next((run for run in runs if run.key == (ENVS, name) and not run.is_header), None)


def _add(lines: list[str], runs: list[Run], path: tuple[str, str], value: str) -> None:
    """Write a line into an environment's table: behind its path or target, else behind what says most of it."""
    name, key = path
    newline = newline_of(lines)
    own = [run for run in runs if len(run.key) == 3 and run.key[:2] == (ENVS, name) and not run.is_header]  # noqa: PLR2004
    near = [run for run in own if run.key[2] in _FIRST] or own[-1:]
    if near:
        text = _text(lines, near[-1])
        indent = text[: len(text) - len(text.lstrip(" \t"))]
        at, new = near[-1].last, f"{indent}{dotted_sibling(text, key)} = {value}"
    else:
        at = next((run.last for run in runs if run.key == (ENVS, name)), 0)
        new = f"{key_text(key)} = {value}"
    if at and not lines[at - 1].endswith("\n"):
        lines[at - 1] += newline
    lines.insert(at, new + newline)


def _text(lines: list[str], run: Run) -> str:
    return "".join(lines[run.first : run.last])


def _put(lines: list[str], run: Run, text: str) -> None:
    lines[run.first : run.last] = [text]
