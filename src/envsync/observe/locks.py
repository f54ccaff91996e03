"""Check whether a process works on an environment, by the lock that it holds (flock(2))."""

import fcntl
import hashlib
import os

from envsync.observe.mounts import name_of


def lock_name(key: str) -> str:
    """Return the name of the lock file for a key."""
    return f"{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:32]}.lock"


def is_held(locks: str, end: str) -> bool:
    """Check whether a process holds the lock of the environment at ``end``; ``locks`` holds the lock files."""
    return is_locked(f"{locks}/{lock_name(name_of(end))}")


def is_locked(path: str) -> bool:
    """Check whether a process holds the lock of a file or directory."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
