"""Open a directory by a path on which no symlink may stand, the one thing that Python's ``os.open`` does not offer."""

import ctypes
import errno
import functools
import os
import stat
import sys

__all__ = ["open_directory"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SEARCHED = getattr(os, "O_PATH", 0) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOFOLLOW_ANY = getattr(os, "O_NOFOLLOW_ANY", 0)  # macOS 11 and later, open(2)
_OPENAT2, _AT_FDCWD, _NO_SYMLINKS = 437, -100, 0x04  # openat2(2), the number is the same on all but Alpha
_REPLACED = "a symlink is on the way to it, where a directory was"


class _How(ctypes.Structure):
    """``struct open_how``."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_directory(path: str) -> int:
    """Open a directory by its real, absolute path, and return the descriptor.

    Whoever may write to a directory above it could put a symlink in the place of one on the way, so that what is then
    written lands elsewhere. Where only searching is allowed, the descriptor serves for that alone. Raises ``OSError``
    (``ESTALE`` where a symlink is on the way; ``ENOTDIR`` where it is no directory).
    """
    try:
        return _open(path, _DIRECTORY)
    except PermissionError:
        if not hasattr(os, "O_PATH"):
            raise
        return _open(path, _SEARCHED)


def _open(path: str, flags: int) -> int:
    try:
        if _NOFOLLOW_ANY:
            return os.open(path, flags & ~os.O_NOFOLLOW | _NOFOLLOW_ANY)
        descriptor = _in_one_call(path, flags) if sys.platform == "linux" else None
        return _step_by_step(path, flags) if descriptor is None else descriptor
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ESTALE, _REPLACED, path) from error
        raise


def _in_one_call(path: str, flags: int) -> int | None:
    """Return a descriptor; ``None`` where the kernel (before 5.6) or a sandbox does not offer that."""
    how = _How(flags, 0, _NO_SYMLINKS)
    while True:
        size = ctypes.c_size_t(ctypes.sizeof(how))
        text = ctypes.c_char_p(os.fsencode(path))
        result = int(_libc().syscall(ctypes.c_long(_OPENAT2), ctypes.c_int(_AT_FDCWD), text, ctypes.byref(how), size))
        if result >= 0:
            return result
        number = ctypes.get_errno()
        if number in {errno.ENOSYS, errno.EPERM}:
            return None
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number), path)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _step_by_step(path: str, flags: int) -> int:
    descriptor = os.open("/", (_SEARCHED if path.strip("/") else flags) & ~os.O_NOFOLLOW)
    parts = [part for part in path.split("/") if part]
    for depth, part in enumerate(parts, start=1):
        try:
            deeper = os.open(part, flags if depth == len(parts) else _SEARCHED, dir_fd=descriptor)
        except OSError as error:
            symlink = depth < len(parts) and _is_symlink(part, descriptor)
            number = errno.ELOOP if symlink else error.errno or errno.EIO
            raise OSError(number, os.strerror(number), path) from error
        finally:
            os.close(descriptor)
        descriptor = deeper
    return descriptor


def _is_symlink(name: str, directory: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except OSError:
        return False
