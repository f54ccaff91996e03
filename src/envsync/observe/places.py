"""Know a place by what it is, not by its name: bind mounts and case-insensitive directories have many names."""

import os
import stat

from envsync.observe.mounts import Mounts

__all__ = ["Places"]


class Places:
    """Names real places so that two are equal exactly if they are one; in one pass."""

    def __init__(self, mounts: Mounts) -> None:
        """Take the mounts of the time."""
        self._mounts = mounts
        self._known: dict[str, str] = {}
        self._first: dict[tuple[int, int], str] = {}

    def name_of(self, place: str) -> str:
        """Return the name of an absolute path in which no directory is a symlink, whether or not anything is there.

        It is a path, in the sense that what lies in another place has that one's name before its own.
        """
        if place not in self._known:
            self._known[place] = self._name(place)
        return self._known[place]

    def is_one(self, one: str, other: str) -> bool:
        """Check whether two real paths are one place."""
        return one == other or self.name_of(one) == self.name_of(other)

    def _name(self, place: str) -> str:
        above, _, own = place.rstrip("/").rpartition("/")
        if not own or self._mounts.is_point(place):
            name = self._mounts.name_of(place)
        else:
            name = f"{self.name_of(above or '/').rstrip('/')}/{own}"
        try:
            found = os.lstat(place)
        except (OSError, ValueError):
            return name
        if not stat.S_ISDIR(found.st_mode) or not found.st_ino:
            return name
        return self._first.setdefault((found.st_dev, found.st_ino), name)
