"""Bring a built environment to its end: in one step, and flushed before it."""

import os
import stat

from envsync.areas import BUILT, FORMER
from envsync.write import rename
from envsync.write.area import remark
from envsync.write.handles import Root, flush_folder, open_folder

__all__ = ["move_in", "settle_trade", "swap", "trade"]


def move_in(built: str, end: str, *, flushed: bool = True) -> None:
    """Move an environment out of its staging area to ``end``, where nothing or an empty folder must be.

    Raises ``OSError`` (``EEXIST``, ``ENOTEMPTY``) where something is: it never replaces. Without ``flushed`` the caller
    flushes the folder of ``end``.
    """
    try:
        mode = stat.S_IMODE(os.lstat(end).st_mode)
    except FileNotFoundError:
        if not rename.move_new(built, end):
            os.rename(built, end)  # rename(2) of a folder replaces nothing but an empty folder
    else:
        os.chmod(built, mode)
        os.rename(built, end)
    if flushed:
        flush_folder(os.path.dirname(end))


def swap(area: str, end: Root) -> None:
    """Exchange the environment built in ``area`` for the one at ``end``; the former one is then in ``area``.

    Where the file system cannot do it in one step, in two that :func:`settle_trade` can undo. Raises ``OSError``; then
    the former environment is at its place.
    """
    built, former = f"{area}/{BUILT}", f"{area}/{FORMER}"
    with open_folder(end) as folder:
        os.chmod(built, stat.S_IMODE(os.fstat(folder).st_mode))
    remark(area, built=os.lstat(built).st_ino)
    trade(built, end.path, former)
    try:
        with open_folder(Root(built, end.identity)):
            pass  # it is the one that was looked at, not one that has come to its place at the last instant
        flush_folder(os.path.dirname(end.path))
        flush_folder(area)
    except OSError:
        trade(built, end.path, former)
        raise


def trade(one: str, other: str, spare: str) -> None:
    """Exchange two entries, through the name ``spare`` where the file system cannot do it in one step."""
    if rename.exchange(one, other):
        return
    os.rename(other, spare)
    try:
        os.rename(one, other)
    except OSError:
        os.rename(spare, other)
        raise
    os.rename(spare, one)


def settle_trade(area: str, end: str) -> None:
    """Finish or undo an exchange in several steps that was cut off between them. Raises ``OSError``.

    What was there comes back, unless a symlink was to take its place: that has nothing to be flushed before.
    """
    built, former = f"{area}/{BUILT}", f"{area}/{FORMER}"
    if not os.path.lexists(former):
        return
    if not os.path.lexists(end):
        if not os.path.islink(built):
            os.rename(former, end)
            flush_folder(os.path.dirname(end))
            return
        os.rename(built, end)
    if not os.path.lexists(built):  # it is at the end, so this is what it has replaced
        os.rename(former, built)
    flush_folder(os.path.dirname(end))
    flush_folder(area)
