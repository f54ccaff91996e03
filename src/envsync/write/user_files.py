"""Write the user's files in one step: manifests, trust records, service definitions; and temporary directories."""

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator

from envsync.cache.store import cache_folder, staging_folder
from envsync.formats.staging_marker import Marker
from envsync.observe.trust import Record
from envsync.write.directories import clear_partial, open_folder, replace_in
from envsync.write.files import make_folder, make_folders, remove_cache, replace_file
from envsync.write.locks import make_own
from envsync.write.staging import make_brief_area, open_area, remove_area
from envsync.write.trees import make_scratch

_KIND = "temporary"


@contextlib.contextmanager
def temporary_directory() -> Iterator[str]:
    """Make a directory, and yield it; at the end of the block it is removed with all that is in it.

    Where none can be made in the user's own staging directory, it is one in the system's. Raises ``OSError``.
    """
    try:
        parent = os.path.realpath(staging_folder())
        make_folders(parent)
        area = make_brief_area(parent, Marker("", "", "", kind=_KIND))
    except OSError:
        with tempfile.TemporaryDirectory(prefix="envsync-", ignore_cleanup_errors=True) as place:
            yield place
        return
    try:
        with open_area(area) as directory:
            fcntl.flock(directory, fcntl.LOCK_EX)  # by which others see that it is in use
            yield make_scratch(area)
    finally:
        with contextlib.suppress(OSError):  # what is left is cleared away by the next pass
            remove_area(area, "")


def remove_temporary(area: str) -> None:
    """Remove a directory of temporary files that a killed process has left; one in use stays. Raises ``OSError``."""
    with open_area(area) as directory:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    remove_area(area, "")


def replace_manifest(file: str, former: bytes, content: bytes) -> None:
    """Replace the file that ``file`` leads to, if it still holds ``former``; the links to it stay as they are.

    Raises ``OSError``, with ``ESTALE`` where somebody else has changed it meanwhile.
    """
    end = os.path.realpath(file)
    with open_folder(os.path.dirname(end)) as folder:
        with contextlib.suppress(OSError):  # not every file system locks folders
            fcntl.flock(folder, fcntl.LOCK_EX)  # of two at once, the second sees what the first wrote
        name = os.path.basename(end)
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        with open(descriptor, "rb") as opened:
            found = os.fstat(descriptor)
            if opened.read() != former:
                raise OSError(errno.ESTALE, "somebody has changed it meanwhile", end)
        clear_partial(folder)  # what a killed one left; under the lock of the directory
        replace_in(folder, name, content, stat.S_IMODE(found.st_mode))
        if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
            with contextlib.suppress(PermissionError):  # only root may give files away
                os.chown(name, found.st_uid, found.st_gid, dir_fd=folder, follow_symlinks=False)


def new_manifest(end: str, to_make: tuple[str, ...], content: bytes) -> None:
    """Write a manifest where nothing is, making its missing folders. Raises ``OSError``; it never replaces."""
    for missing in to_make:
        make_folder(missing)
    with open_folder(os.path.dirname(end)) as folder:
        name = os.path.basename(end)
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise
        os.fsync(folder)


def note_trust(record: Record) -> None:
    """Note that a manifest is trusted. Raises ``OSError``."""
    folder = os.path.dirname(record.file)
    make_own(folder)
    with open_folder(os.path.realpath(folder)) as opened:
        with contextlib.suppress(OSError):  # not every file system locks directories
            fcntl.flock(opened, fcntl.LOCK_EX)  # what another one has begun to write is not taken for a killed one's
        clear_partial(opened)
        replace_in(opened, os.path.basename(record.file), record.text().encode(), 0o600)


def forget_trust(record: Record) -> None:
    """Forget that a manifest is trusted, and what was in sync: it may be known by other names. Raises ``OSError``."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(record.file)
    folder = cache_folder()
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(folder):
            if name.startswith("unchanged-"):
                remove_cache(f"{folder}/{name}")


def write_definition(file: str, content: bytes) -> None:
    """Write the file in one step, making its folder. Raises ``OSError``."""
    folder = os.path.realpath(os.path.dirname(file))
    os.makedirs(folder, exist_ok=True)
    replace_file(f"{folder}/{os.path.basename(file)}", content)


def remove_definition(file: str) -> None:
    """Remove the file. Raises ``OSError``."""
    os.unlink(file)
