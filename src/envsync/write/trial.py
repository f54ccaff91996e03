"""Try whether a file system can exchange two folders in one step."""

import contextlib
import os
from collections.abc import Iterator

from envsync.areas import PREFIX
from envsync.write import rename
from envsync.write.handles import open_folder

__all__ = ["try_exchange"]


def try_exchange(folder: str) -> bool:
    """Make two scratch directories in ``folder``, exchange them, and remove them. Raises ``OSError``.

    Their names are those of areas: what a kill leaves of them is removed by the next pass that looks there.
    """
    with open_folder(os.path.realpath(folder)) as top, _scratch(top, folder) as one, _scratch(top, folder) as other:
        return rename.exchange(one, other)


@contextlib.contextmanager
def _scratch(directory: int, parent: str) -> Iterator[rename.Place]:
    place = rename.Place(directory, f"{PREFIX}{os.urandom(8).hex()}", parent)
    os.mkdir(place.name, 0o700, dir_fd=directory)
    try:
        yield place
    finally:
        with contextlib.suppress(FileNotFoundError):  # a pass that met it took it for a leftover
            os.rmdir(place.name, dir_fd=directory)
