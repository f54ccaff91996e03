"""Whether what was known is still true: stamps of paths, the evidence that they make, the fingerprint of the process.

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

    from envsync.model.evidence import Evidence


_SLACK = 20_000_000
"""Nanoseconds by which a change time can lag: file systems take it from the kernel's tick, at most 10 ms long."""
_COARSE = 2_000_000_000
"""The same for file systems that keep whole seconds."""


def stamp(paths: "Iterable[str]") -> list[int]:
    """Return inode, change time in nanoseconds and size of each path, not following it; zeros where nothing is."""
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
    """Return the stamps of each path, and of what it leads to: six numbers for each."""
    return stamp(place for path in paths for place in (path, _led_to(path)))


def _led_to(path: str) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):  # a link in /proc that only its owner may read, or one that was removed just now
        return path


def predate(numbers: "Sequence[int]", began: int) -> bool:
    """Check whether stamps show no change since ``began`` (nanoseconds since the epoch), or just before.

    A file that is changed twice within one tick of the clock keeps its change time: what was changed just before might
    be changed again unseen. Where nothing is, there is nothing that shows.
    """
    return all(
        changed < began - (_COARSE if changed % 1_000_000_000 == 0 and changed else _SLACK) for changed in numbers[1::3]
    )


def _absences_predate(paths: "Iterable[str]", began: int) -> bool:
    """Check the same for paths where nothing is: the nearest directory above shows when an entry last went."""
    known: set[str] = set()
    for path in paths:
        directory = path
        while len(directory) > 1:
            directory = directory.rpartition("/")[0] or "/"
            if directory in known:
                break
            known.add(directory)
            try:
                found = os.stat(directory)
            except (OSError, ValueError):
                continue
            if not predate((found.st_ino, found.st_ctime_ns, 0), began):
                return False
            break
    return True


def see(paths: "Iterable[str]") -> "Evidence":
    """Return how paths are now, each once, whether or not a later change would show."""
    from envsync.model.evidence import Evidence, Paths  # noqa: PLC0415  # the fast path does without

    packed = Paths.of(paths)
    return Evidence.of(packed, stamp(packed))


def is_conclusive(evidence: "Evidence", began: int) -> bool:
    """Check whether evidence shows no change since ``began`` (nanoseconds since the epoch), or just before.

    Only then does it show every later one.
    """
    numbers = evidence.numbers()
    absent = (path for path, inode in zip(evidence.paths, numbers[::3], strict=True) if not inode)
    return predate(numbers, began) and _absences_predate(absent, began)


def take(paths: "Iterable[str]", began: int) -> "Evidence | None":
    """Return the evidence for a verdict on which work began at ``began`` (nanoseconds since the epoch).

    ``None`` where a path has changed meanwhile, or within the clock's slack before: the verdict may be old already.
    """
    evidence = see(paths)
    return evidence if is_conclusive(evidence, began) else None


def holds(evidence: "Evidence") -> bool:
    """Check whether every path still has its stamp."""
    return stamp(evidence.paths) == evidence.numbers().tolist()


def outwait_slack() -> None:
    """Wait until the next write gets another change time than the last one."""
    time.sleep(1.1 * _SLACK / 1e9)


SEARCH_PATH = "PATH="
"""No variable can have this name."""

ProcessFingerprint = list[tuple[str, str | int | None]]
_FIXED = 4


def process_fingerprint(variables: "Iterable[str]") -> ProcessFingerprint:
    """Return what this process is: some fixed facts, then each of the environment variables.

    With each goes a checksum of its value, which may be a secret; ``None`` where it is unset.

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


def is_current(known: ProcessFingerprint) -> bool:
    """Check whether this process has a fingerprint that an earlier one had."""
    return process_fingerprint([name for name, _ in known[_FIXED:]]) == known


def _search_path() -> str:
    """Return PATH without the environments that are activated: no interpreter is looked for there."""
    directories = os.environ.get("PATH", "").split(":")
    return ":".join(directory for directory in directories if not os.path.lexists(f"{directory}/../pyvenv.cfg"))
