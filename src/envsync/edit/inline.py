"""Add items to an inline table, set one, or take one out. Pure; what is not touched stays as it is written."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import tomlkit

from envsync.manifest.lexing import COMMENT, DOTTED, MULTILINE, PART, unquoted

__all__ = ["dotted_sibling", "key_text", "with_items", "with_new_value", "with_set_item", "without_item"]

_TOKEN = re.compile(rf"(?P<comment>{COMMENT})|{MULTILINE}|{PART}|(?P<open>[\[{{])|(?P<close>[\]}}])|(?P<comma>,)")

_KEY = re.compile(rf"\s*+(?P<key>{DOTTED})[ \t]*+=[ \t]*+")
_PART = re.compile(PART)


@dataclass(frozen=True, slots=True)
class _Item:
    """A key with its value, and where they stand, without the space around them."""

    name: str
    """The first part of the key."""
    start: int
    end: int


def with_items(text: str, new: Iterable[str]) -> str:
    """Add items to the inline table in ``text``, a statement such as ``key = { ... }``, behind those that are there."""
    inside, items = _read(text)
    at = items[-1].end if items else inside
    return text[:at] + ", ".join(["", *new] if items else new) + text[at:]


def without_item(text: str, name: str) -> str:
    """Take out all items whose key begins with a name, and a comma with each."""
    _, items = _read(text)
    for number, item in enumerate(items):
        if item.name == name:
            first = items[number - 1].end if number else item.start
            last = items[1].start if number == 0 and len(items) > 1 else item.end
            return without_item(text[:first] + text[last:], name)
    return text


def with_new_value(text: str, value: str) -> str:
    """Replace the value in ``text``, a statement such as ``key = 1  # why``; what stands behind it stays."""
    match = _KEY.match(text)
    if match is None:
        return text
    ends = [token.end() for token in _TOKEN.finditer(text, match.end()) if not token["comment"]]
    return text[: match.end()] + value + text[ends[-1] if ends else match.end() :]


def with_set_item(text: str, path: tuple[str, ...], value: str) -> str:
    """Set the item with the key ``path`` in the inline table in ``text``, or in a table in it; add a missing one.

    Where part of the path is written as a table, the rest of it is set in that table.
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
    """Return the key of the statement in ``text`` with another last part: it lies in the same table."""
    match = _KEY.match(text)
    parts = list(_PART.finditer(match["key"])) if match else []
    return (match["key"][: parts[-1].start()] if match else "") + key_text(name)


def key_text(name: str) -> str:
    """Write one part of a key, in quotes where it needs them."""
    return tomlkit.key(name).as_string()


def _parts(text: str) -> tuple[str, ...]:
    match = _KEY.match(text)
    return tuple(unquoted(part[0]) for part in _PART.finditer(match["key"])) if match else ()


def _read(text: str) -> tuple[int, list[_Item]]:
    """Give where the inline table begins, behind its bracket, and its items."""
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
