"""Try what a file system can do: exchange two folders in one step, hold symlinks."""

import contextlib
import errno
import os
from collections.abc import Iterator

from envsync.areas import PREFIX
from envsync.write import rename
from envsync.write.handles import open_folder

__all__ = ["has_symlinks", "try_exchange"]

_UNSUPPORTED = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})
"""What symlink(2) says where the file system has none."""


def try_exchange(folder: str) -> bool:
    """Make two scratch directories in ``folder``, exchange them, and remove them. Raises ``OSError``.

    Their names are those of areas: what a kill leaves of them is removed by the next pass that looks there.
    """
    with open_folder(os.path.realpath(folder)) as top, _scratch(top, folder) as one, _scratch(top, folder) as other:
        return rename.exchange(one, other)


def has_symlinks(folder: str) -> bool:
    """Try whether a symlink can be made in a directory; where nothing at all can be made, that is not why."""
    with contextlib.suppress(OSError), open_folder(os.path.realpath(folder)) as top:
        name = f"{PREFIX}{os.urandom(8).hex()}"
        try:
            os.symlink("nowhere", name, dir_fd=top)
        except OSError as error:
            return error.errno not in _UNSUPPORTED
        os.unlink(name, dir_fd=top)
    return True


@contextlib.contextmanager
def _scratch(directory: int, parent: str) -> Iterator[rename.Place]:
    place = rename.Place(directory, f"{PREFIX}{os.urandom(8).hex()}", parent)
    os.mkdir(place.name, 0o700, dir_fd=directory)
    try:
        yield place
    finally:
        with contextlib.suppress(FileNotFoundError):  # a pass that met it took it for a leftover
            os.rmdir(place.name, dir_fd=directory)
