"""Add an environment to a manifest's text, or take one out."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.items import InlineTable

from envsync.errors import EnvsyncError, Problem
from envsync.manifest.positions import Statement, statements

__all__ = ["Entry", "with_entries", "without_entry"]

_ENVS = "envs"
_WIDEST = 100
"""Longer lists are written with an item on each line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One environment to declare."""

    name: str
    values: tuple[tuple[str, Any], ...]
    """Keys as the manifest has them, with their values."""
    remarks: tuple[str, ...] = ()
    """Lines to write as comments under it."""


def with_entries(text: str, entries: Iterable[Entry]) -> str:
    """Declare further environments, behind those that are declared already.

    Raises ``EnvsyncError`` (``edit-failed``) where that cannot be done without changing anything else.
    """
    entries = tuple(entries)
    if not entries:
        return text
    wanted = tomllib.loads(_plain(text))
    wanted.setdefault(_ENVS, {}).update({entry.name: dict(entry.values) for entry in entries})
    if _is_inline(text):
        document = tomlkit.parse(text)
        for entry in entries:
            document[_ENVS][entry.name] = _inline(entry)
        return _checked(tomlkit.dumps(document), wanted)
    lines = text.splitlines(keepends=True)
    at = _behind_environments(_plain(text), lines)
    newline = "\r\n" if "\r\n" in text else "\n"
    if at and not lines[at - 1].endswith("\n"):
        lines[at - 1] += newline
    new: list[str] = []
    for entry in entries:
        blank = [newline] if at or new else []
        new += [*blank, *(f"{line}{newline}" for line in _rendered(entry))]
    if at < len(lines) and lines[at].strip():
        new.append(newline)
    return _checked("".join([*lines[:at], *new, *lines[at:]]), wanted)


def without_entry(text: str, name: str) -> str:
    """Take an environment out, with the comments that belong to it.

    Raises ``EnvsyncError`` (``edit-failed``) where that cannot be done without changing anything else.
    """
    wanted = tomllib.loads(_plain(text))
    del wanted[_ENVS][name]
    if not wanted[_ENVS]:
        del wanted[_ENVS]
    if _is_inline(text):
        document = tomlkit.parse(text)
        del document[_ENVS][name]
        return _checked(tomlkit.dumps(document), wanted)
    lines = text.splitlines(keepends=True)
    for span in reversed(_spans(_plain(text), name)):
        _cut(lines, _with_remarks_above(lines, span[0]), _with_remarks_below(lines, span[1]))
    return _checked("".join(lines), wanted)


def _cut(lines: list[str], first: int, last: int) -> None:
    """Take out some lines, and blank lines of which what is left has no need."""
    while last < len(lines) and not lines[last].strip() and (first == 0 or not lines[first - 1].strip()):
        last += 1
    while last == len(lines) and first and not lines[first - 1].strip():
        first -= 1
    del lines[first:last]


def _plain(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _checked(text: str, wanted: Mapping[str, Any]) -> str:
    """Make sure that the new text says what it is to say, and nothing else."""
    try:
        found = tomllib.loads(_plain(text))
    except tomllib.TOMLDecodeError as error:
        raise _failed(str(error)) from error
    if not found.get(_ENVS):
        found.pop(_ENVS, None)
    if found != wanted:
        raise _failed("more than the entry would change")
    return text


def _failed(reason: str) -> EnvsyncError:
    return EnvsyncError(Problem("edit-failed", f"the manifest cannot be edited: {reason}", "Edit it by hand."))


def _is_inline(text: str) -> bool:
    """Tell whether the environments stand in one inline table, which nothing can be written under."""
    return any(one.key == (_ENVS,) and not one.is_header for one in statements(_plain(text)))


def _belongs(statement: Statement, key: tuple[str, ...]) -> bool:
    return statement.key[: len(key)] == key


def _line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset)


def _spans(text: str, name: str) -> list[tuple[int, int]]:
    """Give the runs of lines, first and behind the last, that say something of an environment."""
    spans: list[tuple[int, int]] = []
    for statement in statements(text):
        if _belongs(statement, (_ENVS, name)):
            first = _line_of(text, statement.start)
            last = first + len(text[statement.start : statement.end].splitlines())
            if spans and not statement.is_header and _continues(spans[-1], first, text):
                spans[-1] = (spans[-1][0], last)
            else:
                spans.append((first, last))
    return spans


def _continues(span: tuple[int, int], first: int, text: str) -> bool:
    """Tell whether only blank lines and comments stand between a run and the next line."""
    between = text.split("\n")[span[1] : first]
    return all(not line.strip() or line.lstrip().startswith("#") for line in between)


def _with_remarks_above(lines: list[str], first: int) -> int:
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return first


def _with_remarks_below(lines: list[str], last: int) -> int:
    """Take along comments right under the entry, unless they stand right above the next."""
    end = last
    while end < len(lines) and lines[end].lstrip().startswith("#"):
        end += 1
    return end if end == len(lines) or not lines[end].strip() else last


def _behind_environments(text: str, lines: list[str]) -> int:
    """Give the line behind the last environment, or behind everything."""
    last = None
    inside = False
    for statement in statements(text):
        if statement.is_header:
            inside = _belongs(statement, (_ENVS,)) and len(statement.key) > 1
        if inside:
            last = _line_of(text, statement.start) + len(text[statement.start : statement.end].splitlines())
    return len(lines) if last is None else _with_remarks_below(lines, last)


def _rendered(entry: Entry) -> list[str]:
    table = tomlkit.table()
    for key, value in entry.values:
        table.append(key, _value(value))
    tables = tomlkit.table(is_super_table=True)
    tables.append(entry.name, table)
    document = tomlkit.document()
    document.append(_ENVS, tables)
    remarks = [f"# {line}" for line in entry.remarks]
    return [*tomlkit.dumps(document).rstrip("\n").split("\n"), *remarks]


def _value(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return value
    array = tomlkit.array()
    array.extend(value)
    return array.multiline(multiline=len(value) > 1 and len(array.as_string()) > _WIDEST)


def _inline(entry: Entry) -> InlineTable:
    table = tomlkit.inline_table()
    table.update(dict(entry.values))
    return table
