"""Read files of which one cannot know what they are."""

import os
import stat

__all__ = ["hash_regular", "read_regular", "read_text"]


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
