"""Tell what builders make in an environment from what its user put there."""

import os
import re
import stat
from collections.abc import Iterable, Mapping

from envsync.observed.unowned import is_stray

__all__ = ["base_folders", "is_builders_lib", "is_kin", "stray_files"]

_KIN = re.compile(
    r"(?:python|pypy|graalpy)w?[\d.]*(?:t|d|td|m|dm|w|-c)?"  # python3.11d, pythonw, pypy3.10-c
    r"|lib(?:python|pypy|graalpy|pythonvm)[\w.-]*\.(?:so|dylib)[\w.]*"  # libpypy3.10-c.so
)


def stray_files(folder: str, names: Iterable[str]) -> tuple[str, ...] | None:
    """Return ``names`` if all of these entries of a folder are stray files, else ``None``. Raises ``OSError``."""
    listed = sorted(names)
    strays = all(is_stray(name) and stat.S_ISREG(os.lstat(f"{folder}/{name}").st_mode) for name in listed)
    return tuple(listed) if strays else None


def base_folders(end: str, pythons: Iterable[str], settings: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """Return the real places of an environment's interpreters, and the real folders beside its base's.

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


def is_kin(name: str, place: str, beside: set[str]) -> bool:
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
    return any(real == os.path.realpath(f"{os.path.dirname(folder)}/lib/{name}") for folder in beside)
