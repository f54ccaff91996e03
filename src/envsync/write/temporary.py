"""Temporary directories that a killed process leaves to the next pass."""

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
    """Yield a new directory, removed with its contents at the end of the block. Raises ``OSError``.

    It is in the user's staging directory, or where that is not writable, in the system's temporary directory.
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
            fcntl.flock(directory, fcntl.LOCK_EX)  # marks it as in use
            yield make_scratch(staging_dir)
    finally:
        with contextlib.suppress(OSError):  # the next pass removes it
            remove_staging_dir(staging_dir, "")


def remove_temporary(staging_dir: str) -> None:
    """Remove a temporary directory that a killed process left, unless it is in use. Raises ``OSError``."""
    with open_staging_dir(staging_dir) as directory:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    remove_staging_dir(staging_dir, "")
