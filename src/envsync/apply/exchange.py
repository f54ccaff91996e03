"""Bring what was built to its place, and keep what it replaces as a generation."""

import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from envsync.apply.staging import from_beside, marker_of
from envsync.areas import BUILT
from envsync.errors import EnvsyncError, Problem
from envsync.plan.actions import Blueprint, Create, Install, Rebuild
from envsync.write.area import keep_as_generation, remove_area, remove_superseded
from envsync.write.contents import NOT_RENAMED, swap_contents, undo_contents
from envsync.write.copy_up import swap_up
from envsync.write.flush import flush
from envsync.write.handles import Root
from envsync.write.swap import move_in, swap
from envsync.write.tree import bring_along, contents_of

__all__ = [
    "NotExchangeableError",
    "bring_in",
    "contents_at",
    "exchange",
    "keep",
    "keep_what_came",
    "now",
    "refuse_changes",
    "root_of",
    "take_place",
]


Contents = dict[str, tuple[int, ...]]


class NotExchangeableError(Exception):
    """The system has refused to rename a directory that looked as if it could be: nothing was changed."""


def bring_in(area: str, blueprint: Blueprint) -> str:
    """Bring what was built to where nothing or an empty directory is; return the staging directory that is left.

    Raises as :func:`exchange` does.
    """
    if blueprint.exchangeable:
        with _refusals(blueprint):
            return _from_beside(area, blueprint, lambda near: move_in(near, BUILT, blueprint.end))
    return _from_beside(area, blueprint, lambda near: swap_contents(near, root_of(blueprint)))


def take_place(area: str, action: Create) -> str:
    """Exchange what was built for a directory that holds only stray files, which stay as they are.

    Returns the staging directory that is left. Raises as :func:`exchange` does.
    """
    blueprint = action.blueprint
    bring_along(root_of(blueprint), Root(f"{area}/{BUILT}"), action.strays, over=True)
    flush([area])
    area = exchange(area, blueprint)
    if not {*os.listdir(f"{area}/{BUILT}")} <= {*action.strays}:  # something came into it up to the last instant
        if blueprint.exchangeable:
            swap(area, Root(blueprint.end))
        else:
            undo_contents(area, blueprint.end, even_if_complete=True)
        message = f"something else has written into {blueprint.end} while the environment was being built"
        raise EnvsyncError(Problem("changed-meanwhile", message, "Nothing was lost. Apply again when that has ended."))
    return area


def keep(area: str, action: Install | Rebuild, *, loose: bool) -> None:
    """Keep a former environment as a generation, or remove it; then those that it supersedes."""
    count = max(action.keep, int(loose))
    if count:
        keep_as_generation(area, now(), action.shelf, loose=loose)
    else:
        remove_area(area, action.blueprint.end)
    surplus = max(0, len(action.generations) + min(1, count) - action.keep)
    remove_superseded(action.generations[:surplus], action.blueprint.end)


def keep_what_came(area: str, blueprint: Blueprint, before: Contents) -> None:
    """Look whether something came into the former environment up to the last instant; then put it back, or keep it."""
    try:
        found = contents_at(f"{area}/{BUILT}", blueprint)
    except OSError:  # something goes while it is looked at: somebody is at work in it
        found = {}
    if found == before:
        return
    if blueprint.exchangeable:
        swap(area, Root(blueprint.end))
        remove_area(area, blueprint.end)
    else:
        keep_as_generation(area, now(), os.path.dirname(area), loose=True)
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


def exchange(area: str, blueprint: Blueprint) -> str:
    """Exchange what was built for what is there, and return the staging directory that holds that then.

    Raises :class:`NotExchangeableError`, or ``OSError``; then the former environment is at its place.
    """
    try:
        if blueprint.exchangeable:
            with _refusals(blueprint):
                return _from_beside(area, blueprint, lambda near: swap_up(near, root_of(blueprint)))
        return _from_beside(area, blueprint, lambda near: swap_contents(near, root_of(blueprint)))
    except (OSError, NotExchangeableError):
        remove_area(area, blueprint.end)
        raise


def _from_beside(area: str, blueprint: Blueprint, step: Callable[[str], None]) -> str:
    return from_beside(area, blueprint.area_parent, marker_of(blueprint), step, renames=blueprint.exchangeable)


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
