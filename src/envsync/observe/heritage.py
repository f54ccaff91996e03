"""Say what a new entry gets from the directory that it is made in: its disk, group, access list and label."""

import os
import stat

__all__ = ["heritage", "inherited"]

Heritage = tuple[object, ...]
_ATTRIBUTES = ("system.posix_acl_default", "security.selinux")


def heritage(folder: str) -> Heritage | None:
    """Return what entries of a directory inherit: those of two that give the same are made alike in either.

    ``None`` where others could meddle with what is made in it (it is another user's, or others may write in it), or
    where it cannot be told.
    """
    try:
        found = os.lstat(folder)
    except OSError:
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return inherited(folder) if own else None


def inherited(folder: str) -> Heritage | None:
    """Return what entries of a directory inherit, whoever may write to it; ``None`` where it cannot be told.

    See inode(7) on set-group-ID, acl(5) on default entries.
    """
    try:
        found = os.lstat(folder)
    except OSError:
        return None
    group = found.st_gid if found.st_mode & stat.S_ISGID or not hasattr(os, "getxattr") else None
    return (found.st_dev, group, *(_attribute(folder, name) for name in _ATTRIBUTES))


def _attribute(folder: str, name: str) -> bytes | None:
    if not hasattr(os, "getxattr"):  # macOS: groups come from the folder there, and access lists are not read
        return None
    try:
        return os.getxattr(folder, name)
    except OSError:
        return None
