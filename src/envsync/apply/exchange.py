"""Bring what was built to its end, keep what it replaces as a generation, and copy unowned files along."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from envsync.apply.staging import from_beside, marker_of
from envsync.formats.staging_marker import BUILT
from envsync.model.blueprint import Blueprint
from envsync.model.packages import SEEDS
from envsync.model.plan import Create, Install, Rebuild
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.libraries import find_libraries
from envsync.observe.packages import read_installed
from envsync.observe.unowned import find_unowned, left_behind
from envsync.write.copy_up import swap_up
from envsync.write.directories import Root
from envsync.write.exchange import NOT_RENAMED, swap_contents, undo_contents
from envsync.write.files import set_inner_link
from envsync.write.flush import flush
from envsync.write.staging import (
    keep_as_generation,
    read_marker_of,
    remove_staging_dir,
    remove_superseded,
    update_marker,
)
from envsync.write.swap import move_in, swap
from envsync.write.trees import contents_of, copy_into

_APPLY_AGAIN = "Nothing was lost. Apply again when that has ended."


def bring_unowned(staging_dir: str, action: Rebuild) -> None:
    """Copy unowned files, and further names of the interpreter, into the new environment. Raises ``OSError``.

    Existing entries of the new environment stay.
    """
    blueprint, new = action.blueprint, Root(f"{staging_dir}/{BUILT}")
    for alias in action.aliases:
        if not os.path.lexists(f"{new.path}/bin/{alias}"):
            set_inner_link(new, f"bin/{alias}", "python")
    fetched = [one for one in action.bring if one.startswith("src/") and os.path.lexists(f"{new.path}/{one}")]
    bring = [one for one in action.bring if one not in fetched]
    copy_into(Root(blueprint.end, blueprint.identity), new, bring)
    if action.aliases or bring:
        flush([staging_dir])


def holds_more(former: str, action: Rebuild) -> bool:
    """Check whether a former environment, which no longer changes, holds more than the new one."""
    try:
        libraries = find_libraries(former)
        installed = read_installed(former, libraries, unowned=True)
    except OSError:
        return True
    unowned = left_behind(former, action.blueprint.end, installed.unowned or ())
    return bool(unowned or installed.broken or {one.name for one in installed.distributions} - {*action.known} - SEEDS)


def release_repeated(generations: Iterable[str], newer: str) -> int:
    """Unmark irreplaceable generations of which a ``newer`` one holds everything; return how many hold more.

    Otherwise, an interpreter link that flips back and forth would keep the same files many times.
    """
    count = 0
    for generation in generations:
        marker = read_marker_of(generation)
        if marker is None or not marker.irreplaceable:
            continue
        if _adds_nothing(f"{generation}/{BUILT}", f"{newer}/{BUILT}"):
            with contextlib.suppress(OSError):
                update_marker(generation, irreplaceable=False)
        else:
            count += 1
    return count


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
    """Mark a generation of the environment at ``end`` as irreplaceable if it holds unowned files."""
    former = f"{staging_dir}/{BUILT}"
    try:
        irreplaceable = bool(left_behind(former, end, find_unowned(former, find_libraries(former))))
    except OSError:
        irreplaceable = True
    update_marker(staging_dir, irreplaceable=irreplaceable)


Contents = dict[str, tuple[int, ...]]
"""As :func:`envsync.write.trees.contents_of` returns it, perhaps without inodes."""


class NotExchangeableError(Exception):
    """The system refuses to rename a directory, for no visible reason; nothing was changed."""


def bring_in(staging_dir: str, blueprint: Blueprint) -> str:
    """Move what was built to its end, which is free or an empty directory; return the staging directory left.

    Raises as :func:`exchange` does.
    """
    if blueprint.exchangeable:
        with _refusals(blueprint):
            return _from_beside(staging_dir, blueprint, lambda near: move_in(near, BUILT, blueprint.end))
    return _from_beside(staging_dir, blueprint, lambda near: swap_contents(near, root_of(blueprint)))


def take_place(staging_dir: str, action: Create) -> str:
    """Exchange what was built for a directory that holds only stray files, which stay.

    Return the staging directory left. Raises ``EnvsyncError`` (``changed-meanwhile``), or as :func:`exchange` does.
    """
    blueprint = action.blueprint
    copy_into(root_of(blueprint), Root(f"{staging_dir}/{BUILT}"), action.stray_files, over=True)
    flush([staging_dir])
    staging_dir = exchange(staging_dir, blueprint)
    if not {*os.listdir(f"{staging_dir}/{BUILT}")} <= {
        *action.stray_files
    }:  # something came into it up to the last instant
        if blueprint.exchangeable:
            swap(staging_dir, Root(blueprint.end))
        else:
            undo_contents(staging_dir, blueprint.end, even_if_complete=True)
        message = f"another program wrote to {blueprint.end} while the environment was being built"
        raise EnvsyncError(Problem("changed-meanwhile", message, _APPLY_AGAIN))
    return staging_dir


def keep(staging_dir: str, action: Install | Rebuild, *, irreplaceable: bool) -> None:
    """Keep a former environment as a generation, or remove it; then remove surplus generations. Raises ``OSError``."""
    count = max(action.keep, int(irreplaceable))
    if count:
        keep_as_generation(staging_dir, now(), action.generations_dir, irreplaceable=irreplaceable)
    else:
        remove_staging_dir(staging_dir, action.blueprint.end)
    surplus = max(0, len(action.generations) + min(1, count) - action.keep)
    remove_superseded(action.generations[:surplus], action.blueprint.end)


def refuse_last_changes(staging_dir: str, blueprint: Blueprint, before: Contents) -> None:
    """Raise ``EnvsyncError`` if the former environment was written to at the last instant; then keep or restore it."""
    try:
        found = contents_at(f"{staging_dir}/{BUILT}", blueprint)
    except OSError:  # it is being changed
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
    """Return what is in a directory, to be compared with later contents.

    Inodes count, unless a copy-up from a lower layer may change them (hard links). Raises ``OSError``.
    """
    found = contents_of(place)
    return {name: facts[1:] for name, facts in found.items()} if blueprint.layered else {**found}


def refuse_changes(found: object, before: object, blueprint: Blueprint) -> None:
    """Raise ``EnvsyncError`` (``changed-meanwhile``) if an environment has changed since its copy was begun."""
    if found != before:
        message = f"another program wrote to {blueprint.end} while packages were being installed"
        raise EnvsyncError(Problem("changed-meanwhile", message, _APPLY_AGAIN))


def exchange(staging_dir: str, blueprint: Blueprint) -> str:
    """Exchange what was built for the former environment, and return the staging directory that then holds that.

    Raises :class:`NotExchangeableError` or ``OSError``; then the former environment is in place.
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
    """Raise :class:`NotExchangeableError` for an error of a directory that the system refuses to rename."""
    try:
        yield
    except OSError as error:
        if error.errno in NOT_RENAMED and blueprint.identity is not None:
            raise NotExchangeableError(error.strerror) from error
        raise


def root_of(blueprint: Blueprint) -> Root:
    """Return the end, to be written to only while it is the directory that was observed."""
    return Root(blueprint.end, blueprint.identity)


def now() -> str:
    """Return the current time for a marker, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
