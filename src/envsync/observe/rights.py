"""Observe owners and permissions: who else can change what is in a directory, and what new entries inherit."""

import os
import pwd
import shlex
import stat
from collections.abc import Iterable, Iterator

from envsync.model.links import Chain, EndKind
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.world import Directory, Hazard, SideLink
from envsync.observe.links import walk

_ROOT = 0


def find_hazard(directory: Directory, path: Chain, sides: Iterable[SideLink]) -> Hazard | None:
    """Return where another user could change what envsync makes for an environment; ``None`` if nowhere.

    An existing environment belongs to its owner: only root is warned, as it would run that user's programs, and leave
    files that the user cannot change.
    """
    is_new = directory.environment is None
    if not is_new and os.geteuid() != _ROOT:
        return None
    end = directory.chain
    found = [hazard_in(end.end, is_new=is_new)] if end.kind is EndKind.DIRECTORY else []
    found.append(hazard_in(_above(end), is_new=is_new))
    if os.geteuid() == _ROOT:
        links = (path, *(side.chain for side in sides if side.available))
        found += [hazard_in(_above(chain), is_new=is_new) for chain in links if chain.kind is EndKind.MISSING]
    return next(filter(None, found), None)


def hazard_in(directory: str, *, holds: bool = True, is_new: bool = True) -> Hazard | None:
    """Return who else could change what is in a real directory; ``None`` if nobody can.

    With ``holds`` it is enough that nobody else may rename or delete its entries, as in ``/tmp``. Members of its group
    are trusted: its owner lets them write.
    """
    try:
        found = os.lstat(directory)
    except OSError:
        return None
    if found.st_uid not in {_ROOT, os.geteuid()}:
        return Hazard(directory, _owner_name(found.st_uid))
    protected = holds and found.st_mode & stat.S_ISVTX
    return Hazard(directory) if is_new and found.st_mode & stat.S_IWOTH and not protected else None


def _owner_name(number: int) -> str:
    """Return a user's name, or ``#1234`` for an unknown one."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"#{number}"


def foreign_owner(path: str) -> str:
    """Return the owner of the file that a path leads to; empty for root, the current user, or a missing file."""
    try:
        number = os.stat(path).st_uid
    except OSError:
        return ""
    return "" if number in {_ROOT, os.geteuid()} else _owner_name(number)


def refuse_as_root(place: str) -> None:
    """Raise ``EnvsyncError`` where root would make something in another user's directory, who could not write to it."""
    directory = os.path.dirname(place)
    owner = foreign_owner(directory) if os.geteuid() == 0 else ""
    if owner:
        hint = f"Nothing was written. Do it as that user: sudo -u {shlex.quote(owner)} envsync ..."
        raise EnvsyncError(Problem("foreign-owner", f"{directory} belongs to {owner}", hint))


def _above(chain: Chain) -> str:
    """Return the existing directory in which the end is, or in which its first missing parent would be made."""
    outermost = chain.to_make[0] if chain.to_make else chain.end
    return os.path.dirname(outermost)


def shared_directories(paths: Iterable[str]) -> Iterator[str]:
    """Yield the directories on the way to paths, through every link, in which anybody can replace entries."""
    for directory in dict.fromkeys(above for path in paths for above in _directories_above(path)):
        try:
            mode = os.lstat(directory).st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode) and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            yield directory


def _directories_above(path: str) -> Iterator[str]:
    """Yield the real directories above a path's end and above each link on the way."""
    chain = walk(path)
    for place in (*(hop.link for hop in chain.hops), chain.end):
        above = os.path.dirname(place)
        while above != "/":
            yield above
            above = os.path.dirname(above)


def is_private(directory: str) -> bool:
    """Check whether only the user and root can replace a real directory, or what they make in it.

    Both have to own it and those above it, and others may not write to them, except with the sticky bit, as in ``/tmp``
    (inode(7)). A directory that cannot be looked at is not private.
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


InheritedAttributes = tuple[object, ...]
_ATTRIBUTES = ("system.posix_acl_default", "security.selinux")


def inherited_attributes(directory: str) -> InheritedAttributes | None:
    """Return what entries of a directory inherit: two directories with equal values make equal entries.

    ``None`` where it belongs to another user, others may write in it, or it cannot be looked at.
    """
    try:
        found = os.lstat(directory)
    except OSError:
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return inherited(directory) if own else None


def inherited(directory: str) -> InheritedAttributes | None:
    """Return what entries of a directory inherit, whoever may write to it; ``None`` where it cannot be looked at.

    See inode(7) on set-group-ID, acl(5) on default entries.
    """
    try:
        found = os.lstat(directory)
    except OSError:
        return None
    group = found.st_gid if found.st_mode & stat.S_ISGID or not hasattr(os, "getxattr") else None
    return (found.st_dev, group, *(_attribute(directory, name) for name in _ATTRIBUTES))


def _attribute(directory: str, name: str) -> bytes | None:
    if not hasattr(os, "getxattr"):  # macOS: entries inherit the group, and access lists are not read
        return None
    try:
        return os.getxattr(directory, name)
    except OSError:
        return None
