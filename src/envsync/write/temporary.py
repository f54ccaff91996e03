"""A directory for temporary files which the next pass clears away if this process is killed."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator

from envsync.areas import Marker
from envsync.folders import staging_folder
from envsync.write.area import make_brief_area, open_area, remove_area
from envsync.write.files import make_folders
from envsync.write.tree import make_scratch

__all__ = ["remove_temporary", "temporary_directory"]

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
