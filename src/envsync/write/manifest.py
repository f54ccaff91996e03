"""Write a manifest: through its symlinks, in one step, with its mode and owner kept."""

import contextlib
import errno
import fcntl
import os
import stat

from envsync.write.files import make_folder
from envsync.write.handles import clear_partial, open_folder, replace_in

__all__ = ["new_manifest", "replace_manifest"]


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
