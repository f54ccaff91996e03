"""Where each key of a manifest stands: read only when there is a problem to point at."""

import bisect
import re

from envsync.manifest.lexing import COMMENT, DOTTED, MULTILINE, PART, unquoted

__all__ = ["Positions"]

_BLANK = re.compile(rf"(?:[ \t\n]++|{COMMENT})*+")
_PART = re.compile(PART)
_HEADER = re.compile(rf"\[\[?[ \t]*+({DOTTED})[ \t]*+\]")
_KEY = re.compile(rf"({DOTTED})[ \t]*+=")
_TOKEN = re.compile(rf"({COMMENT}|{MULTILINE}|{PART})|([\[{{])|([\]}}])|\n")

Key = tuple[str, ...]


class Positions:
    """Line and column, from 1, of the keys in ``text`` (lines end with LF)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._offsets: dict[Key, int] = {}
        self._scan()

    def find(self, key: Key) -> tuple[int, int] | None:
        """Where ``key`` stands, or the nearest table or key that it would stand in."""
        while key and key not in self._offsets:
            key = key[:-1]
        if not key:
            return None
        offset = self._offsets[key]
        line = bisect.bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def _scan(self) -> None:
        """Go through the statements; stops quietly at the first that is none."""
        table: Key = ()
        at = _end(_BLANK, self._text, 0)
        while at < len(self._text):
            if header := _HEADER.match(self._text, at):
                table = self._note((), header)
                at = header.end()
            elif key := _KEY.match(self._text, at):
                self._note(table, key)
                at = key.end()
            else:
                return
            at = _end(_BLANK, self._text, self._line_end(at))

    def _note(self, table: Key, match: re.Match[str]) -> Key:
        """Remember where each part of a dotted key stands, the first time it does."""
        key = table
        for part in _PART.finditer(self._text, *match.span(1)):
            key = (*key, unquoted(part[0]))
            self._offsets.setdefault(key, part.start())
        return key

    def _line_end(self, at: int) -> int:
        """Return the end of the statement: the first line end outside strings and brackets."""
        depth = 0
        for token in _TOKEN.finditer(self._text, at):
            if token[2]:
                depth += 1
            elif token[3]:
                depth -= 1
            elif not token[1] and depth <= 0:
                return token.end()
        return len(self._text)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at
