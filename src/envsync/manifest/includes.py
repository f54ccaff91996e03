"""The manifest and all that it includes: each file once, found, read and parsed."""

import glob
import os
from collections.abc import Iterator, Mapping

from envsync.manifest.document import Document
from envsync.manifest.find import absolute
from envsync.manifest.globs import TooManyError, matches
from envsync.manifest.paths import Recorder, expand
from envsync.manifest.toml import parse, read
from envsync.manifest.wording import Unfit, quoted
from envsync.model.problems import ManifestError, Problem

_MOST_FILES = 1000
_MOST_MATCHES = 10 * _MOST_FILES
_DEEPEST = 50
_NONE: Mapping[str, str] = {}


class Gathering:
    """Documents in the order in which they were met, and the problems on the way."""

    def __init__(self, recorder: Recorder, texts: Mapping[str, str] = _NONE) -> None:
        self.documents: list[Document] = []
        self.problems: list[Problem] = []
        self.complete = True
        """Whether every file could be parsed."""
        self._recorder = recorder
        self._texts = texts
        self._read: set[tuple[int, int]] = set()

    def add(self, file: str, parent: Document | None = None, depth: int = 0) -> None:
        """Read ``file`` and what it includes, unless it was read already."""
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
        message = f"{quoted(written)} is not there"
        hint = "a pattern, such as envs.d/*.toml, may match nothing"
        self.problems.append(document.problem("manifest-missing", message, ("include",), hint))

    def _included(self, document: Document) -> Iterator[tuple[str, str | None]]:
        """Each include as written, with the file it leads to, or None where nothing is there."""
        written = document.table.get("include")
        for text in written if isinstance(written, list) else ():
            try:
                yield from self._matches(text, document.directory)
            except TooManyError as error:
                self.complete = False
                hint = "name the directory that the files are in, such as envs.d/*.toml"
                message = f"{quoted(text)} {error}"
                self.problems.append(document.problem("manifest-value", message, ("include",), hint))
            except (Unfit, TypeError, AttributeError):
                # Validation tells what is wrong with it.
                self.complete = False

    def _matches(self, text: str, directory: str) -> Iterator[tuple[str, str | None]]:
        if not glob.has_magic(text):
            path = absolute(expand(text, self._recorder), directory, self._recorder.saw)
            self._recorder.saw(path)
            yield text, path if os.path.lexists(path) else None
            return
        parent = os.path.dirname(text)
        if glob.has_magic(parent) or "**" in text:
            self._recorder.beyond_replay()
        else:
            listed = expand(parent, self._recorder) if parent else directory
            self._recorder.listed(absolute(listed, directory, self._recorder.saw))
        for path in matches(expand(text, self._recorder, glob.escape), directory)[:_MOST_MATCHES]:
            self._recorder.saw(path)  # whether it is a file may change
            # A pattern means files: directories and the like beside them are no mistake, a dangling link is.
            if os.path.isfile(path) or not os.path.exists(path):
                yield text, absolute(path, directory, self._recorder.saw)
