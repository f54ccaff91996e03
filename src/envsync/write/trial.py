"""Try what a file system can do: exchange two folders in one step, hold symlinks."""

import contextlib
import errno
import os
from collections.abc import Iterator

from envsync.areas import PREFIX
from envsync.write import rename

__all__ = ["has_symlinks", "try_exchange"]

_UNSUPPORTED = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})
"""What symlink(2) says where the file system has none."""


def try_exchange(folder: str) -> bool:
    """Make two scratch folders in ``folder``, exchange them, and remove them. Raises ``OSError``.

    Their names are those of areas: what a kill leaves of them is removed by the next pass that looks there.
    """
    with _scratch(folder) as one, _scratch(folder) as other:
        return rename.exchange(one, other)


def has_symlinks(folder: str) -> bool:
    """Try whether a symlink can be made in a folder; where nothing at all can be made, that is not why."""
    with contextlib.suppress(OSError), _scratch(folder) as place:
        try:
            os.symlink("nowhere", f"{place}/link")
        except OSError as error:
            return error.errno not in _UNSUPPORTED
        os.unlink(f"{place}/link")
    return True


@contextlib.contextmanager
def _scratch(folder: str) -> Iterator[str]:
    place = f"{folder.rstrip('/')}/{PREFIX}{os.urandom(8).hex()}"
    os.mkdir(place, 0o700)
    try:
        yield place
    finally:
        with contextlib.suppress(FileNotFoundError):  # a pass that met it took it for a leftover
            os.rmdir(place)
