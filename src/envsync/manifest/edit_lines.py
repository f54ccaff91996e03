"""A manifest's text as lines and inline tables: the steps of an edit."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import tomlkit

from envsync.manifest.document import statements
from envsync.manifest.toml import COMMENT, DOTTED, MULTILINE, PART, unquoted
from envsync.model.dataclass import dataclass
from envsync.model.problems import EnvsyncError, Problem

ENVS = "envs"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""A line with its end. Unlike for ``splitlines``, U+2028 ends none."""
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Run:
    """The lines of one statement."""

    key: tuple[str, ...]
    is_header: bool
    first: int
    last: int
    """The number after that of the last line."""
    floor: int
    """The ``last`` of the statement before: above that, what looks like a comment may be part of a string."""


def lines_of(text: str) -> list[str]:
    """Return the lines with their ends, without a byte order mark."""
    return _LINE.findall(text.removeprefix(_BOM))


def newline_of(lines: list[str]) -> str:
    """Return the line ending."""
    return "\r\n" if any(line.endswith("\r\n") for line in lines) else "\n"


def parsed(text: str) -> dict[str, Any]:
    """Return the table in a manifest's text. Raises ``EnvsyncError`` (``edit-failed``)."""
    try:
        return tomllib.loads(_plain(text))
    except tomllib.TOMLDecodeError as error:
        raise failed(str(error)) from error


def checked(text: str, lines: list[str], wanted: Mapping[str, Any]) -> str:
    """Return the edited text, with the byte order mark and the end of the former.

    Raises ``EnvsyncError`` (``edit-failed``) unless it parses to ``wanted``.
    """
    bom = _BOM if text.startswith(_BOM) else ""
    new = bom + "".join(lines)
    if not text.endswith("\n"):
        new = new.removesuffix("\n").removesuffix("\r")
    found = parsed(new)
    if {**found, ENVS: found.get(ENVS) or {}} != {**wanted, ENVS: wanted.get(ENVS) or {}}:
        raise failed("more than the entry would change")
    return new


def failed(reason: str) -> EnvsyncError:
    """Return the error for a text that cannot be edited."""
    return EnvsyncError(Problem("edit-failed", f"the manifest cannot be edited: {reason}", "Edit it by hand."))


def runs_in(text: str) -> list[Run]:
    """Return the statements of a manifest's text with their lines."""
    plain = _plain(text)
    runs: list[Run] = []
    offset = line = floor = 0
    for statement in statements(plain):
        first = line + plain.count("\n", offset, statement.start)
        line = first + plain.count("\n", statement.start, statement.end)
        offset = statement.end
        last = line if plain[offset - 1] == "\n" else line + 1
        runs.append(Run(statement.key, statement.is_header, first, last, floor))
        floor = last
    return runs


def inline_table(runs: list[Run]) -> Run | None:
    """Return the statement ``envs = {...}``, below which no table can be added; ``None`` if there is none."""
    return next((run for run in runs if run.key == (ENVS,) and not run.is_header), None)


def _plain(text: str) -> str:
    return text.removeprefix(_BOM).replace("\r\n", "\n")


_TOKEN = re.compile(rf"(?P<comment>{COMMENT})|{MULTILINE}|{PART}|(?P<open>[\[{{])|(?P<close>[\]}}])|(?P<comma>,)")

_KEY = re.compile(rf"\s*+(?P<key>{DOTTED})[ \t]*+=[ \t]*+")
_PART = re.compile(PART)


@dataclass(frozen=True, slots=True)
class _Item:
    """An item of an inline table, without the space around it."""

    name: str
    """The first part of the key."""
    start: int
    end: int
    """Offsets."""


def with_items(text: str, new: Iterable[str]) -> str:
    """Return ``text``, a statement such as ``key = { ... }``, with further items at the end of its inline table."""
    inside, items = _read(text)
    at = items[-1].end if items else inside
    return text[:at] + ", ".join(["", *new] if items else new) + text[at:]


def without_item(text: str, name: str) -> str:
    """Return ``text`` without the items whose key begins with a name, and a comma with each."""
    _, items = _read(text)
    for number, item in enumerate(items):
        if item.name == name:
            first = items[number - 1].end if number else item.start
            last = items[1].start if number == 0 and len(items) > 1 else item.end
            return without_item(text[:first] + text[last:], name)
    return text


def with_new_value(text: str, value: str) -> str:
    """Return ``text``, a statement such as ``key = 1  # why``, with another value and the same comment."""
    match = _KEY.match(text)
    if match is None:
        return text
    ends = [token.end() for token in _TOKEN.finditer(text, match.end()) if not token["comment"]]
    return text[: match.end()] + value + text[ends[-1] if ends else match.end() :]


def with_set_item(text: str, path: tuple[str, ...], value: str) -> str:
    """Return ``text`` with the key ``path`` set in its inline table, or in one nested in that.

    A missing item is added.
    """
    _, items = _read(text)
    beginning = None
    for item in items:
        parts = _parts(text[item.start : item.end])
        inner = text[item.start : item.end]
        if parts == path:
            return text[: item.start] + with_new_value(inner, value) + text[item.end :]
        if parts == path[: len(parts)]:
            return text[: item.start] + with_set_item(inner, path[len(parts) :], value) + text[item.end :]
        if len(parts) == len(path) and parts[:-1] == path[:-1]:
            beginning = item  # a dotted key of the same table
    if beginning is not None:
        key = dotted_sibling(text[beginning.start : beginning.end], path[-1])
        return f"{text[: beginning.end]}, {key} = {value}{text[beginning.end :]}"
    return with_items(text, [f"{'.'.join(map(key_text, path))} = {value}"])


def dotted_sibling(text: str, name: str) -> str:
    """Return the key of the statement in ``text`` with another last part: a key of the same table."""
    match = _KEY.match(text)
    parts = list(_PART.finditer(match["key"])) if match else []
    return (match["key"][: parts[-1].start()] if match else "") + key_text(name)


def key_text(name: str) -> str:
    """Return one part of a key, in quotes where it needs them."""
    return tomlkit.key(name).as_string()


def _parts(text: str) -> tuple[str, ...]:
    match = _KEY.match(text)
    return tuple(unquoted(part[0]) for part in _PART.finditer(match["key"])) if match else ()


def _read(text: str) -> tuple[int, list[_Item]]:
    """Return the offset after the bracket of the inline table, and its items."""
    items: list[_Item] = []
    inside = depth = 0
    open_item: _Item | None = None
    for token in _TOKEN.finditer(text):
        depth += bool(token["open"]) - bool(token["close"])
        if not inside:
            inside = token.end() if depth else 0
        elif depth == 0 or (depth == 1 and token["comma"]):
            items += [open_item] if open_item else []
            open_item = None
            if depth == 0:
                break
        elif not token["comment"]:
            name, start = (open_item.name, open_item.start) if open_item else (unquoted(token[0]), token.start())
            open_item = _Item(name, start, token.end())
    return inside, items
