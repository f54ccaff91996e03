"""Take note of which manifests are trusted: a file for each, written in one step, that only the user can read."""

import contextlib
import fcntl
import os

from envsync.folders import cache_folder
from envsync.manifest.trust import Record
from envsync.write.files import remove_cache
from envsync.write.handles import clear_partial, open_folder, replace_in
from envsync.write.own import make_own

__all__ = ["forget_trust", "note_trust"]


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
