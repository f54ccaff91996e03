"""Open directories without following links, replace and flush files in them: what every writer is made of."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from envsync.areas import PREFIX, is_area_name
from envsync.write.openat import open_directory

__all__ = [
    "Root",
    "clear_partial",
    "flush_file",
    "flush_folder",
    "flush_open",
    "kind_of",
    "make_way",
    "open_folder",
    "open_in",
    "open_parent",
    "put_in",
    "read_in",
    "replace_in",
]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Root:
    """A directory to write in: an environment, or one that is being built."""

    path: str
    """Its real path: no symlink is on it."""
    identity: tuple[int, int] | None = None
    """Device and inode that it had when it was looked at; another directory at its place is left alone."""


@contextlib.contextmanager
def open_folder(root: Root | str, inner: str = "") -> Iterator[int]:
    """Open a directory by its real path, and in it one further down, without following a link anywhere.

    Raises ``OSError`` (``ESTALE`` where another directory, or on the way a symlink, has come to its place).
    """
    if isinstance(root, str):
        root = Root(root)
    descriptor = open_directory(root.path)
    try:
        found = os.fstat(descriptor)
        if root.identity not in {None, (found.st_dev, found.st_ino)}:
            raise OSError(errno.ESTALE, "another directory has come to its place meanwhile", root.path)
        for part in inner.split("/") if inner else ():
            deeper = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def open_in(directory: int, name: str) -> Iterator[int]:
    """Open a directory in an open one, no symlink to one. Raises ``OSError``."""
    descriptor = os.open(name, _FOLDER, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def open_parent(path: str) -> Iterator[tuple[int, str]]:
    """Open the directory that holds the real path ``path``; yields it, and the name in it. Raises ``OSError``."""
    parent, _, name = path.rpartition("/")
    with open_folder(parent or "/") as directory:
        yield directory, name


def make_way(path: str) -> None:
    """Make a directory of envsync's own, by its real path, and those above it; one that is there is fine.

    Only the user may look into what is made. Raises ``OSError``.
    """
    try:
        with open_folder(path):
            return
    except FileNotFoundError:
        make_way(os.path.dirname(path))
    with open_parent(path) as (parent, name), contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)


def kind_of(name: str, folder: int) -> int | None:
    """Give the type bits of an entry, not following it; ``None`` where nothing is."""
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return None


def read_in(folder: int, name: str) -> bytes:
    """Return the content of a regular file in an open directory. Raises ``OSError``, for a symlink too."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with open(descriptor, "rb") as file:
        return file.read()


def replace_in(folder: int, name: str, content: bytes, mode: int, *, by_way_of: int | None = None) -> None:
    """Write a file in an open directory, flushed, so that at every instant the old or the new one is there.

    It is written in the open directory ``by_way_of``, where what a killed pass leaves is looked for, if that is given.
    """
    _write(folder, name, content, mode, by_way_of)
    os.fsync(folder)


def put_in(folder: int, name: str, content: bytes) -> None:
    """Do the same without flushing, for the user's eyes alone: after a loss of power it may be empty, or not there."""
    _write(folder, name, content, None, None)


def _write(folder: int, name: str, content: bytes, flushed_mode: int | None, by_way_of: int | None) -> None:
    new, way = f"{PREFIX}{os.urandom(8).hex()}", folder if by_way_of is None else by_way_of
    mode = 0o600 if flushed_mode is None else flushed_mode
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=way)
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            if flushed_mode is not None:
                os.fsync(descriptor)
        os.rename(new, name, src_dir_fd=way, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new, dir_fd=way)
        raise


def clear_partial(directory: int) -> None:
    """Remove the files that killed passes had begun to write in an open directory: the user's own, by their names."""
    for name in os.listdir(directory):
        if is_area_name(name):
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
                    os.unlink(name, dir_fd=directory)


def flush_file(name: str, folder: int) -> None:
    """Wait until a regular file in an open directory is on the disk; other kinds are passed over."""
    if kind_of(name, folder) == stat.S_IFREG:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def flush_open(directory: int) -> None:
    """Wait until an open directory's entries are on the disk; one that may not be read is passed over."""
    try:
        os.fsync(directory)
    except OSError as error:
        if error.errno != errno.EBADF:  # it was opened for searching alone
            raise


def flush_folder(path: str) -> None:
    """Wait until a directory's entries are on the disk; one that may be written in but not read is passed over."""
    try:
        descriptor = os.open(path or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
