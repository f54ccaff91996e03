"""One manifest file, parsed but not validated, and where each key stands in it."""

import bisect
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from envsync.manifest.toml import COMMENT, DOTTED, MULTILINE, PART, unquoted
from envsync.manifest.wording import dotted
from envsync.model.problems import Problem

_BLANK = re.compile(rf"(?:[ \t\n]++|{COMMENT})*+")
_PART = re.compile(PART)
_HEADER = re.compile(rf"\[\[?[ \t]*+({DOTTED})[ \t]*+\]")
_KEY = re.compile(rf"({DOTTED})[ \t]*+=")
_TOKEN = re.compile(rf"({COMMENT}|{MULTILINE}|{PART})|([\[{{])|([\]}}])|\n")

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A table's header, or a key with its value, and where it stands in the text."""

    key: Key
    """Of the table, or of the key with that of its table before it."""
    parts: tuple[tuple[Key, int], ...]
    """Each table that the key goes through, and the key itself, with where its name stands."""
    start: int
    end: int
    """Behind the end of its last line."""
    is_header: bool


def statements(text: str) -> Iterator[Statement]:
    """Go through the statements of a manifest (lines end with LF); stops quietly at the first that is none."""
    table: Key = ()
    at = _end(_BLANK, text, 0)
    while at < len(text):
        header = _HEADER.match(text, at)
        match = header or _KEY.match(text, at)
        if match is None:
            return
        parts = tuple(_parts(text, () if header else table, match))
        table = parts[-1][0] if header else table
        end = _line_end(text, match.end())
        yield Statement(parts[-1][0], parts, at, end, header is not None)
        at = _end(_BLANK, text, end)


class Positions:
    """Line and column, from 1, of the keys in ``text`` (lines end with LF)."""

    def __init__(self, text: str) -> None:
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._offsets: dict[Key, int] = {}
        for statement in statements(text):
            for key, offset in statement.parts:
                self._offsets.setdefault(key, offset)

    def find(self, key: Key) -> tuple[int, int] | None:
        """Where ``key`` stands, or the nearest table or key that it would stand in."""
        while key and key not in self._offsets:
            key = key[:-1]
        if not key:
            return None
        offset = self._offsets[key]
        line = bisect.bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1


def _parts(text: str, table: Key, match: re.Match[str]) -> Iterator[tuple[Key, int]]:
    key = table
    for part in _PART.finditer(text, *match.span(1)):
        key = (*key, unquoted(part[0]))
        yield key, part.start()


def _line_end(text: str, at: int) -> int:
    """Return the end of the statement: the first line end outside strings and brackets."""
    depth = 0
    for token in _TOKEN.finditer(text, at):
        if token[2]:
            depth += 1
        elif token[3]:
            depth -= 1
        elif not token[1] and depth <= 0:
            return token.end()
    return len(text)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


@dataclass(slots=True)
class Document:
    """A file's table, with the document that included it."""

    file: str
    """Absolute, as opened."""
    text: str
    table: dict[str, Any]
    parent: "Document | None" = None
    owner: int = -1
    """The number of the user to whom the file belongs."""
    _positions: Positions | None = field(default=None, repr=False)

    @property
    def directory(self) -> str:
        """What relative paths in this file are relative to."""
        return os.path.dirname(self.file)

    def find(self, key: tuple[str, ...]) -> tuple[int, int] | None:
        """Line and column of ``key`` or of what it would stand in."""
        if self._positions is None:
            self._positions = Positions(self.text)
        return self._positions.find(key)

    def problem(self, code: str, message: str, key: tuple[str, ...], hint: str = "") -> Problem:
        """Return a problem with ``key`` in this file."""
        line, column = self.find(key) or (None, None)
        return Problem(code, message, hint, self.file, line, column, dotted(key) or None)
