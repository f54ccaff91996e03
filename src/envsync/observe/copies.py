"""Tell a copy of an interpreter in an environment's ``bin``, which may be replaced, from a program of the user's."""

import filecmp
import mmap
import os
import stat
from collections.abc import Iterator
from dataclasses import replace

from envsync.observe.base import is_script, names_in_home
from envsync.observe.names import is_python_name
from envsync.observe.probe import ProbeError, image_of
from envsync.observe.read import read_regular
from envsync.observed import Environment, Facts, InnerLink

__all__ = ["with_owners"]

_LINK_LIMIT = 4096
_MARKS = (b"Py_BytesMain", b"Py_Main", b"Py_RunMain", b"__PYVENV_LAUNCHER__", b"pypy_main_startup", b"graalpy")
"""One of these is in every program that is an interpreter, by its own code or by the name of what it calls."""


def with_owners(found: Environment, end: str, facts: Facts) -> Environment:
    """Return the environment with each file among its ``bin/python*`` marked that is the user's own.

    A copy that equals the interpreter is told by its content; another is run, bounded in time and output.
    """
    if all(one.text is not None for one in found.pythons):
        return found
    return replace(found, pythons=tuple(_judged(one, end, facts) for one in found.pythons))


def _judged(python: InnerLink, end: str, facts: Facts) -> InnerLink:
    if python.text is not None:
        return python
    return replace(python, own=not _is_copy(f"{end}/bin/{python.name}", facts))


def _is_copy(file: str, facts: Facts) -> bool:
    """Check whether a file is an interpreter's copy, or holds nothing that could be lost."""
    try:
        found = os.lstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & (stat.S_ISUID | stat.S_ISGID) or _has_capabilities(file):
            return False
        known = found.st_size == 0 or _is_flattened_link(file, found)
        known = known or any(_equals(file, original) for original in _originals(file, facts))
        return known or (not is_script(file) and _is_interpreter(file))
    except OSError:
        return False  # what cannot be looked at is not known to be a copy


def _is_interpreter(file: str) -> bool:
    """Check whether a program is an interpreter itself, such as a copy of an earlier release, not a wrapper of one."""
    try:
        return image_of(file) == os.path.realpath(file)
    except ProbeError:
        return _has_marks(file)  # the library that a copy belongs to may be gone


def _has_capabilities(file: str) -> bool:
    """Check whether a file may do what others may not (capabilities(7)): nobody gives a mere copy that."""
    if not hasattr(os, "getxattr"):
        return False
    try:
        return bool(os.getxattr(file, "security.capability"))
    except OSError:
        return False


def _is_flattened_link(file: str, found: os.stat_result) -> bool:
    """Check whether a file holds what a symlink would: git writes it so where it may not make symlinks."""
    if found.st_size > _LINK_LIMIT or found.st_mode & 0o111:
        return False
    text = os.fsdecode(read_regular(file, _LINK_LIMIT) or b"").removesuffix("\n")
    return text.isprintable() and is_python_name(text.rpartition("/")[2]) and (" " not in text or text[0] == "/")


def _originals(file: str, facts: Facts) -> Iterator[str]:
    yield facts.executable
    yield from names_in_home(file)


def _equals(file: str, original: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(original).st_mode) and filecmp.cmp(file, original, shallow=False)
    except OSError:
        return False


def _has_marks(file: str) -> bool:
    try:
        with open(file, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return any(content.find(mark) >= 0 for mark in _MARKS)
    except (OSError, ValueError):
        return False
