"""Write manifests, trust records and service definitions in one step."""

import contextlib
import errno
import fcntl
import os
import stat

from envsync.cache.store import cache_directory
from envsync.formats.staging_marker import partial_name
from envsync.observe.trust import Record
from envsync.write.directories import (
    clear_partial,
    kind_of,
    make_private,
    open_directory,
    open_parent,
    read_in,
    replace_in,
    replace_unflushed,
    to_disk,
)
from envsync.write.files import make_directory, remove_file, replace_file


def replace_manifest(file: str, former: bytes, content: bytes) -> None:
    """Replace the file that ``file`` leads to, if its content is still ``former``; the links to it stay.

    Raises ``OSError`` (``ESTALE`` where it has changed meanwhile).
    """
    end = os.path.realpath(file)
    with open_parent(end) as (directory, name):
        with contextlib.suppress(OSError):  # not every file system locks directories
            fcntl.flock(directory, fcntl.LOCK_EX)  # the second of two sees what the first wrote
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        with open(descriptor, "rb") as opened:
            found = os.fstat(descriptor)
            if opened.read() != former:
                raise OSError(errno.ESTALE, "it was changed meanwhile", end)
        clear_partial(directory)  # under the lock: partial files of killed processes
        replace_in(directory, name, content, stat.S_IMODE(found.st_mode))
        if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
            with contextlib.suppress(PermissionError):  # only root may give files away
                os.chown(name, found.st_uid, found.st_gid, dir_fd=directory, follow_symlinks=False)


def new_manifest(end: str, to_make: tuple[str, ...], content: bytes) -> None:
    """Write a new manifest at the real path ``end``, and its missing directories ``to_make``. Raises ``OSError``."""
    for missing in to_make:
        make_directory(missing)
    with open_parent(end) as (directory, name):
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=directory)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                to_disk(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=directory)
            raise
        to_disk(directory)


def take_back_manifest(end: str, made: tuple[str, ...], content: bytes) -> None:
    """Remove a manifest that :func:`new_manifest` has just written, unless it was changed, and what it made for it.

    Raises ``OSError``.
    """
    with open_parent(end) as (directory, name):
        if read_in(directory, name) == content:
            os.unlink(name, dir_fd=directory)
    for missing in reversed(made):
        with open_parent(missing) as (directory, name):
            os.rmdir(name, dir_fd=directory)


def record_trust(record: Record) -> None:
    """Write the record that a manifest is trusted. Raises ``OSError``."""
    directory = os.path.dirname(record.file)
    make_private(directory)
    with open_directory(os.path.realpath(directory)) as opened:
        with contextlib.suppress(OSError):  # not every file system locks directories
            fcntl.flock(opened, fcntl.LOCK_EX)  # another process's partial file is in use until it has the lock
        clear_partial(opened)
        replace_in(opened, os.path.basename(record.file), record.text().encode(), 0o600)


def forget_trust(record: Record) -> None:
    """Remove a trust record, and all snapshots, for the manifest may have other names. Raises ``OSError``."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(record.file)
    directory = cache_directory()
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(directory):
            if name.startswith("unchanged-"):
                remove_file(f"{directory}/{name}")


def write_metrics(file: str, content: bytes) -> None:
    """Replace the file that ``file`` leads to, readable by all; the links to it stay. Raises ``OSError``.

    Devices (a link to ``/dev/null``), pipes and links in a circle are refused. It is not flushed: the next pass writes
    it again.
    """
    with open_parent(os.path.realpath(file)) as (directory, name):
        if kind_of(name, directory) not in {None, stat.S_IFREG}:
            raise OSError(errno.EINVAL, "what is there is no regular file", file)
        replace_unflushed(directory, name, content, mode=0o644, new=partial_name(name))


def write_definition(file: str, content: bytes) -> None:
    """Write a service definition in one step, and its directory. Raises ``OSError``."""
    directory = os.path.realpath(os.path.dirname(file))
    os.makedirs(directory, exist_ok=True)
    replace_file(f"{directory}/{os.path.basename(file)}", content)
