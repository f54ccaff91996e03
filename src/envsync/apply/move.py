"""Move an environment from the folder at its path to its target; path becomes a symlink to it."""

import filecmp
import os
from collections.abc import Iterator

from envsync.apply.settings import Settings
from envsync.apply.verify import names_no_staging, works
from envsync.apply.workshop import edit_settings
from envsync.areas import BUILT, Marker, is_area_name, parent_of
from envsync.errors import EnvsyncError, Problem
from envsync.observe.chain import walk
from envsync.observe.libraries import find_libraries
from envsync.observe.stock import read_stock
from envsync.observed import EndKind
from envsync.plan.actions import EnvironmentPlan
from envsync.plan.unowned import conflicts_at_top
from envsync.write.area import make_area, remove_area
from envsync.write.files import make_folder
from envsync.write.flush import flush
from envsync.write.handles import Root
from envsync.write.locks import hold
from envsync.write.move import put_link
from envsync.write.prune import remove_environment
from envsync.write.swap import move_in
from envsync.write.tree import link_tree

__all__ = ["move"]


def move(plan: EnvironmentPlan, settings: Settings, manifest: str) -> bool:
    """Move it; tells whether there was anything to do.

    The target is complete before the path becomes a symlink, in one exchange: a second folder that shares its files
    with the first by hard links, or on another file system holds copies that were compared with them. What a killed
    one leaves, the next pass clears away. Raises ``EnvsyncError`` or ``OSError``; then the path is what it was.
    """
    environment = plan.environment
    if environment.target is None:
        hint = f'Declare one: target = "{environment.name}"'
        raise EnvsyncError(Problem("no-target", f"{environment.name} has no target to move to", hint))
    source = walk(environment.path)
    target = walk(environment.target)
    if source.is_link and source.end == target.end and target.kind is EndKind.DIRECTORY:
        return False
    _check(environment.path, environment.target)
    _refuse_unowned(source.end)
    with (
        hold(settings.locks, source.end, settings.lock_timeout),
        hold(settings.locks, target.end, settings.lock_timeout),
    ):
        found = os.lstat(source.end)
        former = Root(source.end, (found.st_dev, found.st_ino))
        for folder in target.to_make:
            make_folder(folder)
        marker = Marker(environment.name, environment.path, target.end, manifest=manifest, discard=True)
        if target.kind is EndKind.MISSING or not os.listdir(target.end):
            _copy(former, marker)
        beside = parent_of(target.end)
        same = os.stat(beside).st_dev == found.st_dev
        whose = Marker(environment.name, environment.path, source.end, manifest=manifest, discard=True)
        parent = beside if same else os.path.dirname(source.end)
        try:
            put_link(former, environment.target, whose, parent, lambda place: _compare(place, target.end))
        except EnvsyncError:
            remove_environment(Root(target.end), environment.name, environment.path)  # no whole copy any more
            raise
        if plan.world.folder.environment and plan.world.folder.environment.setting("envsync-end"):
            edit_settings(Root(target.end), {"envsync-end": target.end})
    return True


def _refuse_unowned(end: str) -> None:
    for conflict in conflicts_at_top(end, read_stock(end, find_libraries(end), loose=True)):
        raise EnvsyncError(Problem(conflict.code, conflict.message, conflict.hint))


def _check(path: str, target: str) -> None:
    source, end = walk(path), walk(target)
    if source.is_link or source.kind is not EndKind.DIRECTORY or not os.path.isfile(f"{path}/pyvenv.cfg"):
        message = f"there is no environment in a folder of its own at {path}"
        raise EnvsyncError(Problem("nothing-to-move", message, "See: envsync plan"))
    taken = end.kind is not EndKind.MISSING and not (end.kind is EndKind.DIRECTORY and not os.listdir(end.end))
    if taken and not _is_copy(source.end, end.end):
        message = f"{end.end} is there already"
        raise EnvsyncError(Problem("target-taken", message, "Look at it, and move it away, or declare another target."))
    if end.end.startswith(f"{source.end}/"):
        raise EnvsyncError(Problem("path-nested", f"{end.end} lies inside the environment", "Declare another target."))


def _copy(former: Root, marker: Marker) -> None:
    """Make the target, complete and on the disk, while the path is what it was."""
    area = make_area(parent_of(marker.end), marker)
    try:
        place = f"{area}/{BUILT}"
        link_tree(former, place)
        _compare(former.path, place)
        if works(former.path) and not works(place):
            hint = "Nothing was changed. Report it, please."
            raise EnvsyncError(Problem("verify-failed", f"the copy of {former.path} does not run", hint))
        names_no_staging(place, marker.path, area)
        flush([area])
        move_in(area, BUILT, marker.end)
    finally:
        remove_area(area, marker.end)


def _is_copy(one: str, other: str) -> bool:
    """Tell whether a folder is what a killed move left: all that is in the other one, and nothing else."""
    try:
        return next(_differences(one, other), None) is None and next(_differences(other, one), None) is None
    except OSError:
        return False


def _compare(one: str, other: str) -> None:
    """Make sure that nothing was lost on the way. Raises ``EnvsyncError``."""
    different = next(_differences(one, other), None)
    if different is not None:
        hint = "Something writes into it. Try again when that has ended."
        raise EnvsyncError(Problem("copy-differs", f"{different} changed while it was copied", hint))


def _differences(one: str, other: str) -> Iterator[str]:
    """Give what is in one folder and is not the same in another."""
    for folder, folders, files in os.walk(one):
        for name in (*folders, *files):
            here = f"{folder}/{name}"
            if not is_area_name(name) and not _is_same(here, f"{other}{here[len(one) :]}"):
                yield here


def _is_same(here: str, there: str) -> bool:
    if os.path.islink(here):
        return os.path.islink(there) and os.readlink(here) == os.readlink(there)
    if os.path.isfile(here):
        plain = os.path.isfile(there) and not os.path.islink(there)
        return plain and (os.path.samefile(here, there) or filecmp.cmp(here, there, shallow=False))
    return os.path.isdir(here) and os.path.isdir(there) and not os.path.islink(there)
