"""Add items to an inline table, or take one out. Pure; what is not touched stays as it is written."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from envsync.manifest.lexing import COMMENT, MULTILINE, PART, unquoted

__all__ = ["with_items", "without_item"]

_TOKEN = re.compile(rf"(?P<comment>{COMMENT})|{MULTILINE}|{PART}|(?P<open>[\[{{])|(?P<close>[\]}}])|(?P<comma>,)")


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
