"""Bring what was built to its place, keep what it replaces as a generation, and bring unowned files along."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from envsync.apply.staging import from_beside, marker_of
from envsync.formats.staging_marker import BUILT
from envsync.model.packages import SEEDS
from envsync.model.plan import Blueprint, Create, Install, Rebuild
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.libraries import find_libraries
from envsync.observe.packages import read_installed
from envsync.observe.unowned import find_unowned, left_behind
from envsync.write.copy_up import swap_up
from envsync.write.directories import Root
from envsync.write.exchange import NOT_RENAMED, swap_contents, undo_contents
from envsync.write.files import set_inner_link
from envsync.write.flush import flush
from envsync.write.staging import keep_as_generation, read_marker_of, remark, remove_staging_dir, remove_superseded
from envsync.write.swap import move_in, swap
from envsync.write.trees import bring_along, contents_of


def bring_unowned(staging_dir: str, action: Rebuild) -> None:
    """Give the new environment in a staging directory what is the user's and has a place in it. Raises ``OSError``.

    That is unowned files, and further names of the interpreter. What the new one has stays as it is.
    """
    blueprint, new = action.blueprint, Root(f"{staging_dir}/{BUILT}")
    for alias in action.aliases:
        if not os.path.lexists(f"{new.path}/bin/{alias}"):
            set_inner_link(new, f"bin/{alias}", "python")
    fetched = [one for one in action.bring if one.startswith("src/") and os.path.lexists(f"{new.path}/{one}")]
    bring = [one for one in action.bring if one not in fetched]
    bring_along(Root(blueprint.end, blueprint.identity), new, bring)
    if action.aliases or bring:
        flush([staging_dir])


def holds_more(former: str, action: Rebuild) -> bool:
    """Check once more, now that nothing can come to it, whether a former environment holds more than the new one."""
    try:
        libraries = find_libraries(former)
        installed = read_installed(former, libraries, unowned=True)
    except OSError:
        return True
    unowned = left_behind(former, action.blueprint.end, installed.unowned or ())
    return bool(unowned or installed.broken or {one.name for one in installed.distributions} - {*action.known} - SEEDS)


def release_repeated(generations: Iterable[str], newer: str) -> int:
    """Let generations go of which a ``newer`` one holds everything; return how many stay since they hold more.

    An interpreter link that flips to and fro would else keep the same files time and again.
    """
    staying = 0
    for generation in generations:
        marker = read_marker_of(generation)
        if marker is None or not marker.irreplaceable:
            continue
        if _adds_nothing(f"{generation}/{BUILT}", f"{newer}/{BUILT}"):
            with contextlib.suppress(OSError):
                remark(generation, irreplaceable=False)
        else:
            staying += 1
    return staying


def _adds_nothing(older: str, newer: str) -> bool:
    try:
        installed = read_installed(older, find_libraries(older), unowned=True)
        there = read_installed(newer, find_libraries(newer)).versions()
        more = left_behind(older, newer, installed.unowned or ())
    except OSError:
        return False
    packages = installed.versions().items()
    return not (more or installed.broken) and all(name in SEEDS or there.get(name) == one for name, one in packages)


def mark_former(staging_dir: str, end: str) -> None:
    """Note on a generation that was exchanged for the environment at ``end`` whether it holds files of the user's."""
    former = f"{staging_dir}/{BUILT}"
    try:
        irreplaceable = bool(left_behind(former, end, find_unowned(former, find_libraries(former))))
    except OSError:
        irreplaceable = True
    remark(staging_dir, irreplaceable=irreplaceable)


Contents = dict[str, tuple[int, ...]]


class NotExchangeableError(Exception):
    """The system has refused to rename a directory that looked as if it could be: nothing was changed."""


def bring_in(staging_dir: str, blueprint: Blueprint) -> str:
    """Bring what was built to where nothing or an empty directory is; return the staging directory that is left.

    Raises as :func:`exchange` does.
    """
    if blueprint.exchangeable:
        with _refusals(blueprint):
            return _from_beside(staging_dir, blueprint, lambda near: move_in(near, BUILT, blueprint.end))
    return _from_beside(staging_dir, blueprint, lambda near: swap_contents(near, root_of(blueprint)))


