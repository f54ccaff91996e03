"""Paths that match a pattern, within bounds: no pattern in a file makes a pass walk a whole file system.

The standard library's ``glob`` has no bounds, and follows circles of symlinks.
"""

import fnmatch
import glob
import os
import time
from collections.abc import Iterator

_MOST_ENTRIES = 100_000
_MOST_SECONDS = 5.0


class TooManyError(Exception):
    """A pattern leads through too many files, or takes too long; the message is a predicate."""


def matches(pattern: str, directory: str, *, hidden: bool = False) -> list[str]:
    """Return the paths of any kind that match a pattern, which may be relative to ``directory``, sorted.

    ``**`` stands for directories of any depth, each of them once, also behind symlinks. Names with a leading dot match
    only a pattern with one, or with ``hidden``. Raises ``TooManyError``.
    """
    parts = [part for part in pattern.split("/") if part]
    start = "/" if pattern.startswith("/") else directory
    return sorted(dict.fromkeys(_Search(hidden=hidden).under(start, parts)))


class _Search:
    def __init__(self, *, hidden: bool) -> None:
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
                if not rest or entry.is_dir():
                    yield from self.under(entry.path, rest)
        else:
            path = os.path.join(place, first)
            if os.path.isdir(path) if rest else os.path.lexists(path):
                yield from self.under(path, rest)

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
                waiting += [entry.path for entry in self._entries(directory) if entry.is_dir()]

    def _files(self, directory: str) -> Iterator[str]:
        return (entry.path for entry in self._entries(directory))

    def _entries(self, directory: str, pattern: str = "*") -> Iterator["os.DirEntry[str]"]:
        """Yield the entries of a directory that match; none where it cannot be read."""
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
