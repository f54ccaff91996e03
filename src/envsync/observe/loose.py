"""Find what in an environment belongs neither to its builder nor to any distribution."""

import csv
import os
from collections.abc import Iterator

from envsync.observe.environment import is_activator, is_python_name

__all__ = ["find_loose"]

_TOP = frozenset({"bin", "include", "lib", "lib64", "pyvenv.cfg", ".gitignore", "CACHEDIR.TAG", ".lock", ".DS_Store"})
_SITE = frozenset(
    {"__pycache__", "_virtualenv.py", "_virtualenv.pth", "README.txt", "easy-install.pth", ".DS_Store", ".lock"}
)
_BIN = frozenset({"pydoc.bat", "__pycache__"})


def find_loose(end: str, sites: list[str]) -> Iterator[str]:
    """List, relative to the environment, what a rebuild would not bring back.

    ``sites`` are its ``site-packages`` folders. Folders are told as a whole where nothing claims anything in them.
    """
    claimed = {claim for site in sites for claim in _claims(end, site)}
    for name in sorted(os.listdir(end)):
        if name not in _TOP and name not in claimed and not name.startswith(".envsync-"):
            yield name
    for name in sorted(os.listdir(f"{end}/bin")) if os.path.isdir(f"{end}/bin") else ():
        if f"bin/{name}" not in claimed and name not in _BIN and not (is_python_name(name) or is_activator(name)):
            yield f"bin/{name}"
    for site in sites:
        for name in sorted(os.listdir(site)):
            relative = os.path.relpath(f"{site}/{name}", end)
            info = name.endswith((".dist-info", ".egg-info", ".egg-link")) or name.startswith("__editable__")
            if relative not in claimed and name not in _SITE and not info:
                yield relative


def _claims(end: str, site: str) -> Iterator[str]:
    """Give the paths that the distributions in a folder claim, and the folders these lie in, relative to ``end``."""
    for name in os.listdir(site):
        for listing in ("RECORD", "installed-files.txt", "top_level.txt"):
            base = f"{site}/{name}" if listing == "installed-files.txt" else site
            for first in _firsts(f"{site}/{name}/{listing}"):
                path = os.path.relpath(os.path.normpath(f"{base}/{first}"), end)
                if listing == "top_level.txt":
                    yield f"{path}.py"
                while path and not path.startswith(".."):
                    yield path
                    path = os.path.dirname(path)


def _firsts(listing: str) -> Iterator[str]:
    try:
        with open(listing, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            yield from (row[0] for row in csv.reader(stream) if row and row[0])
    except (OSError, csv.Error):
        return
