"""Compare installed files with their digests, each file once in a pass: environments share most of them."""

import os
import time
from base64 import urlsafe_b64encode

from envsync.observe.read import hash_regular

__all__ = ["Digests", "Sizes", "encoded"]

_LARGE = 8 << 20
"""Bytes from which on reading a file can cost more than to install it as a hard link."""


class Digests:
    """Knows the digests of the files that it has read, by what changes with every write to them."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int, int, str], str | None] = {}
        self._booted = time.time() - time.clock_gettime(
            getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC_RAW)  # macOS: it counts the time asleep as well
        )

    def match(self, file: str, found: os.stat_result, algorithm: str, value: str) -> bool:
        """Check whether a file of the recorded size has a digest, as ``RECORD`` writes it; ``found`` is its status.

        A large file that an installer's cache shares is believed if it was written since the machine started: what
        changes a content and leaves its size is the loss of power.
        """
        if found.st_size > _LARGE and found.st_nlink > 1 and found.st_mtime > self._booted:
            return True
        key = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size, algorithm)
        if key not in self._known:
            self._known[key] = encoded(hash_regular(file, algorithm))
        return self._known[key] == value


class Sizes(Digests):
    """Believes every file of the recorded size: what damages a file nearly always leaves another one."""

    def match(self, file: str, found: os.stat_result, algorithm: str, value: str) -> bool:
        """Believe it."""
        del file, found, algorithm, value
        return True


def encoded(digest: bytes | None) -> str | None:
    """Write a digest as ``RECORD`` does."""
    return None if digest is None else urlsafe_b64encode(digest).rstrip(b"=").decode()
