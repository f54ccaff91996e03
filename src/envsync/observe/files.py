"""Read files of unknown kinds safely, and compare installed files with their digests."""

import os
import stat
import time


def read_regular(file: str, limit: int) -> bytes | None:
    """Return up to ``limit`` bytes of a regular file; ``None`` for anything else, such as a symlink or a FIFO.

    Raises ``OSError`` where a regular file cannot be read.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        if not stat.S_ISREG(os.lstat(file).st_mode):
            return None  # a socket, or with O_NOFOLLOW a symlink, cannot be opened
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.read(descriptor, limit)
    finally:
        os.close(descriptor)


def read_text(file: str, limit: int = 65536) -> str:
    """Return up to ``limit`` bytes of a regular file as text; empty where it cannot be read."""
    try:
        return (read_regular(file, limit) or b"").decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def listed_names(directory: str) -> list[str]:
    """Return the sorted names in a directory; none where it cannot be listed."""
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def is_same_manifest(recorded: str, file: str) -> bool:
    """Check whether a recorded path is this manifest's, as opened or resolved."""
    return bool(recorded) and (recorded == file or os.path.realpath(recorded) == os.path.realpath(file))


def hash_regular(file: str, algorithm: str) -> bytes | None:
    """Return the digest of a regular file, links followed; ``None`` for anything else, or if it cannot be read."""
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
"""Bytes: reading a larger file can take longer than installing it as a hard link."""


class Digests:
    """Compares files with recorded digests, and remembers those of files that have not changed since."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int, int, str], str | None] = {}
        self._booted = time.time() - time.clock_gettime(
            getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC_RAW)  # macOS; it includes time asleep
        )

    def match(self, file: str, found: os.stat_result, algorithm: str, value: str) -> bool:
        """Check whether a file of the recorded size has a digest, as in ``RECORD``; ``found`` is its status.

        A large hard link into an installer's cache is trusted if it was written since the machine started: only a loss
        of power changes its content but not its size.
        """
        if found.st_size > _LARGE and found.st_nlink > 1 and found.st_mtime > self._booted:
            return True
        key = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size, algorithm)
        if key not in self._known:
            self._known[key] = recorded_digest(file, algorithm)
        return self._known[key] == value


class Sizes(Digests):
    """Trusts every file of the recorded size: damage nearly always changes that."""

    def match(self, file: str, found: os.stat_result, algorithm: str, value: str) -> bool:
        """Return ``True``."""
        del file, found, algorithm, value
        return True


def recorded_digest(file: str, algorithm: str) -> str | None:
    """Return the digest of a file as ``RECORD`` writes it; None where :func:`hash_regular` has none."""
    from envsync.formats.record import encoded  # noqa: PLC0415  # only where files are compared

    digest = hash_regular(file, algorithm)
    return None if digest is None else encoded(digest)
