"""Make directories and links where nothing is; replace files so that the old or the new one is always there."""

import contextlib
import itertools
import os
import stat
from collections.abc import Callable
from hashlib import blake2b
from typing import BinaryIO

from envsync.formats.shebang import launcher
from envsync.formats.staging_marker import PREFIX
from envsync.write.directories import (
    Root,
    clear_partial,
    flush_open,
    kind_of,
    make_own,
    make_way,
    open_directory,
    open_parent,
    put_in,
    read_in,
    replace_in,
)
from envsync.write.rename import Place, move_new


def make_directory(path: str, *, flushed: bool = True) -> None:
    """Make one directory, by its real path; one that is there is fine. Without ``flushed`` the caller flushes.

    Others may not write to it, whatever the mask says (umask(2)). Raises ``OSError``.
    """
    with open_parent(path) as (parent, name):
        try:
            os.mkdir(name, 0o775, dir_fd=parent)
        except FileExistsError:
            if kind_of(name, parent) != stat.S_IFDIR:
                raise
        else:
            if flushed:
                flush_open(parent)


def make_directories(path: str) -> None:
    """Make a directory of envsync's own, by its real path, and those above it; one that is there is fine.

    Raises ``OSError``.
    """
    make_way(path)


def make_link(place: str, text: str, *, flushed: bool = True) -> None:
    """Make a symlink, by its real path, where nothing is. Raises ``FileExistsError``: it never replaces.

    Without ``flushed`` the caller flushes the directory of the link.
    """
    with open_parent(place) as (parent, name):
        os.symlink(text, name, dir_fd=parent)
        if flushed:
            flush_open(parent)


def make_launcher(place: str, command: str, *, flushed: bool = True) -> None:
    """Make a script that runs a command, by its real path, where nothing is, as :func:`make_link` makes a symlink."""
    with open_parent(place) as (parent, name):
        # What a pass that was killed has left of it has the same name.
        new = f"{PREFIX}{blake2b(os.fsencode(name), digest_size=8).hexdigest()}"
        _unlink(new, parent)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755, dir_fd=parent)
        try:
            with open(descriptor, "wb") as file:
                file.write(launcher(command).encode(errors="surrogateescape"))
                file.flush()
                os.fsync(descriptor)
            above = os.path.dirname(place)
            if not move_new(Place(parent, new, above), Place(parent, name, above)):
                os.link(new, name, src_dir_fd=parent, dst_dir_fd=parent)
        finally:
            _unlink(new, parent)
            if flushed:
                flush_open(parent)


def _unlink(name: str, directory: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


def replace_file(path: str, content: bytes, mode: int = 0o644) -> None:
    """Write a whole file so that at every instant the old or the new one is there."""
    with open_directory(os.path.dirname(path)) as directory:
        replace_in(directory, os.path.basename(path), content, mode)


def write_cache(file: str, content: bytes) -> None:
    """Write a cache file that only the user can read, making its directory; one behind a symlink stays behind it."""
    directory = os.path.realpath(os.path.dirname(file))
    make_own(directory)
    with open_directory(directory) as descriptor:
        clear_partial(descriptor)  # one that another pass is about to rename fails to be: a cache may
        put_in(descriptor, os.path.basename(file), content)  # one that a loss of power spoils counts as none


def new_file(path: str, content: bytes) -> None:
    """Write a file where nothing is."""
    with open(path, "xb") as file:
        file.write(content)


def new_log(path: str) -> BinaryIO:
    """Open a log to append to, making its directory, both for the user's eyes alone; the caller closes it."""
    directory = os.path.dirname(path)
    make_own(directory)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with contextlib.suppress(PermissionError):  # they are another user's
        os.fchmod(descriptor, 0o600)
    return open(descriptor, "a+b")


def remove_cache(file: str) -> None:
    """Remove a cache file."""
    os.unlink(file)


def edit_inner_file(root: Root, relative: str, edit: Callable[[bytes], bytes]) -> None:
    """Rewrite a regular file inside an environment, keeping its mode; nothing is written if nothing changes.

    A new file takes the old one's place: the old one may share its inode with an installer's cache.
    """
    with open_directory(root) as top, open_directory(root, os.path.dirname(relative)) as directory:
        name = os.path.basename(relative)
        mode = stat.S_IMODE(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
        content = read_in(directory, name)
        changed = edit(content)
        if changed != content:
            replace_in(directory, name, changed, mode, by_way_of=top)


def remove_recorded(root: Root, metadata: str, name: str) -> None:
    """Remove a file of a distribution's metadata in an environment that is being built, and its ``RECORD`` line."""
    with open_directory(root, metadata) as directory:
        os.unlink(name, dir_fd=directory)
    line = f"{os.path.basename(metadata)}/{name},".encode()

    def edit(content: bytes) -> bytes:
        return b"".join(one for one in content.splitlines(keepends=True) if not one.startswith(line))

    edit_inner_file(root, f"{metadata}/RECORD", edit)


def put_inner_file(root: Root, relative: str, source: str | None) -> str | None:
    """Put a copy of the file ``source`` into an environment, or nothing; another regular file there is kept.

    Returns the name under which one is kept: ``NAME.orig``, or with a number behind it where that is taken.
    """
    content = None
    if source is not None:
        with open(source, "rb") as file:
            content = file.read()
    with open_directory(root) as top, open_directory(root, os.path.dirname(relative)) as directory:
        name = os.path.basename(relative)
        kind = kind_of(name, directory)
        if kind not in {None, stat.S_IFREG}:  # a symlink there is the user's own
            return None
        if kind is not None and read_in(directory, name) == content:
            return None
        kept = None if kind is None else _keep(directory, name)
        if content is not None:
            replace_in(directory, name, content, 0o644, by_way_of=top)
        elif kept:
            os.unlink(name, dir_fd=directory)
            os.fsync(directory)
        return kept


def _keep(directory: int, name: str) -> str:
    """Give a file in an open directory a further name, and return it: that of a copy that is there, else a free one."""
    content = read_in(directory, name)
    for number in itertools.count():
        kept = f"{name}.orig" + (f".{number}" if number else "")
        try:
            os.link(name, kept, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        except FileExistsError:
            if kind_of(kept, directory) != stat.S_IFREG or read_in(directory, kept) != content:
                continue
        return kept
    raise AssertionError


def make_executable(root: Root, relative: str) -> None:
    """Let whoever may read a regular file inside an environment execute it as well."""
    with open_directory(root, os.path.dirname(relative)) as directory:
        descriptor = os.open(os.path.basename(relative), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            os.fchmod(descriptor, mode | (mode & 0o444) >> 2)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def set_inner_link(root: Root, relative: str, text: str) -> None:
    """Make an environment's own entry, such as ``bin/python``, a symlink that holds ``text``, in one step."""
    with open_directory(root, os.path.dirname(relative)) as directory:
        name, new = os.path.basename(relative), f"{PREFIX}{os.urandom(8).hex()}"
        os.symlink(text, new, dir_fd=directory)
        try:
            os.rename(new, name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError:
            os.unlink(new, dir_fd=directory)
            raise
        os.fsync(directory)
