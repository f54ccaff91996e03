"""Write the user's files in one step: manifests, trust records, service definitions."""

import contextlib
import errno
import fcntl
import os
import stat

from envsync.cache.store import cache_directory
from envsync.observe.trust import Record
from envsync.write.directories import clear_partial, make_own, open_directory, replace_in
from envsync.write.files import make_directory, remove_cache, replace_file


def replace_manifest(file: str, former: bytes, content: bytes) -> None:
    """Replace the file that ``file`` leads to, if it still holds ``former``; the links to it stay as they are.

    Raises ``OSError``, with ``ESTALE`` where somebody else has changed it meanwhile.
    """
    end = os.path.realpath(file)
    with open_directory(os.path.dirname(end)) as directory:
        with contextlib.suppress(OSError):  # not every file system locks directories
            fcntl.flock(directory, fcntl.LOCK_EX)  # of two at once, the second sees what the first wrote
        name = os.path.basename(end)
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        with open(descriptor, "rb") as opened:
            found = os.fstat(descriptor)
            if opened.read() != former:
                raise OSError(errno.ESTALE, "somebody has changed it meanwhile", end)
        clear_partial(directory)  # what a killed one left; under the lock of the directory
        replace_in(directory, name, content, stat.S_IMODE(found.st_mode))
        if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
            with contextlib.suppress(PermissionError):  # only root may give files away
                os.chown(name, found.st_uid, found.st_gid, dir_fd=directory, follow_symlinks=False)


def new_manifest(end: str, to_make: tuple[str, ...], content: bytes) -> None:
    """Write a manifest where nothing is, making its missing directories. Raises ``OSError``; it never replaces."""
    for missing in to_make:
        make_directory(missing)
    with open_directory(os.path.dirname(end)) as directory:
        name = os.path.basename(end)
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=directory)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=directory)
            raise
        os.fsync(directory)


def note_trust(record: Record) -> None:
    """Note that a manifest is trusted. Raises ``OSError``."""
    directory = os.path.dirname(record.file)
    make_own(directory)
    with open_directory(os.path.realpath(directory)) as opened:
        with contextlib.suppress(OSError):  # not every file system locks directories
            fcntl.flock(opened, fcntl.LOCK_EX)  # what another one has begun to write is not taken for a killed one's
        clear_partial(opened)
        replace_in(opened, os.path.basename(record.file), record.text().encode(), 0o600)


def forget_trust(record: Record) -> None:
    """Forget that a manifest is trusted, and what was in sync: it may be known by other names. Raises ``OSError``."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(record.file)
    directory = cache_directory()
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(directory):
            if name.startswith("unchanged-"):
                remove_cache(f"{directory}/{name}")


def write_definition(file: str, content: bytes) -> None:
    """Write the file in one step, making its directory. Raises ``OSError``."""
    directory = os.path.realpath(os.path.dirname(file))
    os.makedirs(directory, exist_ok=True)
    replace_file(f"{directory}/{os.path.basename(file)}", content)


def remove_definition(file: str) -> None:
    """Remove the file. Raises ``OSError``."""
    os.unlink(file)
