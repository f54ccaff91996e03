"""Find what in an environment belongs neither to its builder nor to any distribution."""

import csv
import os
from collections.abc import Iterator

from envsync.areas import LOST_AND_FOUND, is_area_name
from envsync.observe.environment import is_activator, is_python_name
from envsync.observe.libraries import is_lib64_alias

__all__ = ["find_loose"]

_BUILDERS = frozenset({"pyvenv.cfg", ".gitignore", "CACHEDIR.TAG", ".lock", "lib64", ".DS_Store", "bin/pydoc.bat"})
_IN_SITE = frozenset({"_virtualenv.py", "_virtualenv.pth", "README.txt", "easy-install.pth", ".DS_Store", ".lock"})
_METADATA = (".dist-info", ".egg-info", ".egg-link")


def find_loose(end: str, libraries: tuple[str, ...]) -> Iterator[str]:
    """List, relative to the environment, what a rebuild would not bring back.

    Folders are told as a whole where nothing claims anything in them. Byte code is nobody's.
    """
    sites = {f"{library}/site-packages" for library in libraries}
    files = {claim for site in sites for claim in _claims(end, site)}
    if is_lib64_alias(end):
        files |= {f"lib/{claim[6:]}" for claim in files if claim.startswith("lib64/")}
    folders = {"bin", "include", "lib", *libraries, *sites, *(library.partition("/")[0] for library in libraries)}
    for file in files:
        folder = os.path.dirname(file)
        while folder and folder not in folders:
            folders.add(folder)
            folder = os.path.dirname(folder)
    yield from _unclaimed(end, "", files, folders, sites)


def _unclaimed(end: str, inside: str, files: set[str], folders: set[str], sites: set[str]) -> Iterator[str]:
    with os.scandir(f"{end}/{inside}") as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            relative = f"{inside}/{entry.name}".removeprefix("/")
            if relative == LOST_AND_FOUND and os.path.ismount(end):
                continue
            if relative in files or (_is_of_its_kind(entry) and _is_builders(inside, entry.name, sites)):
                continue
            if relative in folders and entry.is_dir(follow_symlinks=False):
                yield from _unclaimed(end, relative, files, folders, sites)
            elif relative not in folders:
                yield relative


def _is_of_its_kind(entry: "os.DirEntry[str]") -> bool:
    """Tell whether something with a builder's name can be what builders make: folders of theirs are few."""
    if entry.name.startswith(".envsync-") or entry.name == "lib64":
        return is_area_name(entry.name) or entry.is_symlink()
    if entry.is_dir(follow_symlinks=False):
        return entry.name == "__pycache__" or entry.name.endswith(_METADATA)
    return True


def _is_builders(inside: str, name: str, sites: set[str]) -> bool:
    if name == "__pycache__" or name.endswith(".pyc") or name.startswith(".envsync-"):
        return True
    if inside == "bin" and (is_python_name(name) or is_activator(name)):
        return True
    if inside in sites:
        return name in _IN_SITE or name.endswith(_METADATA) or name.startswith("__editable__")
    return f"{inside}/{name}".removeprefix("/") in _BUILDERS


def _claims(end: str, site: str) -> Iterator[str]:
    """Give the files that the distributions in a folder claim, relative to ``end``."""
    for name in os.listdir(f"{end}/{site}"):
        for listing in ("RECORD", "installed-files.txt"):
            base = site if listing == "RECORD" else f"{site}/{name}"
            for first in _firsts(f"{end}/{site}/{name}/{listing}"):
                yield os.path.normpath(f"{base}/{first}")
        if name.endswith(".egg-info") and not os.path.exists(f"{end}/{site}/{name}/installed-files.txt"):
            yield from _top_level(end, site, f"{site}/{name}/top_level.txt")


def _top_level(end: str, site: str, listing: str) -> Iterator[str]:
    """Give all files of the modules that old metadata only names."""
    for first in _firsts(f"{end}/{listing}"):
        yield f"{site}/{first}.py"
        for folder, _, names in os.walk(f"{end}/{site}/{first}"):
            yield from (os.path.relpath(f"{folder}/{name}", end) for name in names)


def _firsts(listing: str) -> Iterator[str]:
    if not os.path.isfile(listing):
        return
    try:
        with open(listing, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            yield from (row[0] for row in csv.reader(stream) if row and row[0])
    except (OSError, csv.Error):
        return
