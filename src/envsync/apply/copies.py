"""Copy an environment, and compare the two, except byte code."""

import filecmp
import os
from collections.abc import Callable, Iterator

from envsync.apply.staging import Staging, from_beside
from envsync.apply.verify import refuse_staging_paths, works
from envsync.formats.staging_marker import BUILT, Marker, is_staging_dir_name, parent_of
from envsync.model.problems import EnvsyncError, Problem
from envsync.write.directories import Root
from envsync.write.flush import flush
from envsync.write.staging import make_staging_dir, remove_staging_dir
from envsync.write.swap import move_in
from envsync.write.trees import link_tree

_BYTE_CODE = "__pycache__"
"""Directories of what Python writes again whenever it runs."""
_CHANGED_BY_A_MOVE = (b"envsync-end", b"envsync-links")
"""Keys of ``pyvenv.cfg``."""


def make_copy(former: Root, marker: Marker, end: str, staging: Staging, note: Callable[[int], None]) -> None:
    """Make a complete copy at ``end``, flushed; ``note`` is called with its inode before it is there.

    Raises ``EnvsyncError`` (``verify-failed``, ``copy-differs``) or ``OSError``.
    """
    beside = parent_of(end)
    whose = Marker(marker.name, marker.path, end, manifest=marker.manifest, discard=True)

    def bring_in(staged: str) -> None:
        note(os.lstat(f"{staged}/{BUILT}").st_ino)
        move_in(staged, BUILT, end)

    staging_dir = make_staging_dir(staging.parent_for(beside), whose)
    try:
        place = f"{staging_dir}/{BUILT}"
        link_tree(former, place)
        refuse_difference(former.path, place)
        if works(former.path) and not works(place):
            hint = "Nothing was changed. Please report this."
            raise EnvsyncError(Problem("verify-failed", f"the copy of {former.path} does not run", hint))
        refuse_staging_paths(place, marker.path, staging_dir)
        flush([staging_dir])
        staging_dir = from_beside(staging_dir, beside, whose, bring_in)
    finally:
        remove_staging_dir(staging_dir, end)


def is_copy(one: str, other: str) -> bool:
    """Check whether two directories hold the same."""
    return is_contained(one, other) and is_contained(other, one)


def is_contained(one: str, other: str) -> bool:
    """Check whether everything in the directory ``one`` is in ``other``, too."""
    try:
        return next(_differences(one, other), None) is None
    except OSError:
        return False


def refuse_difference(one: str, other: str) -> None:
    """Raise ``EnvsyncError`` (``copy-differs``) if something in the directory ``one`` is not in ``other``."""
    different = next(_differences(one, other), None)
    if different is not None:
        hint = "Another program writes to it. Try again when that has ended."
        raise EnvsyncError(Problem("copy-differs", f"{different} changed while it was copied", hint))


def _differences(one: str, other: str) -> Iterator[str]:
    """Yield the paths in the directory ``one`` that differ in ``other``."""
    for directory, directories, files in os.walk(one):
        directories[:] = [name for name in directories if name != _BYTE_CODE and not is_staging_dir_name(name)]
        for name in (*directories, *files):
            here = f"{directory}/{name}"
            relative = here[len(one) + 1 :]
            same = _is_same_config if relative == "pyvenv.cfg" else _is_same
            if not is_staging_dir_name(name) and not same(here, f"{other}/{relative}"):
                yield here


def _is_same(here: str, there: str) -> bool:
    if os.path.islink(here):
        return os.path.islink(there) and os.readlink(here) == os.readlink(there)
    if os.path.isfile(here):
        plain = os.path.isfile(there) and not os.path.islink(there)
        return plain and (os.path.samefile(here, there) or filecmp.cmp(here, there, shallow=False))
    return os.path.isdir(here) and os.path.isdir(there) and not os.path.islink(there)


def _is_same_config(here: str, there: str) -> bool:
    return os.path.isfile(there) and _config(here) == _config(there)


def _config(file: str) -> list[bytes]:
    with open(file, "rb") as stream:
        return [line for line in stream.read().splitlines() if not line.startswith(_CHANGED_BY_A_MOVE)]
