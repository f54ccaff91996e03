"""Bring a built environment to its end: in one step, and flushed before it."""

import errno
import os
import stat

from envsync.formats.staging_marker import BUILT, FORMER
from envsync.write.directories import Root, flush_open, kind_of, open_directory, open_in, open_parent
from envsync.write.rename import Place, move, move_new, trade
from envsync.write.staging import open_staging_dir, remark


def move_in(staging_dir: str, name: str, end: str, *, flushed: bool = True) -> None:
    """Move ``name`` out of its staging directory to ``end``, where nothing or an empty directory must be.

    Raises ``OSError`` (``EEXIST``, ``ENOTEMPTY``) where something is: it never replaces. Without ``flushed`` the caller
    flushes the directory of ``end``.
    """
    with open_staging_dir(staging_dir) as source, open_parent(end) as (parent, last):
        built, place = Place(source, name, staging_dir), Place(parent, last, os.path.dirname(end))
        status = place.status()
        if status is None:
            if not move_new(built, place):
                move(built, place)  # rename(2) of a directory replaces nothing but an empty directory
        else:
            _take_mode(source, name, status.st_mode)
            move(built, place)
        if flushed:
            flush_open(parent)


def swap(staging_dir: str, end: Root) -> None:
    """Exchange the environment built in ``staging_dir`` for the one at ``end``, which is in ``staging_dir`` then.

    Where the file system cannot do it in one step, in two that :func:`settle_trade` can undo. Raises ``OSError``; then
    the former environment is at its place.
    """
    with open_staging_dir(staging_dir) as source, open_parent(end.path) as (parent, last):
        built, spare = Place(source, BUILT, staging_dir), Place(source, FORMER, staging_dir)
        place = Place(parent, last, os.path.dirname(end.path))
        with open_directory(end) as former:
            _take_mode(source, BUILT, os.fstat(former).st_mode)
        remark(staging_dir, built=built.inode())
        trade(built, place, spare)
        try:
            _check_former(built, end)
            flush_open(parent)
            flush_open(source)
        except OSError:
            trade(built, place, spare)
            raise


def settle_trade(staging_dir: str, end: str) -> None:
    """Finish or undo an exchange in several steps that was cut off between them. Raises ``OSError``.

    What was there comes back, unless a symlink was to take its place: that has nothing to be flushed before.
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
        if built.status() is None:  # it is at the end, so this is what it has replaced
            move(former, built)
        flush_open(parent)
        flush_open(source)


def _take_mode(directory: int, name: str, mode: int) -> None:
    """Give a built environment the mode of what it replaces, without the right for all to write."""
    with open_in(directory, name) as built:
        os.fchmod(built, stat.S_IMODE(mode) & ~stat.S_IWOTH)


def _check_former(built: Place, end: Root) -> None:
    """Raise ``OSError`` unless what was exchanged is the directory that was looked at, not one that came since."""
    status = built.status()
    if status is None or not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.ESTALE, "something else has come to its place meanwhile", end.path)
    if end.identity not in {None, (status.st_dev, status.st_ino)}:
        raise OSError(errno.ESTALE, "another directory has come to its place meanwhile", end.path)
