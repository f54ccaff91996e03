"""Paths that match a pattern, within bounds: no pattern in a file makes a pass walk a whole file system.

The standard library's ``glob`` has no bounds, and follows circles of symlinks.
"""

import fnmatch
import glob
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envsync.manifest.paths import Recorder

_MOST_ENTRIES = 100_000
_MOST_SECONDS = 5.0


class TooManyError(Exception):
    """A pattern leads through too many files, or takes too long; the message is a predicate."""


def matches(pattern: str, directory: str, *, hidden: bool = False, recorder: "Recorder | None" = None) -> list[str]:
    """Return the paths of any kind that match a pattern, which may be relative to ``directory``, sorted.

    ``**`` stands for directories of any depth, each of them once, also behind symlinks. Names with a leading dot match
    only a pattern with one, or with ``hidden``. ``recorder`` records all that the answer depends on. Raises
    ``TooManyError``.
    """
    parts = [part for part in pattern.split("/") if part]
    start = "/" if pattern.startswith("/") else directory
    return sorted(dict.fromkeys(_Search(recorder, hidden=hidden).under(start, parts)))


class _Search:
    def __init__(self, recorder: "Recorder | None", *, hidden: bool) -> None:
        self._recorder = recorder
        self._hidden = hidden
        self._left = _MOST_ENTRIES
        self._end = time.monotonic() + _MOST_SECONDS

    def under(self, place: str, parts: list[str]) -> Iterator[str]:
        """Yield what matches the parts of a pattern below a place."""
        if not parts:
            yield place
            return
        first, rest = parts[0], parts[1:]
        if first == "**":
            for directory in self._directories(place):
                yield from self._files(directory) if not rest else self.under(directory, rest)
        elif glob.has_magic(first):
            for entry in self._entries(place, first):
                if entry.is_symlink():
                    self._saw(entry.path)
                if not rest or _is_directory(entry):
                    yield from self.under(entry.path, rest)
        else:
            # All up to the next pattern at once: the directories on the way may be anybody's, and never at rest.
            count = next((at for at, part in enumerate(parts) if part == "**" or glob.has_magic(part)), len(parts))
            path, rest = os.path.join(place, *parts[:count]), parts[count:]
            self._saw(path)
            if os.path.isdir(path) if rest else os.path.lexists(path):
                yield from self.under(path, rest)

    def _saw(self, path: str) -> None:
        if self._recorder is not None:
            self._recorder.saw(path)

    def _directories(self, top: str) -> Iterator[str]:
        """Yield a directory and all below it."""
        seen = set()
        waiting = [top]
        while waiting:
            directory = waiting.pop()
            try:
                found = os.stat(directory)
            except OSError:
                continue
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                yield directory
                waiting += [entry.path for entry in self._entries(directory) if _is_directory(entry)]

    def _files(self, directory: str) -> Iterator[str]:
        return (entry.path for entry in self._entries(directory))

    def _entries(self, directory: str, pattern: str = "*") -> Iterator["os.DirEntry[str]"]:
        """Yield the entries of a directory that match; none where it cannot be read."""
        if self._recorder is not None:
            self._recorder.listed(directory)
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    self._count()
                    shows = self._hidden or pattern.startswith(".") or not entry.name.startswith(".")
                    if shows and fnmatch.fnmatchcase(entry.name, pattern):
                        yield entry
        except OSError:
            return

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooManyError(f"leads through more than {_MOST_ENTRIES:,} files")
        if time.monotonic() > self._end:
            raise TooManyError(f"takes more than {_MOST_SECONDS:.0f} seconds to match")


def _is_directory(entry: "os.DirEntry[str]") -> bool:
    """Check whether an entry is a directory, or leads to one: a symlink loop does not."""
    try:
        return entry.is_dir()
    except OSError:
        return False