def take_place(staging_dir: str, action: Create) -> str:
    """Exchange what was built for a directory that holds only stray files, which stay as they are.

    Returns the staging directory that is left. Raises as :func:`exchange` does.
    """
    blueprint = action.blueprint
    bring_along(root_of(blueprint), Root(f"{staging_dir}/{BUILT}"), action.stray_files, over=True)
    flush([staging_dir])
    staging_dir = exchange(staging_dir, blueprint)
    if not {*os.listdir(f"{staging_dir}/{BUILT}")} <= {
        *action.stray_files
    }:  # something came into it up to the last instant
        if blueprint.exchangeable:
            swap(staging_dir, Root(blueprint.end))
        else:
            undo_contents(staging_dir, blueprint.end, even_if_complete=True)
        message = f"something else has written into {blueprint.end} while the environment was being built"
        raise EnvsyncError(Problem("changed-meanwhile", message, "Nothing was lost. Apply again when that has ended."))
    return staging_dir


def keep(staging_dir: str, action: Install | Rebuild, *, irreplaceable: bool) -> None:
    """Keep a former environment as a generation, or remove it; then those that it supersedes."""
    count = max(action.keep, int(irreplaceable))
    if count:
        keep_as_generation(staging_dir, now(), action.generations_dir, irreplaceable=irreplaceable)
    else:
        remove_staging_dir(staging_dir, action.blueprint.end)
    surplus = max(0, len(action.generations) + min(1, count) - action.keep)
    remove_superseded(action.generations[:surplus], action.blueprint.end)


def keep_what_came(staging_dir: str, blueprint: Blueprint, before: Contents) -> None:
    """Look whether something came into the former environment up to the last instant; then put it back, or keep it."""
    try:
        found = contents_at(f"{staging_dir}/{BUILT}", blueprint)
    except OSError:  # something goes while it is looked at: somebody is at work in it
        found = {}
    if found == before:
        return
    if blueprint.exchangeable:
        swap(staging_dir, Root(blueprint.end))
        remove_staging_dir(staging_dir, blueprint.end)
    else:
        keep_as_generation(staging_dir, now(), os.path.dirname(staging_dir), irreplaceable=True)
    refuse_changes(found, before, blueprint)


def contents_at(place: str, blueprint: Blueprint) -> Contents:
    """Return what is in a directory, to be compared with what will be there later.

    Inodes count as well, unless copying a file up from a lower layer may change them: it has several names there.
    """
    found = contents_of(place)
    return {name: told[1:] for name, told in found.items()} if blueprint.layered else {**found}


def refuse_changes(found: object, before: object, blueprint: Blueprint) -> None:
    """Raise ``EnvsyncError`` where an environment is not what it was when its copy was begun."""
    if found != before:
        message = f"something else has written into {blueprint.end} while packages were being installed"
        raise EnvsyncError(Problem("changed-meanwhile", message, "Nothing was lost. Apply again when that has ended."))


def exchange(staging_dir: str, blueprint: Blueprint) -> str:
    """Exchange what was built for what is there, and return the staging directory that holds that then.

    Raises :class:`NotExchangeableError`, or ``OSError``; then the former environment is at its place.
    """
    try:
        if blueprint.exchangeable:
            with _refusals(blueprint):
                return _from_beside(staging_dir, blueprint, lambda near: swap_up(near, root_of(blueprint)))
        return _from_beside(staging_dir, blueprint, lambda near: swap_contents(near, root_of(blueprint)))
    except (OSError, NotExchangeableError):
        remove_staging_dir(staging_dir, blueprint.end)
        raise


def _from_beside(staging_dir: str, blueprint: Blueprint, step: Callable[[str], None]) -> str:
    return from_beside(
        staging_dir, blueprint.staging_parent, marker_of(blueprint), step, renames=blueprint.exchangeable
    )


@contextlib.contextmanager
def _refusals(blueprint: Blueprint) -> Iterator[None]:
    """Tell a directory that the system refuses to rename from other failures."""
    try:
        yield
    except OSError as error:
        if error.errno in NOT_RENAMED and blueprint.identity is not None:
            raise NotExchangeableError(error.strerror) from error
        raise


def root_of(blueprint: Blueprint) -> Root:
    """Return the end, to be written in only while it is the one that was looked at."""
    return Root(blueprint.end, blueprint.identity)


def now() -> str:
    """Return the time for a marker, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
