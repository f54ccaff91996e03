"""Tell what builders and installers make in an environment from what its user put there."""

import base64
import csv
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping

from envsync.model.environment import is_stray_file
from envsync.observe.files import hash_regular

_KIN = re.compile(
    r"(?:python|pypy|graalpy)w?[\d.]*(?:t|d|td|m|dm|w|-c)?"  # python3.11d, pythonw, pypy3.10-c
    r"|lib(?:python|pypy|graalpy|pythonvm)[\w.-]*\.(?:so|dylib)[\w.]*"  # libpypy3.10-c.so
)


def only_stray_files(directory: str, names: Iterable[str]) -> tuple[str, ...] | None:
    """Return ``names`` if all of these entries of a directory are stray files, else ``None``. Raises ``OSError``."""
    listed = sorted(names)
    stray = all(is_stray_file(name) and stat.S_ISREG(os.lstat(f"{directory}/{name}").st_mode) for name in listed)
    return tuple(listed) if stray else None


def base_directories(end: str, pythons: Iterable[str], settings: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """Return the real places of an environment's interpreters, and the real directories beside its base's.

    ``pythons`` are the names of interpreters in its ``bin``, ``settings`` its ``pyvenv.cfg``. Whether anything is
    there still does not matter.
    """
    ends = {os.path.realpath(f"{end}/bin/{name}") for name in pythons}
    known = {settings[key] for key in ("executable", "base-executable") if settings.get(key, "").startswith("/")}
    ends |= {os.path.realpath(place) for place in known}
    beside = {os.path.dirname(place) for place in ends}
    if settings.get("home", "").startswith("/"):
        beside.add(os.path.realpath(settings["home"]))
    return ends, beside - {f"{end}/bin"}


def is_interpreter_part(name: str, place: str, beside: set[str]) -> bool:
    """Check whether a symlink in ``bin`` leads to a part of the interpreter: named as one, and beside it.

    A dangling one with such a name counts: an upgrade has taken away what it led to.
    """
    if _KIN.fullmatch(name) is None:
        return False
    return os.path.dirname(os.path.realpath(place)) in beside or not os.path.exists(place)


def is_builders_lib(place: str, libraries: Iterable[str], beside: set[str]) -> bool:
    """Check whether a symlink in ``lib`` leads to the file of that name in the base's: only PyPy's are linked so."""
    if not any(library.startswith(("lib/pypy", "lib/graalpy")) for library in libraries):
        return False
    name, real = os.path.basename(place), os.path.realpath(place)
    return any(real == os.path.realpath(f"{os.path.dirname(directory)}/lib/{name}") for directory in beside)


_CACHE_TAG = "CACHEDIR.TAG"


def claims_in(end: str, site: str) -> Iterator[tuple[str, str]]:
    """Return the files that the distributions in the directory ``site`` claim, relative to ``end``, with their digests.

    A digest is empty where none is recorded. Raises ``OSError`` where the directory cannot be listed.
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
    directory = os.path.dirname(real)
    while len(directory) > 1:
        if os.path.isfile(f"{directory}/{_CACHE_TAG}") and not os.path.isfile(f"{directory}/pyvenv.cfg"):
            return True
        directory = os.path.dirname(directory)
    algorithm, _, value = digest.partition("=")
    if algorithm != "sha256":
        return False
    found = hash_regular(real, algorithm)
    return found is not None and base64.urlsafe_b64encode(found).rstrip(b"=").decode() == value.rstrip("=")


def _top_level(end: str, site: str, listing: str) -> Iterator[str]:
    """Return all files of the modules that old metadata only names."""
    for first, _ in _rows(f"{end}/{listing}"):
        yield f"{site}/{first}.py"
        for directory, _, names in os.walk(f"{end}/{site}/{first}"):
            yield from (os.path.relpath(f"{directory}/{name}", end) for name in names)


def _rows(listing: str) -> Iterator[tuple[str, str]]:
    if not os.path.isfile(listing):
        return
    try:
        with open(listing, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            yield from ((row[0], row[1] if len(row) > 1 else "") for row in csv.reader(stream) if row and row[0])
    except (OSError, csv.Error):
        return
