"""One pass at a time for each environment, by locks of the kernel's that no crash leaves behind (flock(2))."""

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator

from envsync.errors import EnvsyncError, Problem

__all__ = ["hold"]

_PAUSE = 0.05
"""Seconds between two tries."""


@contextlib.contextmanager
def hold(folder: str, end: str, timeout: float) -> Iterator[None]:
    """Hold the lock of the environment at ``end``, waiting for another pass up to ``timeout`` seconds.

    The lock files lie in ``folder`` and stay there: one that is deleted would be two locks for whoever waits.
    Raises ``EnvsyncError`` (``locked``), which says who holds it, or ``OSError``.
    """
    os.makedirs(folder, mode=0o700, exist_ok=True)
    name = hashlib.sha256(end.encode(errors="surrogateescape")).hexdigest()[:32]
    descriptor = os.open(f"{folder}/{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _wait(descriptor, end, timeout)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, end: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "another process"
                message = f"{end} is locked by {holder}; gave up after {timeout:g} seconds"
                hint = "Let it end, or wait longer with --lock-timeout."
                raise EnvsyncError(Problem("locked", message, hint)) from None
            time.sleep(_PAUSE)
        else:
            return
