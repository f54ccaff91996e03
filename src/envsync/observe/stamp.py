"""Stamps: the cheapest proof that what was seen is still there.

A file, folder or symlink whose inode, change time and size are as they were has
not been touched: the kernel sets the change time on every write, rename and
link, and lets nobody set it back (inode(7)). This module is on the fast path
and imports nothing that Python has not loaded at start.
"""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["is_absence_settled", "is_settled", "proven", "settle", "stamp", "stamp_followed"]

_SLACK = 20_000_000
"""Nanoseconds by which a change time can lag: file systems take it from the kernel's tick, at most 10 ms long."""
_COARSE = 2_000_000_000
"""The same for file systems that keep whole seconds."""


def stamp(paths: "Iterable[str]") -> list[int]:
    """List inode, change time in nanoseconds and size of each path, not following it; zeros where nothing is."""
    numbers: list[int] = []
    lstat = os.lstat
    for path in paths:
        try:
            found = lstat(path)
        except (OSError, ValueError):  # what no file can be called is not there
            numbers += (0, 0, 0)
        else:
            numbers += (found.st_ino, found.st_ctime_ns, found.st_size)
    return numbers


def stamp_followed(paths: "Iterable[str]") -> list[int]:
    """List the stamps of each path, and of what it leads to."""
    return stamp(place for path in paths for place in (path, _led_to(path)))


def _led_to(path: str) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:
        return path


def is_settled(numbers: "Sequence[int]", now: int) -> bool:
    """Tell whether stamps that were taken at ``now`` (nanoseconds) prove anything.

    A file that is changed twice within one tick of the clock keeps its change time: what was changed just now might
    be changed again unseen.
    """
    return all(
        changed < now - (_COARSE if changed % 1_000_000_000 == 0 and changed else _SLACK) for changed in numbers[1::3]
    )


def is_absence_settled(path: str, now: int) -> bool:
    """Tell the same of a path where nothing is: the nearest folder above it tells when something last went."""
    folder = path
    while len(folder) > 1:
        folder = os.path.dirname(folder)
        try:
            found = os.stat(folder)
        except (OSError, ValueError):
            continue
        return is_settled((found.st_ino, found.st_ctime_ns, 0), now)
    return True


def proven(paths: "Iterable[str]", now: int) -> list[int] | None:
    """Stamp paths; ``None`` where something may have changed since ``now`` (nanoseconds), or just before."""
    numbers: list[int] = []
    for path in paths:
        one = stamp([path])
        if not is_settled(one, now) or (not one[0] and not is_absence_settled(path, now)):
            return None
        numbers += one
    return numbers


def settle() -> None:
    """Wait until what was just written can be told from what is written next."""
    time.sleep(1.1 * _SLACK / 1e9)
