"""Open directories without following links; read, replace and flush files in them."""

import contextlib
import ctypes
import errno
import fcntl
import os
import stat
from collections.abc import Iterator

from envsync.formats.staging_marker import PREFIX, is_staging_dir_name
from envsync.model.dataclass import dataclass
from envsync.model.system import ON_LINUX, c_library

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SEARCHED = getattr(os, "O_PATH", 0) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)  # macOS
_NOFOLLOW_ANY = getattr(os, "O_NOFOLLOW_ANY", 0)  # macOS 11 and later, open(2)
_OPENAT2, _AT_FDCWD, _NO_SYMLINKS = 437, -100, 0x04  # openat2(2), the number is the same on all but Alpha
_REPLACED = "a directory above it was replaced by a symlink"
_OTHERS = 0o077
"""The permission bits of group and others."""


class _How(ctypes.Structure):
    """``struct open_how``."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_real_path(path: str) -> int:
    """Open a directory by its real, absolute path, following no symlink, and return the descriptor.

    Whoever may write to a directory above it could replace one by a symlink, so that a write lands elsewhere. If the
    directory is searchable but not readable, so is the descriptor. Raises ``OSError`` (``ESTALE`` where a symlink is on
    the way; ``ENOTDIR`` where it is not a directory).
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
        descriptor = _in_one_call(path, flags) if ON_LINUX else None
        return _step_by_step(path, flags) if descriptor is None else descriptor
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ESTALE, _REPLACED, path) from error
        raise


def _in_one_call(path: str, flags: int) -> int | None:
    """Return a descriptor; ``None`` where the kernel (before 5.6) or a sandbox lacks openat2(2)."""
    how = _How(flags, 0, _NO_SYMLINKS)
    while True:
        size = ctypes.c_size_t(ctypes.sizeof(how))
        text = ctypes.c_char_p(os.fsencode(path))
        result = int(
            c_library().syscall(ctypes.c_long(_OPENAT2), ctypes.c_int(_AT_FDCWD), text, ctypes.byref(how), size)
        )
        if result >= 0:
            return result
        number = ctypes.get_errno()
        if number in {errno.ENOSYS, errno.EPERM}:
            return None
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number), path)


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


@dataclass(frozen=True, slots=True)
class Root:
    """A directory to write to: an environment, or one that is being built."""

    path: str
    """Its real path, without symlinks."""
    identity: tuple[int, int] | None = None
    """Device and inode when it was observed; another directory in its place is not touched."""


@contextlib.contextmanager
def open_directory(root: Root | str, inner: str = "") -> Iterator[int]:
    """Open a directory by its real path, or one below it, following no symlink; yields the descriptor.

    Raises ``OSError`` (``ESTALE`` where another directory, or on the way a symlink, has taken its place).
    """
    if isinstance(root, str):
        root = Root(root)
    descriptor = open_real_path(root.path)
    try:
        found = os.fstat(descriptor)
        if root.identity not in {None, (found.st_dev, found.st_ino)}:
            raise OSError(errno.ESTALE, "another directory has taken its place", root.path)
        for part in inner.split("/") if inner else ():
            deeper = os.open(part, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def open_in(directory: int, name: str) -> Iterator[int]:
    """Open a directory in an open one; yields the descriptor. Raises ``OSError``, for a symlink too."""
    descriptor = os.open(name, _DIRECTORY, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def open_parent(path: str) -> Iterator[tuple[int, str]]:
    """Open the parent directory of the real path ``path``; yields its descriptor, and the name in it.

    Raises ``OSError``, which names ``path`` where it concerns the name or a temporary file in its place.
    """
    parent, _, name = path.rpartition("/")
    with open_directory(parent or "/") as directory:
        try:
            yield directory, name
        except OSError as error:
            if error.filename2 == name:
                error.filename2 = path
            elif error.filename2 is None and (error.filename == name or _is_temporary(error.filename)):
                error.filename = path
            raise


def _is_temporary(name: object) -> bool:
    return isinstance(name, str) and is_staging_dir_name(name)


def kind_of(name: str, directory: int) -> int | None:
    """Return the type bits of an entry, not following links; ``None`` where nothing is (stat.S_IFMT)."""
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return None


def read_in(directory: int, name: str) -> bytes:
    """Return the content of a regular file in an open directory. Raises ``OSError``, for a symlink too."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    with open(descriptor, "rb") as file:
        return file.read()


def replace_in(directory: int, name: str, content: bytes, mode: int, *, by_way_of: int | None = None) -> None:
    """Replace a file in an open directory in one step, flushed. Raises ``OSError``.

    The temporary file is written in the open directory ``by_way_of``, if given: the one in which a later pass looks for
    partial files.
    """
    _write(directory, name, content, mode, by_way_of=by_way_of)
    to_disk(directory)


def replace_unflushed(directory: int, name: str, content: bytes, *, mode: int = 0o600, new: str = "") -> None:
    """Replace a file in one step; not flushed, so a power loss may empty or lose it. Raises ``OSError``.

    ``new`` is the name of the temporary file; what a killed process left by that name is removed.
    """
    if new:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new, dir_fd=directory)
    _write(directory, name, content, mode, new=new, flushed=False)


def _write(  # noqa: PLR0913  # four, and options
    directory: int,
    name: str,
    content: bytes,
    mode: int,
    *,
    new: str = "",
    by_way_of: int | None = None,
    flushed: bool = True,
) -> None:
    new, way = new or f"{PREFIX}{os.urandom(8).hex()}", directory if by_way_of is None else by_way_of
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=way)
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            if flushed:
                to_disk(descriptor)
        os.rename(new, name, src_dir_fd=way, dst_dir_fd=directory)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new, dir_fd=way)
        raise


def clear_partial(directory: int) -> None:
    """Remove the user's partial files that killed passes left in an open directory."""
    for name in os.listdir(directory):
        if is_staging_dir_name(name):
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                    os.unlink(name, dir_fd=directory)


def to_disk(descriptor: int) -> None:
    """Flush an open file or directory, on macOS also from the disk's cache. Raises ``OSError``."""
    os.fsync(descriptor)
    if _FULL_SYNC is not None:
        with contextlib.suppress(OSError):  # a server's file system has no such call
            fcntl.fcntl(descriptor, _FULL_SYNC)


def flush_open(directory: int) -> None:
    """Flush an open directory's entries to the disk; ignore one that is not readable. Raises ``OSError``."""
    try:
        to_disk(directory)
    except OSError as error:
        if error.errno != errno.EBADF:  # opened by O_PATH, for searching alone
            raise


def flush_directory(path: str) -> None:
    """Flush a directory's entries to the disk; ignore one that is not readable. Raises ``OSError``."""
    try:
        descriptor = os.open(path or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        to_disk(descriptor)
    finally:
        os.close(descriptor)


def make_private(directory: str) -> None:
    """Make a directory of envsync's own, and those above it, for its user alone.

    An existing one loses the permissions of others, unless it is a symlink. Raises ``OSError``.
    """
    try:
        os.mkdir(directory, 0o700)
    except FileNotFoundError:
        make_private(os.path.dirname(directory))
        with contextlib.suppress(FileExistsError):  # another pass has made it
            os.mkdir(directory, 0o700)
    except FileExistsError:
        if not os.path.isdir(directory):
            raise
        _restrict(directory)


def _restrict(directory: str) -> None:
    with contextlib.suppress(OSError):  # a link, or gone again
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if found.st_mode & _OTHERS and found.st_uid == os.geteuid():
                os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & ~_OTHERS)
        finally:
            os.close(descriptor)
