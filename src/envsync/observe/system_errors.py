"""Explain errors of the system: what happened, where, and what to do."""

import errno
import os
from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit

from envsync.cache.store import state_directories
from envsync.model.problems import Problem

_NO_MEMORY = Problem(
    "no-memory", "there is not enough memory", "End other programs, or raise the limit (see: ulimit -v), and try again."
)
_LOST = frozenset({errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.ELOOP})
_WIDEST = 200
"""Characters of a name to show."""


def explain(error: Exception, place: str = "") -> Problem:
    """Return the problem for an error; an unexpected one is a bug in envsync.

    ``place`` is the path that was worked on, for an error that names no file.
    """
    match error:
        case MemoryError() | OSError(errno=errno.ENOMEM):
            return _NO_MEMORY
        case ImportError(path=str()) if getrlimit(RLIMIT_AS)[0] != RLIM_INFINITY:  # a library without memory
            return _NO_MEMORY
        case OSError():
            return _of_system(error, place)
        case UnicodeEncodeError():
            return _of_name(error)
        case _:
            hint = "This is a bug in envsync: report it, with what --verbose shows."
            return Problem("internal-error", f"{type(error).__name__}: {error}", hint)


def _of_system(error: OSError, place: str) -> Problem:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    where = error.filename2 or error.filename or (place if full else "")
    link = _dangling(where) if error.errno in _LOST and isinstance(where, str) else None
    if link is not None:
        what = "leads back to itself" if error.errno == errno.ELOOP else "does not exist"
        message = f"{link} is a symlink to {os.readlink(link)}, which {what}"
        return Problem("dangling-link", message, "Make that directory, mount it, or change the link.")
    shown = f" ({where if isinstance(where, str) else '...'})" if where else ""
    code, hint = {
        errno.ENOSPC: ("disk-full", "Free some space, then apply again."),
        errno.EDQUOT: ("disk-full", "Your quota is used up: free some space, then apply again."),
        errno.EACCES: ("not-writable", "Make it writable for you, then apply again."),
        errno.EPERM: ("not-writable", "Make it writable for you, then apply again."),
        errno.EROFS: ("not-writable", "The file system is mounted read-only."),
        errno.ESTALE: ("changed-meanwhile", "Apply again."),
        errno.EIO: ("io-error", "The disk or its connection fails: see the system's log."),
    }.get(error.errno or 0, ("system-error", "Fix that, then apply again."))
    if code == "not-writable" and isinstance(where, str) and (place := _own_state(where)):
        hint = f"envsync keeps its locks in {place}: set XDG_STATE_HOME to a directory where you may write."
    return Problem(code, f"{error.strerror or error}{shown}", hint)


def _own_state(path: str) -> str:
    """Return the directory of the locks where ``path`` is in it, or is what could not be made on the way to it."""
    locks = state_directories()[0]
    inside, on_the_way = f"{path}/".startswith(f"{locks}/"), locks.startswith(f"{path}/")
    return locks if inside or (on_the_way and not os.path.lexists(path)) else ""


def _dangling(path: str) -> str | None:
    """Return the first symlink on the way to a path that leads nowhere."""
    parts = path.split("/")
    above = ("/".join(parts[:end]) for end in range(2, len(parts) + 1))
    return next((place for place in above if os.path.islink(place) and not os.path.exists(place)), None)


def _of_name(error: UnicodeEncodeError) -> Problem:
    name = ascii(error.object[:_WIDEST])[1:-1]
    if any("\ud800" <= char <= "\udfff" for char in error.object[error.start : error.end]):
        message = f"a name contains bytes that are invalid in the locale's encoding: {name}"
        return Problem("not-encodable", message, "Rename it, or set the locale in which it was named.")
    message = f"the locale's encoding, {error.encoding}, cannot represent this name: {name}"
    return Problem("not-encodable", message, "Set a locale with UTF-8, such as LC_ALL=C.UTF-8, and try again.")
