"""Say what an error of the system's means, where, and what to do about it."""

import errno
import os
from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit

from envsync.model.problems import Problem

_NO_MEMORY = Problem(
    "no-memory", "there is not enough memory", "End other programs, or raise the limit (see: ulimit -v), and try again."
)
_LOST = frozenset({errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.ELOOP})
_WIDEST = 200
"""Characters of a name that are shown."""


def explain(error: Exception, place: str = "") -> Problem:
    """Return what to tell of an error; of one that nobody foresaw, that it is a mistake in envsync.

    ``place`` is what was worked on, for an error that names no file.
    """
    match error:
        case MemoryError() | OSError(errno=errno.ENOMEM):
            return _NO_MEMORY
        case ImportError(path=str()) if getrlimit(RLIMIT_AS)[0] != RLIM_INFINITY:  # a library that has no room
            return _NO_MEMORY
        case OSError():
            return _of_system(error, place)
        case UnicodeEncodeError():
            return _of_name(error)
        case _:
            hint = "This is a mistake in envsync: report it, with what --verbose shows."
            return Problem("internal-error", f"{type(error).__name__}: {error}", hint)


def _of_system(error: OSError, place: str) -> Problem:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    where = error.filename2 or error.filename or (place if full else "")
    link = _dangling(where) if error.errno in _LOST and isinstance(where, str) else None
    if link is not None:
        message = f"{link} is a symlink to {os.readlink(link)}, and that is not there"
        return Problem("dangling-link", message, "Make that directory, mount it, or let the link lead elsewhere.")
    shown = f" ({where if isinstance(where, str) else '...'})" if where else ""
    code, hint = {
        errno.ENOSPC: ("disk-full", "Make room, then apply again."),
        errno.EDQUOT: ("disk-full", "Your quota is used up: make room, then apply again."),
        errno.EACCES: ("not-writable", "Make it writable for you, then apply again."),
        errno.EPERM: ("not-writable", "Make it writable for you, then apply again."),
        errno.EROFS: ("not-writable", "The file system is mounted read-only."),
        errno.ESTALE: ("changed-meanwhile", "Apply again."),
        errno.EIO: ("io-error", "The disk or its connection fails: see the system's log."),
    }.get(error.errno or 0, ("system-error", "Apply again when that is mended."))
    return Problem(code, f"{error.strerror or error}{shown}", hint)


def _dangling(path: str) -> str | None:
    """Return the first symlink on the way to a path that leads nowhere."""
    parts = path.split("/")
    above = ("/".join(parts[:end]) for end in range(2, len(parts) + 1))
    return next((one for one in above if os.path.islink(one) and not os.path.exists(one)), None)


def _of_name(error: UnicodeEncodeError) -> Problem:
    name = ascii(error.object[:_WIDEST])[1:-1]
    if any("\ud800" <= one <= "\udfff" for one in error.object[error.start : error.end]):
        message = f"a name has bytes that mean nothing in the encoding here: {name}"
        return Problem("not-encodable", message, "Rename it, or set the locale that it was named in.")
    message = f"the encoding of the locale here, {error.encoding}, cannot write this name: {name}"
    return Problem("not-encodable", message, "Set a locale with UTF-8, such as LC_ALL=C.UTF-8, and try again.")
