"""Stamps of paths and the fingerprint of the process: the cheapest proof that what was seen is still so.

This module is on the fast path.
"""

import os
import sys
import time
from binascii import crc32

from envsync import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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
    """Check whether stamps that were taken at ``now`` (nanoseconds) prove anything.

    A file that is changed twice within one tick of the clock keeps its change time: what was changed just now might
    be changed again unseen.
    """
    return all(
        changed < now - (_COARSE if changed % 1_000_000_000 == 0 and changed else _SLACK) for changed in numbers[1::3]
    )


def is_absence_settled(path: str, now: int) -> bool:
    """Tell the same of a path where nothing is: the nearest directory above it tells when something last went."""
    directory = path
    while len(directory) > 1:
        directory = os.path.dirname(directory)
        try:
            found = os.stat(directory)
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


SEARCH_PATH = "PATH="
"""No variable can have this name."""

ProcessFingerprint = list[tuple[str, str | int | None]]
_FIXED = 4


def process_fingerprint(variables: "Iterable[str]") -> ProcessFingerprint:
    """Give what is so now: some fixed facts, then each of the environment variables with a checksum of its value.

    A value may be a secret.

    ``SEARCH_PATH`` stands for PATH without the environments that are activated.
    """
    get = os.environ.get
    uname = os.uname()
    own = os.stat(os.path.dirname(__file__))  # another installation of the same version has another inode
    fixed: ProcessFingerprint = [
        (f"{__version__} {own.st_ino} {own.st_ctime_ns}", sys.version),
        (sys.platform, sys.base_prefix),
        (f"{uname.nodename} {os.geteuid()}", None),
        ("LD_LIBRARY_PATH", get("LD_LIBRARY_PATH")),  # interpreters run with it
    ]
    return fixed + [(name, _checksum(_search_path() if name == SEARCH_PATH else get(name))) for name in variables]


def _checksum(value: str | None) -> int | None:
    return None if value is None else crc32(os.fsencode(value))


def still(known: ProcessFingerprint) -> bool:
    """Check whether what was so is so still."""
    return process_fingerprint([name for name, _ in known[_FIXED:]]) == known


def _search_path() -> str:
    """No interpreter is looked for in environments that are activated."""
    directories = os.environ.get("PATH", "").split(":")
    return ":".join(directory for directory in directories if not os.path.lexists(f"{directory}/../pyvenv.cfg"))
