"""The one place that writes.

Nothing here can replace a symlink of a user's: links outside of an environment
are only ever made where nothing is, and what is replaced or deleted is reached
from an open folder, never through a link.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

from envsync import areas
from envsync.apply import rename
from envsync.areas import BUILT, FORMER, MARKER, Marker

__all__ = [
    "edit_inner_file",
    "flush",
    "keep_as_generation",
    "make_area",
    "make_folder",
    "make_link",
    "mark_area",
    "move_in",
    "put_back",
    "put_inner_file",
    "remove_area",
    "remove_debris",
    "replace_file",
    "set_inner_link",
    "swap",
    "write_cache",
]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_folder(path: str) -> None:
    """Make one folder; one that is there is fine. Raises ``OSError``."""
    try:
        os.mkdir(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
    else:
        _flush_folder(os.path.dirname(path))


def make_link(link: str, text: str) -> None:
    """Make a symlink where nothing is. Raises ``FileExistsError`` where something is: it never replaces."""
    os.symlink(text, link)
    _flush_folder(os.path.dirname(link))


def make_area(parent: str, marker: Marker) -> str:
    """Make a marked, hidden staging area in ``parent`` and return its path."""
    while True:
        area = f"{parent.rstrip('/')}/{areas.PREFIX}{os.urandom(8).hex()}"
        os.mkdir(area, 0o700)
        # Until it is marked, the lock tells it apart from one that a killed pass left; another pass that was quicker
        # has removed it.
        with contextlib.suppress(FileNotFoundError), _open_folder(area) as folder:
            fcntl.flock(folder, fcntl.LOCK_EX)
            _replace(folder, MARKER, areas.write_marker(marker).encode(errors="surrogateescape"), 0o644)
            # An area beside a project's .venv is in its repository: keep it out of `git status`.
            _replace(folder, ".gitignore", b"*\n", 0o644)
            return area


def mark_area(area: str, marker: Marker) -> None:
    """Write what an area is for, in one step."""
    replace_file(f"{area}/{MARKER}", areas.write_marker(marker).encode(errors="surrogateescape"))


def replace_file(path: str, content: bytes, mode: int = 0o644) -> None:
    """Write a whole file so that at every instant the old or the new one is there."""
    with _open_folder(os.path.dirname(path)) as folder:
        _replace(folder, os.path.basename(path), content, mode)


def write_cache(file: str, content: bytes) -> None:
    """Write a cache file, making its folder; a cache folder behind a symlink stays behind it."""
    folder = os.path.realpath(os.path.dirname(file))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    replace_file(f"{folder}/{os.path.basename(file)}", content)


def edit_inner_file(environment: str, relative: str, edit: Callable[[bytes], bytes]) -> None:
    """Rewrite a regular file inside an environment, keeping its mode; nothing is written if nothing changes.

    A new file takes the old one's place: the old one may share its inode with an installer's cache.
    """
    with _open_folder(environment, os.path.dirname(relative)) as folder:
        name = os.path.basename(relative)
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        with open(descriptor, "rb") as file:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            content = file.read()
        changed = edit(content)
        if changed != content:
            _replace(folder, name, changed, mode)


def put_inner_file(environment: str, relative: str, source: str) -> None:
    """Put a copy of the file ``source`` into an environment, in place of what regular file is there."""
    with open(source, "rb") as file:
        content = file.read()
    with _open_folder(environment, os.path.dirname(relative)) as folder:
        name = os.path.basename(relative)
        if _kind(name, folder) in {None, stat.S_IFREG}:  # a symlink there is the user's own
            _replace(folder, name, content, 0o644)


def set_inner_link(environment: str, relative: str, text: str) -> None:
    """Make an environment's own entry, such as ``bin/python``, a symlink that holds ``text``, in one step."""
    with _open_folder(environment, os.path.dirname(relative)) as folder:
        name, new = os.path.basename(relative), f"{areas.PREFIX}{os.urandom(8).hex()}"
        os.symlink(text, new, dir_fd=folder)
        try:
            os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            os.unlink(new, dir_fd=folder)
            raise
        os.fsync(folder)


def flush(folder: str) -> None:
    """Wait until all that was written under ``folder`` is on the disk (syncfs(2), elsewhere fsync(2) of each file)."""
    with _open_folder(folder) as descriptor:
        if sys.platform == "linux":
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.syncfs(descriptor) == 0:
                return
        for _, _, files, here in os.fwalk(".", dir_fd=descriptor, follow_symlinks=False):
            for name in files:
                _flush_file(name, here)
            os.fsync(here)


