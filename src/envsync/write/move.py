"""Turn the folder at an environment's path into a symlink to another folder, in one step."""

import contextlib
import os
import stat
from collections.abc import Callable

from envsync.areas import BUILT, FORMER, Marker
from envsync.write.area import make_area, open_area, remove_area
from envsync.write.handles import Root, flush_open, kind_of, open_folder, open_parent
from envsync.write.rename import Place, trade

__all__ = ["put_link"]


def put_link(former: Root, text: str, marker: Marker, area_parent: str, check: Callable[[str], None]) -> None:
    """Exchange a folder for a symlink that holds ``text``, and delete it.

    What ``text`` leads to has to be complete: at every instant one of the two is there. ``marker`` must say that what
    is exchanged may be thrown away. ``check`` is called with where the folder is then, and raises if something came
    into it up to the last instant. Raises that or ``OSError``; then the folder is at its place.
    """
    area = make_area(area_parent, marker)
    try:
        with open_area(area) as top, open_parent(former.path) as (parent, name):
            link, spare = Place(top, BUILT, area), Place(top, FORMER, area)
            place = Place(parent, name, os.path.dirname(former.path))
            os.symlink(text, BUILT, dir_fd=top)
            with open_folder(former):
                pass  # it is the one that was looked at
            trade(link, place, spare)
            try:
                check(link.path)
                flush_open(parent)
            except BaseException:
                trade(link, place, spare)
                raise
    finally:
        _take_out_link(area)
        remove_area(area, marker.end)


def _take_out_link(area: str) -> None:
    with contextlib.suppress(FileNotFoundError), open_area(area) as top:
        if kind_of(BUILT, top) == stat.S_IFLNK:
            os.unlink(BUILT, dir_fd=top)
