"""Temporary directories that the next pass removes where a killed one left them."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator

from envsync.cache.store import staging_directory
from envsync.formats.staging_marker import Marker
from envsync.write.files import make_directories
from envsync.write.staging import make_brief_staging_dir, open_staging_dir, remove_staging_dir
from envsync.write.trees import make_scratch

_KIND = "temporary"


@contextlib.contextmanager
def temporary_directory() -> Iterator[str]:
    """Make a directory, and yield it; at the end of the block it is removed with all that is in it.

    Where none can be made in the user's own staging directory, it is one in the system's. Raises ``OSError``.
    """
    try:
        parent = os.path.realpath(staging_directory())
        make_directories(parent)
        staging_dir = make_brief_staging_dir(parent, Marker("", "", "", kind=_KIND))
    except OSError:
        with tempfile.TemporaryDirectory(prefix="envsync-", ignore_cleanup_errors=True) as place:
            yield place
        return
    try:
        with open_staging_dir(staging_dir) as directory:
            fcntl.flock(directory, fcntl.LOCK_EX)  # by which others see that it is in use
            yield make_scratch(staging_dir)
    finally:
        with contextlib.suppress(OSError):  # what is left is cleared away by the next pass
            remove_staging_dir(staging_dir, "")


def remove_temporary(staging_dir: str) -> None:
    """Remove a directory of temporary files that a killed process has left; one in use stays. Raises ``OSError``."""
    with open_staging_dir(staging_dir) as directory:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    remove_staging_dir(staging_dir, "")
