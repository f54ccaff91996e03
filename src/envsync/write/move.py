"""Turn the folder at an environment's path into a symlink to another folder, in one step."""

import os
from collections.abc import Callable

from envsync.areas import BUILT, FORMER, Marker
from envsync.write.area import make_area, remove_area
from envsync.write.copy_up import trade_up
from envsync.write.handles import Root, flush_folder, open_folder

__all__ = ["put_link"]


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
        trade_up(area, link, former.path, f"{area}/{FORMER}")
        try:
            check(link)
            flush_folder(os.path.dirname(former.path))
        except BaseException:
            trade_up(area, link, former.path, f"{area}/{FORMER}")
            raise
    finally:
        if os.path.islink(link):
            os.unlink(link)
        remove_area(area, marker.end)
