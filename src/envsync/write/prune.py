"""Remove what nothing needs any more: moved away first, so that no half of it is ever met, and deleted then."""

import errno
import os

from envsync.areas import BUILT, Marker
from envsync.observe.mounts import mounts_in
from envsync.write.area import make_area, open_area, remove_area
from envsync.write.handles import Root, flush_open, open_folder, open_parent
from envsync.write.rename import Place, move, move_new

__all__ = ["remove_environment", "remove_exposed"]


def remove_environment(end: Root, name: str, path: str) -> None:
    """Remove an environment of envsync's own, if it is still the one that was looked at. Raises ``OSError``."""
    if mounts_in(end.path):
        raise OSError(errno.EBUSY, "something is mounted in it", end.path)
    parent = os.path.dirname(end.path)
    area = make_area(parent, Marker(name, path, end.path, discard=True))
    try:
        with open_area(area) as top, open_parent(end.path) as (directory, last):
            with open_folder(end):
                pass  # it is the one that was looked at
            place, away = Place(directory, last, parent), Place(top, BUILT, area)
            if not move_new(place, away):
                move(place, away)
            flush_open(directory)
    finally:
        remove_area(area, end.path)


def remove_exposed(link: str, text: str) -> None:
    """Remove a symlink that holds ``text``; anything else at its place stays. Raises ``OSError``."""
    if os.path.islink(link) and os.readlink(link) == text:
        os.unlink(link)
