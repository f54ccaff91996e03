"""Which files of an environment its distributions claim, and which symlinks among them an installer made."""

import base64
import csv
import os
from collections.abc import Iterator

from envsync.observe.read import hash_regular

__all__ = ["claims_in", "is_installers_link"]

_CACHE_TAG = "CACHEDIR.TAG"


def claims_in(end: str, site: str) -> Iterator[tuple[str, str]]:
    """Return the files that the distributions in the folder ``site`` claim, relative to ``end``, with their digests.

    A digest is empty where none is recorded. Raises ``OSError`` where the folder cannot be listed.
    """
    for name in os.listdir(f"{end}/{site}"):
        for listing in ("RECORD", "installed-files.txt"):
            base = site if listing == "RECORD" else f"{site}/{name}"
            for first, digest in _rows(f"{end}/{site}/{name}/{listing}"):
                yield os.path.normpath(f"{base}/{first}"), digest
        if name.endswith(".egg-info") and not os.path.exists(f"{end}/{site}/{name}/installed-files.txt"):
            yield from ((claim, "") for claim in _top_level(end, site, f"{site}/{name}/top_level.txt"))


def is_installers_link(place: str, digest: str) -> bool:
    """Check whether a symlink that a distribution claims is its installer's: uv can link files from its cache.

    It is where it leads into a cache (CACHEDIR.TAG), or to what was installed, or where what it led to is gone.
    """
    if not os.path.exists(place):
        return True
    real = os.path.realpath(place)
    folder = os.path.dirname(real)
    while len(folder) > 1:
        if os.path.isfile(f"{folder}/{_CACHE_TAG}") and not os.path.isfile(f"{folder}/pyvenv.cfg"):
            return True
        folder = os.path.dirname(folder)
    algorithm, _, value = digest.partition("=")
    if algorithm != "sha256":
        return False
    found = hash_regular(real, algorithm)
    return found is not None and base64.urlsafe_b64encode(found).rstrip(b"=").decode() == value.rstrip("=")


def _top_level(end: str, site: str, listing: str) -> Iterator[str]:
    """Return all files of the modules that old metadata only names."""
    for first, _ in _rows(f"{end}/{listing}"):
        yield f"{site}/{first}.py"
        for folder, _, names in os.walk(f"{end}/{site}/{first}"):
            yield from (os.path.relpath(f"{folder}/{name}", end) for name in names)


def _rows(listing: str) -> Iterator[tuple[str, str]]:
    if not os.path.isfile(listing):
        return
    try:
        with open(listing, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            yield from ((row[0], row[1] if len(row) > 1 else "") for row in csv.reader(stream) if row and row[0])
    except (OSError, csv.Error):
        return
