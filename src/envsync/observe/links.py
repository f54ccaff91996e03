"""Follow a path hop by hop, as the kernel does, and recognise directories that have several names."""

import os
import stat
import sys
from typing import TYPE_CHECKING

from envsync.model.links import Chain, EndKind, Hop
from envsync.model.system import ON_MACOS

if TYPE_CHECKING:
    from envsync.observe.mounts import Mounts

MAX_HOPS = 32 if ON_MACOS else 40
"""How many symlinks the kernel follows in one look-up: MAXSYMLINKS, path_resolution(7)."""


def walk(path: str) -> Chain:
    """Return the chain of an absolute path (path_resolution(7)).

    Symlinked parents are hops too, as the kernel counts them. What follows a missing component would have to be made.
    Errors of the system are part of the chain, not raised.
    """
    walker = _Walker(path)
    reason = ""
    try:
        walker.run()
    except _StoppedError as stop:
        walker.kind, reason = stop.kind, stop.reason
    to_make = tuple(place for place in walker.missing if place != walker.here)
    identity = walker.identity if walker.kind is EndKind.DIRECTORY else None
    end = path if walker.here == path else walker.here or "/"  # one text, as thousands are held
    return Chain(path, tuple(walker.hops), end, walker.kind, to_make, walker.starts_with_link, reason, identity)


class _StoppedError(Exception):
    def __init__(self, kind: EndKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


class _Walker:
    """The state of one walk: the path so far, and the components that follow."""

    def __init__(self, path: str) -> None:
        self.here = ""  # the root; so joining is plain concatenation
        self.pending = _components(path)
        self.hops: list[Hop] = []
        self.missing: list[str] = []
        self.kind = EndKind.DIRECTORY
        self.identity: tuple[int, int] | None = None
        self.starts_with_link = False

    def run(self) -> None:
        """Take every component in turn."""
        while self.pending:
            part = self.pending.pop()
            if self.kind is EndKind.FILE or self.kind is EndKind.SPECIAL:
                raise _StoppedError(EndKind.UNREADABLE, f"{self.here} is not a directory")
            if part == "..":
                if self.missing:
                    raise _StoppedError(
                        EndKind.UNREADABLE, f"{self.missing[0]} does not exist, and `..` behind it leads nowhere"
                    )
                self.here = self.here.rpartition("/")[0]
                self.kind, self.identity = EndKind.DIRECTORY, None
            else:
                self._enter(f"{self.here}/{part}")

    def _enter(self, place: str) -> None:
        try:
            found = os.lstat(place)
            mode = found.st_mode
            text = os.readlink(place) if stat.S_ISLNK(mode) else None
        except FileNotFoundError:
            self.here = place
            self.kind = EndKind.MISSING
            self.missing.append(place)
        except UnicodeEncodeError:
            self.here = place
            reason = f"the file system's encoding here, {sys.getfilesystemencoding()}, cannot name it"
            raise _StoppedError(EndKind.UNREADABLE, reason) from None
        except OSError as error:
            self.here = place
            raise _StoppedError(EndKind.UNREADABLE, f"{error.strerror}: {place}") from error
        else:
            if text is None:
                self.here = place
                self.kind = _kind_of(mode)
                self.identity = (found.st_dev, found.st_ino)
            else:
                self._follow(place, text)

    def _follow(self, place: str, text: str) -> None:
        # Only the last component of the path as written, or of the links at it, has nothing ahead of it.
        self.starts_with_link = self.starts_with_link or not self.pending
        self.hops.append(Hop(place, text))
        if len(self.hops) > MAX_HOPS:
            links = [hop.link for hop in self.hops]
            circle = [link for link in links if links.count(link) > 1]
            self.here = circle[0] if circle else place
            reason = f"{self.here} leads back to itself"
            if not circle:
                reason = f"more than {MAX_HOPS} symlinks, the kernel's limit"
            raise _StoppedError(EndKind.LOOP, reason)
        if text.startswith("/"):
            self.here = ""
        self.kind, self.identity = EndKind.DIRECTORY, None
        self.pending.extend(_components(text))


def _components(path: str) -> list[str]:
    """Return the components of a path in reverse order."""
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]


def _kind_of(mode: int) -> EndKind:
    if stat.S_ISDIR(mode):
        return EndKind.DIRECTORY
    return EndKind.FILE if stat.S_ISREG(mode) else EndKind.SPECIAL


class Places:
    """Names real paths so that two names are equal exactly if the places are one."""

    def __init__(self, mounts: "Mounts") -> None:
        """Take the current mounts."""
        self._mounts = mounts
        self._known: dict[str, str] = {}
        self._first: dict[tuple[int, int], str] = {}

    def name_of(self, place: str) -> str:
        """Return the name of a real path, which need not exist; the name of what lies in it begins with it."""
        if place not in self._known:
            self._known[place] = self._name(place)
        return self._known[place]

    def is_one(self, first: str, second: str) -> bool:
        """Check whether two real paths are one place."""
        return first == second or self.name_of(first) == self.name_of(second)

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
