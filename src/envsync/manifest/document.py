"""The files of a manifest, itself and its includes: read and parsed, not validated; and where each key stands."""

import bisect
import glob
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from envsync.manifest.find import absolute
from envsync.manifest.paths import Recorder, expand
from envsync.manifest.toml import COMMENT, DOTTED, MULTILINE, PART, Text, parse, read, unquoted
from envsync.manifest.wording import Unfit, dotted, quoted
from envsync.model.dataclass import dataclass
from envsync.model.problems import ManifestError, Problem

_BLANK = re.compile(rf"(?:[ \t\n]++|{COMMENT})*+")
_PART = re.compile(PART)
_HEADER = re.compile(rf"\[\[?[ \t]*+({DOTTED})[ \t]*+\]")
_KEY = re.compile(rf"({DOTTED})[ \t]*+=")
_TOKEN = re.compile(rf"({COMMENT}|{MULTILINE}|{PART})|([\[{{])|([\]}}])|\n")

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A table's header, or a key with its value, and its position in the text."""

    key: Key
    """Of the table; or the full key, with that of its table."""
    parts: tuple[tuple[Key, int], ...]
    """Each table on the way to the key, and the key itself, as pairs of key and offset of its name."""
    start: int
    """Offset."""
    end: int
    """Offset after its last line."""
    is_header: bool


def statements(text: str) -> Iterator[Statement]:
    """Yield the statements of a text whose lines end with LF; stops silently at what is not a statement."""
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
    """The lines and columns, from 1, of the keys in a text whose lines end with LF."""

    def __init__(self, text: str) -> None:
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._offsets: dict[Key, int] = {}
        for statement in statements(text):
            for key, offset in statement.parts:
                self._offsets.setdefault(key, offset)

    def find(self, key: Key) -> tuple[int, int] | None:
        """Return line and column of ``key``, or of the nearest table that would hold it; ``None`` without one."""
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
    """Return the offset after a statement: of the first line end outside strings and brackets."""
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
    """A parsed file, with the document that includes it."""

    file: str
    """Absolute path as opened."""
    text: str
    table: dict[str, Any]
    parent: "Document | None" = None
    owner: int = -1
    """The user ID of the file's owner."""
    _positions: Positions | None = field(default=None, repr=False)

    @property
    def directory(self) -> str:
        """The directory that relative paths in this file start from."""
        return os.path.dirname(self.file)

    def find(self, key: tuple[str, ...]) -> tuple[int, int] | None:
        """Return line and column of ``key``; see :meth:`Positions.find`."""
        if self._positions is None:
            self._positions = Positions(self.text)
        return self._positions.find(key)

    def problem(self, code: str, message: str, key: tuple[str, ...], hint: str = "") -> Problem:
        """Return a problem at ``key`` in this file."""
        line, column = self.find(key) or (None, None)
        return Problem(code, message, hint, self.file, line, column, dotted(key) or None)


_MOST_FILES = 1000
_MOST_MATCHES = 10 * _MOST_FILES
_DEEPEST = 50
_NONE: Mapping[str, str] = {}


class Gathering:
    """The documents of a manifest, in the order in which they are read, and the problems found."""

    def __init__(self, recorder: Recorder, texts: Mapping[str, str] = _NONE) -> None:
        self.documents: list[Document] = []
        self.problems: list[Problem] = []
        self.complete = True
        """Whether every file was parsed."""
        self._recorder = recorder
        self._texts = texts
        self._read: set[tuple[int, int]] = set()

    def add(self, file: str, parent: Document | None = None, depth: int = 0) -> None:
        """Read ``file`` and what it includes, each file once."""
        self._recorder.saw(file)
        try:
            document = self._document(file, parent)
        except ManifestError as error:
            self.complete = False
            self.problems.extend(error.problems)
            return
        if document is None:
            return
        self.documents.append(document)
        for written, found in self._included(document):
            if depth >= _DEEPEST or len(self._read) >= _MOST_FILES:
                self.complete = False
                message = f"more than {_MOST_FILES} files, or {_DEEPEST} levels of them, are included"
                self.problems.append(document.problem("manifest-too-deep", message, ("include",)))
                return
            if found is None:
                self._missing(document, written)
            else:
                self.add(found, document, depth + 1)

    def _document(self, file: str, parent: Document | None) -> Document | None:
        hint = f"included by {parent.file}" if parent else ""
        if file in self._texts and not os.path.lexists(file):  # it is yet to be written
            source = Text(self._texts[file], (0, 0), os.geteuid())
        else:
            source = read(file, missing_hint=hint)
        if source.identity in self._read:
            return None
        self._read.add(source.identity)
        text = self._texts.get(file, source.text).removeprefix("\ufeff").replace("\r\n", "\n")
        if parent is None and not text.strip():
            message = "is empty; a manifest begins with `version = 1`"
            raise ManifestError((Problem("manifest-value", message, "", file),))
        return Document(file, text, parse(text, file), parent, source.owner)

    def _missing(self, document: Document, written: str) -> None:
        self.complete = False
        message = f"{quoted(written)} does not exist"
        hint = "a pattern, such as envs.d/*.toml, may match nothing"
        self.problems.append(document.problem("manifest-missing", message, ("include",), hint))

    def _included(self, document: Document) -> Iterator[tuple[str, str | None]]:
        """Yield each include as written, with the file that it names; ``None`` where that is missing."""
        written = document.table.get("include")
        for text in written if isinstance(written, list) else ():
            from envsync.manifest.globs import TooManyError  # noqa: PLC0415  # `add` loads little

            try:
                yield from self._matches(text, document.directory)
            except TooManyError as error:
                self.complete = False
                hint = "name the directory that the files are in, such as envs.d/*.toml"
                message = f"{quoted(text)} {error}"
                self.problems.append(document.problem("manifest-value", message, ("include",), hint))
            except (Unfit, TypeError, AttributeError):
                # Validation reports what is wrong with it.
                self.complete = False

    def _matches(self, text: str, directory: str) -> Iterator[tuple[str, str | None]]:
        if not glob.has_magic(text):
            path = absolute(expand(text, self._recorder), directory, self._recorder.saw)
            self._recorder.saw(path)
            yield text, path if os.path.lexists(path) else None
            return
        from envsync.manifest.globs import matches  # noqa: PLC0415

        parent = os.path.dirname(text)
        if glob.has_magic(parent) or "**" in text:
            self._recorder.beyond_replay()
        else:
            listed = expand(parent, self._recorder) if parent else directory
            self._recorder.listed(absolute(listed, directory, self._recorder.saw))
        for path in matches(expand(text, self._recorder, glob.escape), directory)[:_MOST_MATCHES]:
            self._recorder.saw(path)  # it may become a file, or stop being one
            # A pattern means files: it may match directories too, but a dangling link is a mistake.
            if os.path.isfile(path) or not os.path.exists(path):
                yield text, absolute(path, directory, self._recorder.saw)
