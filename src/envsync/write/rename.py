"""The two renames that Python's ``os`` does not offer: exchange, and refuse to replace."""

import ctypes
import errno
import os
import platform
import sys

__all__ = ["exchange", "move_new"]

_AT_FDCWD = -100
_NOREPLACE, _EXCHANGE = 1, 2  # renameat2(2)
_SWAP, _EXCL = 2, 4  # renamex_np(2): RENAME_SWAP, RENAME_EXCL
_SYSCALLS = {"x86_64": 316, "aarch64": 276, "armv7l": 382, "i686": 353, "riscv64": 276, "ppc64le": 357, "s390x": 347}
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM})


def exchange(one: str, other: str) -> bool:
    """Exchange two folders in one atomic step; ``False`` where the system or the file system cannot.

    Raises ``OSError`` for every other failure (renameat2(2) with RENAME_EXCHANGE; on macOS renamex_np(2)).
    """
    return _rename(one, other, _EXCHANGE, _SWAP)


def move_new(source: str, target: str) -> bool:
    """Rename a folder to a name that nothing has; ``False`` where the system cannot promise that.

    Raises ``FileExistsError`` where something has the name.
    """
    return _rename(source, target, _NOREPLACE, _EXCL)


def _rename(source: str, target: str, linux_flag: int, darwin_flag: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(source), os.fsencode(target)
    if sys.platform == "darwin":
        result = libc.renamex_np(first, second, ctypes.c_uint(darwin_flag))
    elif hasattr(libc, "renameat2"):
        result = libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, ctypes.c_uint(linux_flag))
    elif platform.machine() in _SYSCALLS:  # a libc without the wrapper
        number = ctypes.c_long(_SYSCALLS[platform.machine()])
        result = libc.syscall(number, _AT_FDCWD, first, _AT_FDCWD, second, ctypes.c_uint(linux_flag))
    else:
        return False
    if result == 0:
        return True
    number_ = ctypes.get_errno()
    if number_ in _UNSUPPORTED:
        return False
    raise OSError(number_, os.strerror(number_), source, None, target)
