"""Choose where to build, and bring what was built to its end.

Builders and installers write by path. Where others may write to a directory on the way, they could replace it by a
symlink at any time. So the environment is built in a directory of the user's own, and exchanged from there, or from a
copy beside the end if that is on another file system.
"""

import contextlib
import errno
import os
from collections.abc import Callable

from envsync.apply.settings import Settings
from envsync.formats.staging_marker import Marker
from envsync.model.blueprint import Blueprint
from envsync.observe.rights import inherited, is_private
from envsync.write.files import make_directories
from envsync.write.flush import flush
from envsync.write.staging import make_staging_dir, remove_staging_dir
from envsync.write.trees import copy_beside


def marker_of(blueprint: Blueprint, *, discard: bool = False) -> Marker:
    """Return the marker of a staging directory for a blueprint."""
    return Marker(blueprint.name, blueprint.path, blueprint.end, manifest=blueprint.manifest, discard=discard)


class Staging:
    """Makes the staging directories of a pass, where nobody else can replace anything."""

    def __init__(self, *own: str) -> None:
        """Take directories of the user's own, preferred ones first, in which every pass looks for interrupted staging.

        They are resolved now: a link on the way may lead elsewhere later.
        """
        self._own = tuple(map(os.path.realpath, own))
        self._private: dict[str, bool] = {}

    def make(self, blueprint: Blueprint, *, discard: bool = False) -> str:
        """Make a staging directory for a blueprint, and return its path. Raises ``OSError``."""
        return make_staging_dir(self.parent_for(blueprint.staging_parent), marker_of(blueprint, discard=discard))

    def parent_for(self, beside: str) -> str:
        """Return the directory for staging directories whose result goes to the directory ``beside``.

        It is ``beside`` if that is private, or nothing else is; else preferably one with the same inherited attributes.
        """
        if self._is_private(beside):
            return beside
        private = [one for one in self._existing() if self._is_private(one)]
        fitting = [one for one in private if inherited(one) == inherited(beside)]
        return next(iter((*fitting, *private)), beside)

    def _existing(self) -> list[str]:
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
    """Return the staging of a pass."""
    return Staging(*filter(None, (settings.generations_dir, settings.staging)))


def from_beside(
    staging_dir: str, beside: str, marker: Marker, step: Callable[[str], None], *, renames: bool = True
) -> str:
    """Call ``step`` with a staging directory, to bring what was built in it to its end, and return that directory.

    Where a rename from there is not possible, or ``step`` ``renames`` nothing as a whole, it is called with a copy in
    the directory ``beside``. Raises ``OSError``, and what ``step`` raises.
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
    copy = copy_beside(staging_dir, beside, marker)
    try:
        flush([copy])
        step(copy)
    except BaseException:
        remove_staging_dir(copy, marker.end)
        raise
    remove_staging_dir(staging_dir, marker.end)
    return copy