def move_in(area: str, end: str) -> None:
    """Move the environment built in ``area`` to ``end``, where nothing or an empty folder must be.

    Raises ``OSError`` (``EEXIST``, ``ENOTEMPTY``) where something is: it never replaces.
    """
    built = f"{area}/{BUILT}"
    try:
        mode = stat.S_IMODE(os.lstat(end).st_mode)
    except FileNotFoundError:
        if not rename.move_new(built, end):
            os.rename(built, end)  # rename(2) of a folder replaces nothing but an empty folder
    else:
        os.chmod(built, mode)
        os.rename(built, end)
    _flush_folder(os.path.dirname(end))


def swap(area: str, end: str) -> None:
    """Exchange the environment built in ``area`` for the one at ``end``; the former one is then in ``area``.

    Where the file system cannot do it in one step, in two that :func:`put_back` can undo.
    """
    built, former = f"{area}/{BUILT}", f"{area}/{FORMER}"
    if not rename.exchange(built, end):
        os.rename(end, former)
        os.rename(built, end)
        os.rename(former, built)
    _flush_folder(os.path.dirname(end))
    _flush_folder(area)


def keep_as_generation(area: str, made: str, generations: tuple[str, ...]) -> None:
    """Turn an area that holds a former environment into a generation, and remove the ``generations`` it supersedes."""
    with _open_folder(area) as folder:
        marker = _read_marker(folder)
    if marker is not None:
        mark_area(area, replace(marker, kind="generation", made=made))
        for superseded in generations:
            remove_area(superseded)


def put_back(area: str, end: str) -> None:
    """Undo a swap in two steps that was cut off between them."""
    former = f"{area}/{FORMER}"
    if os.path.lexists(former) and not os.path.lexists(end):
        os.rename(former, end)
        _flush_folder(os.path.dirname(end))


def remove_area(area: str) -> None:
    """Delete a staging area with what envsync put into it; the only function that deletes a tree.

    It proves what it deletes: the name, the owner, the marker, from an open folder and never through a link. Without
    a marker nothing is deleted but an empty area. Anything foreign in it stays, and the area with it.
    """
    if not areas.is_area_name(os.path.basename(area)):
        raise ValueError(f"{area} is no staging area")
    with contextlib.suppress(FileNotFoundError), _open_folder(area) as folder:
        if os.fstat(folder).st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "it belongs to another user", area)
        fcntl.flock(folder, fcntl.LOCK_EX)
        if _read_marker(folder) is not None:
            for tree in (BUILT, FORMER):
                if _kind(tree, folder) == stat.S_IFDIR:
                    _remove_tree(tree, folder)
        own = [name for name in os.listdir(folder) if areas.is_area_name(name)]
        for name in (*own, ".gitignore", MARKER):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
        with contextlib.suppress(OSError):
            os.rmdir(area)


def remove_debris(environment: str, relatives: tuple[str, ...]) -> None:
    """Delete the half-written files that a killed pass left inside an environment, by their names and kind."""
    for relative in relatives:
        name = os.path.basename(relative)
        with _open_folder(environment, os.path.dirname(relative)) as folder, contextlib.suppress(FileNotFoundError):
            if areas.is_area_name(name) and _kind(name, folder) in {stat.S_IFREG, stat.S_IFLNK}:
                os.unlink(name, dir_fd=folder)


def _remove_tree(name: str, folder: int) -> None:
    def open_up(_function: object, _path: str, error: tuple[type, BaseException, object]) -> None:
        raise error[1]

    # A folder without write permission inside would stop the removal: its owner may change that.
    for _, folders, _, here in os.fwalk(name, dir_fd=folder, follow_symlinks=False):
        for inner in folders:
            mode = os.stat(inner, dir_fd=here, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:  # noqa: PLR2004  # rwx for the owner
                os.chmod(inner, 0o700, dir_fd=here)
    shutil.rmtree(name, dir_fd=folder, onerror=open_up)


def _read_marker(folder: int) -> Marker | None:
    try:
        descriptor = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    with open(descriptor, encoding="utf-8", errors="surrogateescape") as file:
        return areas.read_marker(file.read(65536))


def _kind(name: str, folder: int) -> int | None:
    """Give the type bits of an entry, not following it; ``None`` where nothing is."""
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _open_folder(path: str, inner: str = "") -> Iterator[int]:
    """Open a folder, and in it a folder further down, without following a link at either."""
    descriptor = os.open(path, _FOLDER)
    try:
        for part in inner.split("/") if inner else ():
            deeper = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


def _replace(folder: int, name: str, content: bytes, mode: int) -> None:
    new = f"{areas.PREFIX}{os.urandom(8).hex()}"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder)
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new, dir_fd=folder)
        raise
    os.fsync(folder)


def _flush_file(name: str, folder: int) -> None:
    if _kind(name, folder) == stat.S_IFREG:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _flush_folder(path: str) -> None:
    descriptor = os.open(path or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
