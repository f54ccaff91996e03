"""Try whether a file system can exchange two folders in one step."""

import contextlib
import os
from collections.abc import Iterator

from envsync.areas import PREFIX
from envsync.write import rename

__all__ = ["try_exchange"]


def try_exchange(folder: str) -> bool:
    """Make two scratch folders in ``folder``, exchange them, and remove them. Raises ``OSError``.

    Their names are those of areas: what a kill leaves of them is removed by the next pass that looks there.
    """
    with _scratch(folder) as one, _scratch(folder) as other:
        return rename.exchange(one, other)


@contextlib.contextmanager
def _scratch(folder: str) -> Iterator[str]:
    place = f"{folder.rstrip('/')}/{PREFIX}{os.urandom(8).hex()}"
    os.mkdir(place, 0o700)
    try:
        yield place
    finally:
        with contextlib.suppress(FileNotFoundError):  # a pass that met it took it for a leftover
            os.rmdir(place)
