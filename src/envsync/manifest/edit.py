"""Edit a manifest's text: add an entry, remove one, set one key. Every other byte stays."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import tomlkit

from envsync.manifest.edit_lines import (
    ENVS,
    Run,
    checked,
    dotted_sibling,
    failed,
    inline_table,
    key_text,
    lines_of,
    newline_of,
    parsed,
    runs_in,
    with_items,
    with_new_value,
    with_set_item,
    without_item,
)
from envsync.model.dataclass import dataclass

_WIDEST = 100
"""Longer lists are written with an item on each line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One environment to declare."""

    name: str
    values: tuple[tuple[str, Any], ...]
    """Pairs of key, as in the manifest, and value."""
    remarks: tuple[str, ...] = ()
    """Lines to write as comments below it."""


def with_entries(text: str, entries: Iterable[Entry]) -> str:
    """Return the text with further environments, after those that it declares.

    Raises ``EnvsyncError`` (``edit-failed``) where that cannot be done without changing anything else.
    """
    entries = tuple(entries)
    if not entries:
        return text
    wanted = parsed(text)
    wanted.setdefault(ENVS, {}).update({entry.name: dict(entry.values) for entry in entries})
    lines = lines_of(text)
    runs = runs_in(text)
    inline = inline_table(runs)
    if inline is not None:
        items = [f"{key_text(entry.name)} = {_table(entry)}" for entry in entries]
        lines[inline.first : inline.last] = [with_items("".join(lines[inline.first : inline.last]), items)]
    else:
        _insert(lines, _behind_environments(lines, runs), entries)
    return checked(text, lines, wanted)


def without_entry(text: str, name: str) -> str:
    """Return the text without an environment and the comments that belong to it.

    Raises ``EnvsyncError`` (``edit-failed``) where that cannot be done without changing anything else.
    """
    wanted = parsed(text)
    if wanted.get(ENVS, {}).pop(name, None) is None:
        raise failed(f"it no longer declares {name}")
    lines = lines_of(text)
    runs = runs_in(text)
    inline = inline_table(runs)
    if inline is not None:
        lines[inline.first : inline.last] = [without_item("".join(lines[inline.first : inline.last]), name)]
    else:
        for run in reversed(_runs_of(runs, name, lines)):
            _cut(lines, _with_remarks_above(lines, run), _with_remarks_below(lines, run.last))
    return checked(text, lines, wanted)


def _insert(lines: list[str], at: int, entries: tuple[Entry, ...]) -> None:
    """Insert entries before a line, with blank lines around them unless the others have none."""
    newline = newline_of(lines)
    if at and not lines[at - 1].endswith("\n"):
        lines[at - 1] += newline
    dense = at < len(lines) and bool(lines[at].strip()) and not any(entry.remarks for entry in entries)
    new: list[str] = []
    for entry in entries:
        blank = [] if dense else [newline]
        new += [*blank, *(f"{line}{newline}" for line in _rendered(entry))]
    if not dense and at < len(lines) and lines[at].strip():
        new.append(newline)
    lines[at:at] = new


def _cut(lines: list[str], first: int, last: int) -> None:
    """Remove some lines, and the blank lines around them that are no longer needed."""
    above, below = first, last
    while above and not lines[above - 1].strip():
        above -= 1
    while below < len(lines) and not lines[below].strip():
        below += 1
    if above == 0:
        del lines[:below]
    elif below == len(lines) or below - last >= first - above:
        del lines[above:last]
    else:
        del lines[first:below]


def _runs_of(runs: list[Run], name: str, lines: list[str]) -> list[Run]:
    """Return the statements about an environment; comments between two of them belong to it."""
    found: list[Run] = []
    for run in runs:
        if run.key[:2] != (ENVS, name):
            continue
        if found and not run.is_header and all(map(_is_remark, lines[found[-1].last : run.first])):
            found[-1] = replace(found[-1], last=run.last)
        else:
            found.append(run)
    return found


def _is_remark(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _with_remarks_above(lines: list[str], run: Run) -> int:
    first = run.first
    while first > run.floor and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return first


def _with_remarks_below(lines: list[str], last: int) -> int:
    """Return the line after the comments right below an entry, unless they are right above the next."""
    end = last
    while end < len(lines) and lines[end].lstrip().startswith("#"):
        end += 1
    return end if end == len(lines) or not lines[end].strip() else last


def _behind_environments(lines: list[str], runs: list[Run]) -> int:
    """Return the line after the last table of an environment, or after everything except final blank lines."""
    last = None
    inside = False
    for run in runs:
        if run.is_header:
            inside = run.key[0] == ENVS and len(run.key) > 1
        if inside:
            last = run.last
    if last is not None:
        return _with_remarks_below(lines, last)
    return next((at for at in range(len(lines), 0, -1) if lines[at - 1].strip()), 0)


def _rendered(entry: Entry) -> list[str]:
    body = tomlkit.table()
    for key, value in entry.values:
        body.append(key, _value(value))
    text = tomlkit.dumps(body).rstrip("\n")
    lines = text.split("\n") if text else []
    return [f"[{ENVS}.{key_text(entry.name)}]", *lines, *(f"# {line}" for line in entry.remarks)]


def _value(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return value
    array = tomlkit.array()
    array.extend(value)
    return array.multiline(multiline=len(value) > 1 and len(array.as_string()) > _WIDEST)


def _table(entry: Entry) -> str:
    table = tomlkit.inline_table()
    table.update(dict(entry.values))
    return table.as_string()


_FIRST = ("path", "target")
"""Keys that a new one is written after, as is customary."""


def with_value(text: str, name: str, key: str, value: str) -> str:
    """Return the text with a key of an environment set to a value, which replaces an existing one.

    Raises ``EnvsyncError`` (``edit-failed``) where that cannot be done without changing anything else.
    """
    wanted = parsed(text)
    table = wanted.get(ENVS, {}).get(name)
    if not isinstance(table, dict):
        raise failed(f"it no longer declares {name}")
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
    """Return the statement ``envs.NAME = {...}`` of an environment, ``None`` if there is none."""
    return next((run for run in runs if run.key == (ENVS, name) and not run.is_header), None)


def _add(lines: list[str], runs: list[Run], path: tuple[str, str], value: str) -> None:
    """Add a line to an environment's table: after its path or target, otherwise after its last key or its header."""
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
