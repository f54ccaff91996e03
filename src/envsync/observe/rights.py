"""Observe owners and permissions: who else could change what is in a directory, and what new entries inherit."""

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
    """Find who else could change what is made for an environment, where envsync would write for it.

    What is there already is its owner's, so only root has to mind whose it is: it would run that user's programs, and
    leave files that the user cannot change.
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
    """Tell who else could change what is in a real directory; ``None`` if nobody can.

    With ``holds`` it is enough that what is in it stays: that nobody else may rename or delete it, as in ``/tmp``.
    The members of its group can be trusted: who lets a group write in it has said so.
    """
    try:
        found = os.lstat(directory)
    except OSError:
        return None
    if found.st_uid not in {_ROOT, os.geteuid()}:
        return Hazard(directory, _owner_name(found.st_uid))
    kept = holds and found.st_mode & stat.S_ISVTX
    return Hazard(directory) if is_new and found.st_mode & stat.S_IWOTH and not kept else None


def _owner_name(number: int) -> str:
    """Return a user's name, or the number of one that this machine does not know."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"#{number}"


def foreign_owner(path: str) -> str:
    """Return the user whose a file is that a path leads to, if it is neither root's nor one's own."""
    try:
        number = os.stat(path).st_uid
    except OSError:
        return ""
    return "" if number in {_ROOT, os.geteuid()} else _owner_name(number)


def refuse_as_root(place: str) -> None:
    """Refuse to make something as root in another user's directory: that user could not write to it.

    Raises ``EnvsyncError``.
    """
    directory = os.path.dirname(place)
    owner = foreign_owner(directory) if os.geteuid() == 0 else ""
    if owner:
        hint = f"Nothing was written. Do it as that user: sudo -u {shlex.quote(owner)} envsync ..."
        raise EnvsyncError(Problem("foreign-owner", f"{directory} belongs to {owner}", hint))


def _above(chain: Chain) -> str:
    """Return the directory that is there in which the end is, or the first directory before it would be made."""
    outermost = chain.to_make[0] if chain.to_make else chain.end
    return os.path.dirname(outermost)


def shared_directories(paths: Iterable[str]) -> Iterator[str]:
    """Yield the directories on the way to paths, through every link, in which whoever likes can replace what is next."""
    for directory in dict.fromkeys(one for path in paths for one in _directories_above(path)):
        try:
            mode = os.lstat(directory).st_mode
        except OSError:
            continue
        if stat.S_ISDIR(mode) and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            yield directory


def _directories_above(path: str) -> Iterator[str]:
    """Yield the real directories that lead to a path: those of each link on the way, and those of its end."""
    chain = walk(path)
    for place in (*(hop.link for hop in chain.hops), chain.end):
        above = os.path.dirname(place)
        while above != "/":
            yield above
            above = os.path.dirname(above)


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


InheritedAttributes = tuple[object, ...]
_ATTRIBUTES = ("system.posix_acl_default", "security.selinux")


def inherited_attributes(directory: str) -> InheritedAttributes | None:
    """Return what entries of a directory inherit: those of two that give the same are made alike in either.

    ``None`` where others could meddle with what is made in it (it is another user's, or others may write in it), or
    where it cannot be told.
    """
    try:
        found = os.lstat(directory)
    except OSError:
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return inherited(directory) if own else None


def inherited(directory: str) -> InheritedAttributes | None:
    """Return what entries of a directory inherit, whoever may write to it; ``None`` where it cannot be told.

    See inode(7) on set-group-ID, acl(5) on default entries.
    """
    try:
        found = os.lstat(directory)
    except OSError:
        return None
    group = found.st_gid if found.st_mode & stat.S_ISGID or not hasattr(os, "getxattr") else None
    return (found.st_dev, group, *(_attribute(directory, name) for name in _ATTRIBUTES))


def _attribute(directory: str, name: str) -> bytes | None:
    if not hasattr(os, "getxattr"):  # macOS: groups come from the directory there, and access lists are not read
        return None
    try:
        return os.getxattr(directory, name)
    except OSError:
        return None
