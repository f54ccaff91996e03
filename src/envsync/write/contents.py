"""Exchange the contents of two folders, where the folders themselves cannot be: a mount point, an unwritable parent.

Not atomic, but each step can be told afterwards, and undone: ``pyvenv.cfg`` comes last,
and until it has come the former environment is what counts.
"""

import os

from envsync.areas import BUILT, FORMER, LOST_AND_FOUND, is_area_name
from envsync.write.area import read_area, remark
from envsync.write.handles import Root, flush_folder, open_folder
from envsync.write.swap import settle_trade, swap, trade

__all__ = ["end_rollback", "roll_back", "swap_contents", "undo_contents"]

_LAST = "pyvenv.cfg"


def swap_contents(area: str, root: Root) -> None:
    """Exchange the entries built in ``area``, which lies in ``root``, for those of ``root``; the former are then in it.

    Raises ``OSError``; then the former contents are at their place.
    """
    built, former, end = f"{area}/{BUILT}", f"{area}/{FORMER}", root.path
    with open_folder(root):
        pass  # it is the one that was looked at
    new = {name: os.lstat(f"{built}/{name}").st_ino for name in os.listdir(built)}
    remark(area, contents=new)
    os.mkdir(former)
    try:
        for name in sorted({*new, *_entries(end)}, key=lambda name: (name == _LAST, name)):
            _move(f"{built}/{name}", f"{end}/{name}", f"{former}/{name}")
        flush_folder(end)
        flush_folder(built)
        os.rmdir(former)
    except OSError:
        undo_contents(area, end, even_if_complete=True)
        raise


def roll_back(area: str, end: Root, made: str, *, exchangeable: bool) -> None:
    """Exchange the environment at ``end`` for the generation in ``area``, which then keeps what was there.

    Until somebody has looked, that counts as holding what no installer brings back.
    """
    remark(area, loose=True)
    if exchangeable:
        swap(area, end)
    else:
        swap_contents(area, end)
    remark(area, made=made, contents=None, built=None, pin="")


def end_rollback(area: str, end: str, made: str) -> str:
    """Undo a rollback to the generation in ``area`` that was cut off, or tidy up after one whose exchange was done.

    Returns the interpreter link that the manifest was being given, if the exchange was not done; that stays on record.
    """
    settle_trade(area, end)
    marker = read_area(area)
    if marker is None:
        return ""
    built, former = f"{area}/{BUILT}", f"{area}/{FORMER}"
    if marker.contents:
        done = _inode(f"{end}/{_LAST}") == marker.contents.get(_LAST)
        undo_contents(area, end)
    else:
        if not os.path.lexists(built) and os.path.lexists(former):
            os.rename(former, built)  # an exchange in two steps was cut off behind the second
        done = marker.built is not None and marker.built != _inode(built)
    if done:
        remark(area, made=made, loose=True, contents=None, built=None, pin="")
        return ""
    remark(area, contents=None, built=None)
    return marker.pin


def undo_contents(area: str, end: str, *, even_if_complete: bool = False) -> None:
    """Bring the former contents back, if exchanging them was begun and not ended."""
    marker = read_area(area)
    if marker is None or not marker.contents:
        return
    built, former, new = f"{area}/{BUILT}", f"{area}/{FORMER}", marker.contents
    cut_off = os.listdir(former) if os.path.isdir(former) else []
    if _inode(f"{end}/{_LAST}") == new.get(_LAST) and not even_if_complete:
        for name in cut_off:
            os.rename(f"{former}/{name}", f"{built}/{name}")
        return
    for name in cut_off:
        _settle(f"{built}/{name}", f"{end}/{name}", f"{former}/{name}", new.get(name, 0))
    # The last one first: from then on it is plain that the exchange is not complete.
    names = sorted({*new, *os.listdir(built)}, key=lambda name: (name != _LAST, name))
    for name in names:
        if name not in new or _inode(f"{end}/{name}") == new[name]:
            _move(f"{built}/{name}", f"{end}/{name}", f"{former}/{name}")
    if os.path.isdir(former):
        os.rmdir(former)
    remark(area, contents=None)


def _settle(built: str, end: str, spare: str, new: int) -> None:
    """Bring an exchange through ``spare`` that was cut off to a state in which each entry is at one of two places."""
    if _inode(spare) != new:  # the former entry: the exchange was under way
        if _inode(end) == new:
            os.rename(end, built)
        os.rename(spare, end)
    elif _inode(end) is None:  # the new entry: undoing it had begun
        os.rename(spare, end)
    else:
        os.rename(spare, built)


def _move(one: str, other: str, spare: str) -> None:
    """Exchange two entries of which one may be missing."""
    if os.path.lexists(one) and os.path.lexists(other):
        trade(one, other, spare)
    elif os.path.lexists(one):
        os.rename(one, other)
    elif os.path.lexists(other):
        os.rename(other, one)


def _entries(end: str) -> list[str]:
    return [name for name in os.listdir(end) if not is_area_name(name) and name != LOST_AND_FOUND]


def _inode(place: str) -> int | None:
    try:
        return os.lstat(place).st_ino
    except FileNotFoundError:
        return None
