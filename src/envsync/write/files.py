"""Make directories and links where nothing is; replace files in one step."""

import contextlib
import itertools
import os
import stat
from collections.abc import Callable
from typing import BinaryIO

from envsync.formats.staging_marker import PREFIX, partial_name
from envsync.write.directories import (
    Root,
    clear_partial,
    flush_open,
    kind_of,
    make_private,
    open_directory,
    open_parent,
    read_in,
    replace_in,
    replace_unflushed,
    to_disk,
)
from envsync.write.rename import Place, move_no_replace


def make_directory(path: str, *, flushed: bool = True) -> None:
    """Make a directory, by its real path, if missing. Without ``flushed`` the caller flushes.

    Others may not write to it, whatever the umask(2). Raises ``OSError``.
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
    """Make a directory of envsync's own and those above it, by its real path, if missing.

    Only the user may read what is made. Raises ``OSError``.
    """
    try:
        with open_directory(path):
            return
    except FileNotFoundError:
        make_directories(os.path.dirname(path))
    with open_parent(path) as (parent, name), contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)


def make_link(place: str, text: str, *, flushed: bool = True) -> None:
    """Make a symlink to ``text``, by its real path. Raises ``OSError`` (``FileExistsError``: it never replaces).

    Without ``flushed`` the caller flushes the directory of the link.
    """
    with open_parent(place) as (parent, name):
        os.symlink(text, name, dir_fd=parent)
        if flushed:
            flush_open(parent)


def make_launcher(place: str, command: str, *, flushed: bool = True) -> None:
    """Make a script that runs ``command``, by its real path. Raises as :func:`make_link` does."""
    from envsync.formats.shebang import launcher  # noqa: PLC0415  # `add` loads little

    with open_parent(place) as (parent, name):
        # The partial file of a killed pass has the same name.
        new = partial_name(name)
        _unlink(new, parent)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755, dir_fd=parent)
        try:
            with open(descriptor, "wb") as file:
                file.write(launcher(command).encode(errors="surrogateescape"))
                file.flush()
                to_disk(descriptor)
            above = os.path.dirname(place)
            if not move_no_replace(Place(parent, new, above), Place(parent, name, above)):
                os.link(new, name, src_dir_fd=parent, dst_dir_fd=parent)
        finally:
            _unlink(new, parent)
            if flushed:
                flush_open(parent)


def _unlink(name: str, directory: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


def replace_file(path: str, content: bytes, mode: int = 0o644) -> None:
    """Replace a file in one step, flushed. Raises ``OSError``."""
    with open_parent(path) as (directory, name):
        replace_in(directory, name, content, mode)


def write_cache(file: str, content: bytes) -> None:
    """Write a cache file, readable by its user alone, and its directory. Raises ``OSError``."""
    directory = os.path.realpath(os.path.dirname(file))
    make_private(directory)
    with open_directory(directory) as descriptor:
        clear_partial(descriptor)  # another pass may then fail to rename its own: a cache may
        replace_unflushed(descriptor, os.path.basename(file), content)  # not flushed: a damaged cache counts as none


def new_file(path: str, content: bytes) -> None:
    """Write a new file. Raises ``OSError`` (``FileExistsError``)."""
    with open(path, "xb") as file:
        file.write(content)


def new_log(path: str) -> BinaryIO:
    """Open a log to append to, readable by its user alone, and make its directory; the caller closes it."""
    directory = os.path.dirname(path)
    make_private(directory)
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with contextlib.suppress(PermissionError):  # another user's log
        os.fchmod(descriptor, 0o600)
    return open(descriptor, "a+b")


def remove_file(path: str) -> None:
    """Remove a file of envsync's own. Raises ``OSError``."""
    os.unlink(path)


def edit_inner_file(root: Root, relative: str, edit: Callable[[bytes], bytes]) -> None:
    """Replace a regular file inside an environment by its edited content, keeping its mode. Raises ``OSError``.

    It is never written in place: its inode may be shared with an installer's cache. Nothing is written if nothing
    changes.
    """
    with open_directory(root) as top, open_directory(root, os.path.dirname(relative)) as directory:
        name = os.path.basename(relative)
        mode = stat.S_IMODE(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
        content = read_in(directory, name)
        changed = edit(content)
        if changed != content:
            replace_in(directory, name, changed, mode, by_way_of=top)


def remove_recorded(root: Root, metadata: str, name: str) -> None:
    """Remove a file in the metadata of a distribution that is being installed, and its ``RECORD`` line (PEP 376)."""
    from envsync.formats import record  # noqa: PLC0415  # only where packages are installed

    with open_directory(root, metadata) as directory:
        os.unlink(name, dir_fd=directory)

    def edit(content: bytes) -> bytes:
        text = content.decode("utf-8", "surrogateescape")
        return record.without(text, f"{os.path.basename(metadata)}/{name}").encode("utf-8", "surrogateescape")

    edit_inner_file(root, f"{metadata}/RECORD", edit)


def put_inner_file(root: Root, relative: str, source: str | None) -> str | None:
    """Replace a file inside an environment by a copy of ``source``, or remove it; keep the former file beside it.

    Return the name of the kept file, ``NAME.orig`` or ``NAME.orig.1`` and so on; ``None`` if nothing was replaced.
    Raises ``OSError``.
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
            to_disk(directory)
        return kept


def _keep(directory: int, name: str) -> str:
    """Hard-link a file to the first ``NAME.orig`` that is free or has the same content, and return that name."""
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
    """Make a regular file inside an environment executable for all who can read it. Raises ``OSError``."""
    with open_directory(root, os.path.dirname(relative)) as directory:
        descriptor = os.open(os.path.basename(relative), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            os.fchmod(descriptor, mode | (mode & 0o444) >> 2)
            to_disk(descriptor)
        finally:
            os.close(descriptor)


def set_inner_link(root: Root, relative: str, text: str) -> None:
    """Replace an environment's own entry, such as ``bin/python``, by a symlink to ``text``. Raises ``OSError``."""
    with open_directory(root, os.path.dirname(relative)) as directory:
        name, new = os.path.basename(relative), f"{PREFIX}{os.urandom(8).hex()}"
        os.symlink(text, new, dir_fd=directory)
        try:
            os.rename(new, name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError:
            os.unlink(new, dir_fd=directory)
            raise
        to_disk(directory)
