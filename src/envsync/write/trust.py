"""Take note of which manifests are trusted: a file for each, written in one step, that only the user can read."""

import contextlib
import os

from envsync.folders import cache_folder
from envsync.manifest.trust import Record
from envsync.write.files import remove_cache, replace_file
from envsync.write.handles import open_folder
from envsync.write.manifest import clear_away

__all__ = ["forget_trust", "note_trust"]


def note_trust(record: Record) -> None:
    """Note that a manifest is trusted. Raises ``OSError``."""
    folder = os.path.dirname(record.file)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open_folder(os.path.realpath(folder)) as opened:
        clear_away(opened)
    replace_file(f"{os.path.realpath(folder)}/{os.path.basename(record.file)}", record.text().encode(), 0o600)


def forget_trust(record: Record) -> None:
    """Forget that a manifest is trusted, and what was in sync: it may be known by other names. Raises ``OSError``."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(record.file)
    folder = cache_folder()
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(folder):
            if name.startswith("unchanged-"):
                remove_cache(f"{folder}/{name}")
