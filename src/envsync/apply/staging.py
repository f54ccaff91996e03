"""Choose where to build, and bring what was built to its end.

Builders and installers write by path. Where others may write to a directory on the way, they could put a symlink in its
place at any time; so nothing is built there. It is built in a directory of the user's own, and exchanged from there, or
where that lies on another file system from a copy beside the end.
"""

import contextlib
import errno
import os
from collections.abc import Callable

from envsync.apply.settings import Settings
from envsync.formats.staging_marker import Marker
from envsync.model.plan import Blueprint
from envsync.observe.rights import inherited, is_private
from envsync.write.files import make_directories
from envsync.write.flush import flush
from envsync.write.staging import make_staging_dir, remove_staging_dir
from envsync.write.trees import copy_beside


def marker_of(blueprint: Blueprint, *, discard: bool = False) -> Marker:
    """Say in a staging directory what it is for."""
    return Marker(blueprint.name, blueprint.path, blueprint.end, manifest=blueprint.manifest, discard=discard)


class Staging:
    """Makes staging directories for one pass where nobody else can put one thing in the place of another."""

    def __init__(self, *own: str) -> None:
        """Take directories of the user's own, the preferred ones first, in which every pass looks for leftovers.

        Their real paths are looked for now, and hold: what they lead to later may be another one's.
        """
        self._own = tuple(map(os.path.realpath, own))
        self._private: dict[str, bool] = {}

    def make(self, blueprint: Blueprint, *, discard: bool = False) -> str:
        """Make a staging directory for an environment, and return its path. Raises ``OSError``."""
        return make_staging_dir(self.parent_for(blueprint.staging_parent), marker_of(blueprint, discard=discard))

    def parent_for(self, beside: str) -> str:
        """Return the directory to make staging directories in, for what is to be brought in from the one ``beside``.

        It is that one, if it is private or no other one is; else one on the same disk, if there is any.
        """
        if self._is_private(beside):
            return beside
        private = [one for one in self._there() if self._is_private(one)]
        fitting = [one for one in private if inherited(one) == inherited(beside)]
        return next(iter((*fitting, *private)), beside)

    def _there(self) -> list[str]:
        found = []
        for one in self._own:
            with contextlib.suppress(OSError):
                make_directories(one)
                found.append(one)
        return found

    def _is_private(self, directory: str) -> bool:
        if directory not in self._private:
            self._private[directory] = is_private(directory)
        return self._private[directory]


def staging_of(settings: Settings) -> Staging:
    """Return what makes staging directories for a pass."""
    return Staging(*filter(None, (settings.generations_dir, settings.staging)))


def from_beside(
    staging_dir: str, beside: str, marker: Marker, step: Callable[[str], None], *, renames: bool = True
) -> str:
    """Take the step that brings what was built in a staging directory to its end; return the one it was taken from.

    Where it cannot be taken from there, as where it ``renames`` nothing as a whole, a copy in the directory ``beside``
    takes its place. Raises what ``step`` does.
    """
    parent = os.path.dirname(staging_dir)
    if parent == beside or (renames and inherited(parent) == inherited(beside)):
        try:
            step(staging_dir)
        except OSError as error:  # another mount of the same file system
            if error.errno != errno.EXDEV or parent == beside:
                raise
        else:
            return staging_dir
    near = copy_beside(staging_dir, beside, marker)
    try:
        flush([near])
        step(near)
    except BaseException:
        remove_staging_dir(near, marker.end)
        raise
    remove_staging_dir(staging_dir, marker.end)
    return near
