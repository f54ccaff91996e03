"""Read files whose kind is not known, and compare installed files with their digests."""

import os
import stat
import time


def read_regular(file: str, limit: int) -> bytes | None:
    """Read the beginning of a regular file; ``None`` for anything else, a symlink too, without waiting at a FIFO."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        if not stat.S_ISREG(os.lstat(file).st_mode):
            return None  # neither a socket nor, with O_NOFOLLOW, a symlink can be opened
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.read(descriptor, limit)
    finally:
        os.close(descriptor)


def read_text(file: str, limit: int = 65536) -> str:
    """Read the beginning of a regular file as text; nothing where it cannot be read."""
    try:
        return (read_regular(file, limit) or b"").decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def hash_regular(file: str, algorithm: str) -> bytes | None:
    """Hash a regular file, piece by piece; ``None`` for anything else, which is not opened. Links are followed."""
    import hashlib  # noqa: PLC0415  # it loads OpenSSL

    try:
        if not stat.S_ISREG(os.stat(file).st_mode):
            return None
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).digest()
    except OSError:
        return None


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
            self._known[key] = recorded_digest(file, algorithm)
        return self._known[key] == value


class Sizes(Digests):
    """Believes every file of the recorded size: what damages a file nearly always leaves another one."""

    def match(self, file: str, found: os.stat_result, algorithm: str, value: str) -> bool:
        """Believe it."""
        del file, found, algorithm, value
        return True


def recorded_digest(file: str, algorithm: str) -> str | None:
    """Return the digest of a file as ``RECORD`` writes it; None where :func:`hash_regular` has none."""
    from envsync.formats.record import encoded  # noqa: PLC0415  # only where files are compared

    digest = hash_regular(file, algorithm)
    return None if digest is None else encoded(digest)
