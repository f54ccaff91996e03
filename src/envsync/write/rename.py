"""Rename between open directories: move, exchange, and check what a file system supports."""

import contextlib
import ctypes
import errno
import os
import platform
import stat
from collections.abc import Iterator

from envsync.formats.staging_marker import PREFIX
from envsync.model.dataclass import dataclass
from envsync.model.system import ON_MACOS, c_library
from envsync.write.directories import open_directory

_NOREPLACE, _EXCHANGE = 1, 2  # renameat2(2)
_SWAP, _EXCL = 2, 4  # renameatx_np(2): RENAME_SWAP, RENAME_EXCL
_SYSCALLS = {"x86_64": 316, "aarch64": 276, "armv7l": 382, "i686": 353, "riscv64": 276, "ppc64le": 357, "s390x": 347}
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM})


@dataclass(frozen=True, slots=True)
class Place:
    """A name in an open directory, whether or not an entry has it."""

    directory: int
    name: str
    parent: str
    """The directory's path, for messages."""

    @property
    def path(self) -> str:
        """Its path, for messages."""
        return f"{self.parent.rstrip('/')}/{self.name}"

    def status(self) -> os.stat_result | None:
        """Return its ``lstat`` result; ``None`` where nothing is."""
        try:
            return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def inode(self) -> int | None:
        """Return its inode; ``None`` where nothing is."""
        status = self.status()
        return None if status is None else status.st_ino

    def is_directory(self) -> bool:
        """Check whether it is a directory, and not a symlink to one."""
        status = self.status()
        return status is not None and stat.S_ISDIR(status.st_mode)


def move(source: Place, target: Place) -> None:
    """Rename an entry (rename(2)). Raises ``OSError``."""
    try:
        os.rename(source.name, target.name, src_dir_fd=source.directory, dst_dir_fd=target.directory)
    except OSError as error:
        raise _failed(error.errno or errno.EIO, source, target) from error


def exchange(one: Place, other: Place) -> bool:
    """Exchange two entries atomically; return ``False`` where the system or the file system cannot.

    Raises ``OSError`` for every other failure (renameat2(2) with RENAME_EXCHANGE; on macOS renameatx_np(2)).
    """
    return _rename(one, other, _EXCHANGE, _SWAP)


def move_no_replace(source: Place, target: Place) -> bool:
    """Rename an entry, never replacing one; return ``False`` where the system cannot guarantee that.

    Raises ``OSError`` (``FileExistsError`` where the name is taken).
    """
    return _rename(source, target, _NOREPLACE, _EXCL)


def exchange_in_steps(one: Place, other: Place, spare: Place) -> None:
    """Exchange two entries, by way of ``spare`` where the file system cannot in one step. Raises ``OSError``."""
    if exchange(one, other):
        return
    move(other, spare)
    try:
        move(one, other)
    except OSError:
        move(spare, other)
        raise
    move(spare, one)


def _rename(source: Place, target: Place, linux_flag: int, darwin_flag: int) -> bool:
    libc = c_library()
    first = (ctypes.c_int(source.directory), os.fsencode(source.name))
    second = (ctypes.c_int(target.directory), os.fsencode(target.name))
    if ON_MACOS:
        result = libc.renameatx_np(*first, *second, ctypes.c_uint(darwin_flag))
    elif hasattr(libc, "renameat2"):
        result = libc.renameat2(*first, *second, ctypes.c_uint(linux_flag))
    elif platform.machine() in _SYSCALLS:  # a libc without the wrapper
        number = ctypes.c_long(_SYSCALLS[platform.machine()])
        result = libc.syscall(number, *first, *second, ctypes.c_uint(linux_flag))
    else:
        return False
    if result == 0:
        return True
    number_ = ctypes.get_errno()
    if number_ in _UNSUPPORTED:
        return False
    raise _failed(number_, source, target)


def _failed(number: int, source: Place, target: Place) -> OSError:
    return OSError(number, os.strerror(number), source.path, None, target.path)


_NO_SYMLINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})
"""Errors of symlink(2) on a file system without symlinks."""


def try_exchange(directory: str) -> bool:
    """Check, with two scratch directories, whether directories in ``directory`` can be exchanged. Raises ``OSError``.

    They are named as staging directories, so that a later pass removes what a kill leaves.
    """
    with (
        open_directory(os.path.realpath(directory)) as top,
        _scratch(top, directory) as one,
        _scratch(top, directory) as other,
    ):
        return exchange(one, other)


def has_symlinks(directory: str) -> bool:
    """Check whether the file system of a directory has symlinks; true if nothing at all can be made there."""
    with contextlib.suppress(OSError), open_directory(os.path.realpath(directory)) as top:
        name = f"{PREFIX}{os.urandom(8).hex()}"
        try:
            os.symlink("nowhere", name, dir_fd=top)
        except OSError as error:
            return error.errno not in _NO_SYMLINKS
        os.unlink(name, dir_fd=top)
    return True


@contextlib.contextmanager
def _scratch(directory: int, parent: str) -> Iterator[Place]:
    place = Place(directory, f"{PREFIX}{os.urandom(8).hex()}", parent)
    os.mkdir(place.name, 0o700, dir_fd=directory)
    try:
        yield place
    finally:
        with contextlib.suppress(FileNotFoundError):  # another pass removed it as interrupted staging
            os.rmdir(place.name, dir_fd=directory)
