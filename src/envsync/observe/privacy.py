"""Tell where nobody else can put one thing in the place of another."""

import os
import stat

__all__ = ["is_private"]


def is_private(directory: str) -> bool:
    """Check whether only the user and root can replace a directory, given by its real path, or what they make in it.

    It and those above it have to be theirs, and others must not be allowed to write to them; in one with the sticky
    bit, such as ``/tmp``, they can replace nothing (inode(7)). A directory that cannot be looked at is not private.
    """
    path = directory
    while True:
        try:
            found = os.lstat(path)
        except OSError:
            return False
        shared = bool(found.st_mode & 0o022) and not found.st_mode & stat.S_ISVTX
        if shared or not stat.S_ISDIR(found.st_mode) or found.st_uid not in {0, os.geteuid()}:
            return False
        if path == "/":
            return True
        path = os.path.dirname(path)
