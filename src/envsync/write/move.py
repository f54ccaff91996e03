"""Turn the folder at an environment's path into a symlink to another folder, in one step; what is kept follows it."""

import os
from collections.abc import Callable
from dataclasses import replace

from envsync.areas import BUILT, FORMER, Marker, parent_of
from envsync.write.area import keep_as_generation, make_area, remark, remove_area
from envsync.write.flush import flush
from envsync.write.handles import Root, flush_folder, open_folder
from envsync.write.swap import settle_trade, trade
from envsync.write.tree import link_tree

__all__ = ["bring_generation", "keep_former", "put_link", "shelve"]


def put_link(former: Root, text: str, marker: Marker, area_parent: str, check: Callable[[str], None]) -> None:
    """Exchange a folder for a symlink that holds ``text``, and delete it.

    What ``text`` leads to has to be complete: at every instant one of the two is there. ``marker`` must say that what
    is exchanged may be thrown away. ``check`` is called with where the folder is then, and raises if something came
    into it up to the last instant. Raises that or ``OSError``; then the folder is at its place.
    """
    area = make_area(area_parent, marker)
    link = f"{area}/{BUILT}"
    try:
        os.symlink(text, link)
        with open_folder(former):
            pass  # it is the one that was looked at
        trade(link, former.path, f"{area}/{FORMER}")
        try:
            check(link)
            flush_folder(os.path.dirname(former.path))
        except BaseException:
            trade(link, former.path, f"{area}/{FORMER}")
            raise
    finally:
        if os.path.islink(link):
            os.unlink(link)
        remove_area(area, marker.end)


def shelve(generation: str, shelf: str) -> None:
    """Move a generation to the folder ``shelf`` on the same file system. Raises ``OSError``."""
    os.rename(generation, f"{os.path.realpath(shelf)}/{os.path.basename(generation)}")


def bring_generation(area: str, marker: Marker, end: str, shelf: str) -> None:
    """Let a generation be one of the environment at ``end``, on whose file system it has to be. Raises ``OSError``."""
    beside = parent_of(end)
    if os.stat(area).st_dev == os.stat(beside).st_dev:
        remark(area, end=end)
        if os.path.dirname(area) not in {os.path.realpath(beside), os.path.realpath(shelf)}:
            shelve(area, beside)
        return
    copy = make_area(beside, replace(marker, kind="staging", end=end, discard=True))
    try:
        link_tree(Root(f"{area}/{BUILT}"), f"{copy}/{BUILT}")
        flush([copy])
        remark(copy, kind="generation", discard=False)
    except BaseException:
        remove_area(copy, end)
        raise
    remove_area(area, marker.end)


def keep_former(area: str, marker: Marker, made: str, shelf: str, is_copied: Callable[[str], bool]) -> None:
    """Remove the area of a :func:`put_link` that was cut off, with the former folder in it if that ``is_copied``.

    If it is not, since something wrote into it at the last instant, it becomes a generation of the environment that
    ``marker`` says was moved. Raises ``OSError``.
    """
    settle_trade(area, marker.end)
    former = f"{area}/{BUILT}"
    if os.path.isdir(former) and not os.path.islink(former) and not is_copied(former):
        remark(area, end=marker.moves_to, discard=False)
        keep_as_generation(area, made, shelf, loose=True)
    else:
        remove_area(area, marker.end)
