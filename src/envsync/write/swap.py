"""Bring a built environment to its end, in one step."""

import errno
import os
import stat

from envsync.formats.staging_marker import BUILT, FORMER
from envsync.write.directories import Root, flush_open, kind_of, open_directory, open_in, open_parent
from envsync.write.rename import Place, exchange_in_steps, move, move_no_replace
from envsync.write.staging import open_staging_dir, update_marker


def move_in(staging_dir: str, name: str, end: str, *, flushed: bool = True) -> None:
    """Move ``name`` from its staging directory to ``end``, where nothing or an empty directory must be.

    Raises ``OSError`` (``EEXIST``, ``ENOTEMPTY`` where something is: it never replaces). Without ``flushed`` the caller
    flushes the parent of ``end``.
    """
    with open_staging_dir(staging_dir) as source, open_parent(end) as (parent, last):
        built, place = Place(source, name, staging_dir), Place(parent, last, os.path.dirname(end))
        status = place.status()
        if status is None:
            if not move_no_replace(built, place):
                move(built, place)  # rename(2) of a directory replaces nothing but an empty directory
        else:
            _take_mode(source, name, status.st_mode)
            move(built, place)
        if flushed:
            flush_open(parent)


def swap(staging_dir: str, end: Root) -> None:
    """Exchange the environment built in ``staging_dir`` for the one at ``end``, which then is in ``staging_dir``.

    Where the file system cannot in one step, it takes steps that :func:`settle_exchange` can undo. Raises ``OSError``;
    then the former environment is in place.
    """
    with open_staging_dir(staging_dir) as source, open_parent(end.path) as (parent, last):
        built, spare = Place(source, BUILT, staging_dir), Place(source, FORMER, staging_dir)
        place = Place(parent, last, os.path.dirname(end.path))
        with open_directory(end) as former:
            _take_mode(source, BUILT, os.fstat(former).st_mode)
        update_marker(staging_dir, built=built.inode())
        exchange_in_steps(built, place, spare)
        try:
            _check_former(built, end)
            flush_open(parent)
            flush_open(source)
        except OSError:
            exchange_in_steps(built, place, spare)
            raise


def settle_exchange(staging_dir: str, end: str) -> None:
    """Finish or undo an interrupted exchange in several steps. Raises ``OSError``.

    It is undone, unless a symlink takes the place: that needs no flush before.
    """
    with open_staging_dir(staging_dir) as source, open_parent(end) as (parent, last):
        built, former = Place(source, BUILT, staging_dir), Place(source, FORMER, staging_dir)
        place = Place(parent, last, os.path.dirname(end))
        if former.status() is None:
            return
        if place.status() is None:
            if kind_of(BUILT, source) != stat.S_IFLNK:
                move(former, place)
                flush_open(parent)
                return
            move(built, place)
        if built.status() is None:  # it is at the end, so this is the former
            move(former, built)
        flush_open(parent)
        flush_open(source)


def _take_mode(directory: int, name: str, mode: int) -> None:
    """Set a built environment's mode to that of what it replaces, without write permission for others."""
    with open_in(directory, name) as built:
        os.fchmod(built, stat.S_IMODE(mode) & ~stat.S_IWOTH)


def _check_former(built: Place, end: Root) -> None:
    """Raise ``OSError`` unless what was exchanged is the directory that was observed."""
    status = built.status()
    if status is None or not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.ESTALE, "something else has taken its place", end.path)
    if end.identity not in {None, (status.st_dev, status.st_ino)}:
        raise OSError(errno.ESTALE, "another directory has taken its place", end.path)
