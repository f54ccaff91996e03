"""Remove what a prune plans, and clear what interrupted passes left."""

import os
from collections.abc import Iterable

from envsync.apply.move import settle_move
from envsync.apply.steps import clear_staging_dir
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.settings import Settings
from envsync.plan.prune import Removal
from envsync.write.directories import Root
from envsync.write.locks import hold
from envsync.write.relocate import remove_environment, remove_exposed
from envsync.write.staging import read_marker_of, remove_staging_dir
from envsync.write.user_files import remove_temporary


def clear_interrupted(staging_dir: str, end: str, settings: Settings, *, timeout: float = 0.0) -> None:
    """Finish, undo or remove what is in a staging directory that was made for the environment at ``end``.

    Raises ``EnvsyncError`` where its pass is at work still, or ``OSError``.
    """
    marker = read_marker_of(staging_dir)
    if marker is not None and marker.kind == "temporary":
        remove_temporary(staging_dir)
        return
    with hold(settings.locks, end, timeout):
        marker = read_marker_of(staging_dir)
        if marker is not None and marker.moves_to:
            settle_move(staging_dir, marker, settings)
        else:
            clear_staging_dir(staging_dir, end, os.path.dirname(staging_dir))  # where its own manifest looks for it


def prune(removals: Iterable[Removal], settings: Settings) -> dict[str, Problem | None]:
    """Remove all that may go; gives by place what went wrong, ``None`` for what is gone."""
    return {one.place: _remove(one, settings) for one in removals if not one.kept_because}


def _remove(one: Removal, settings: Settings) -> Problem | None:
    try:
        if one.kind == "command":
            remove_exposed(one.place, one.link_text)
            return None
        if one.kind == "staging":
            clear_interrupted(one.place, one.end, settings)
            return None
        with hold(settings.locks, one.end, settings.lock_timeout):
            if one.kind == "environment":
                remove_environment(Root(one.end, one.identity), one.name, one.path)
            else:
                remove_staging_dir(one.place, one.end)
    except EnvsyncError as error:
        return error.problem
    except OSError as error:
        return Problem("system-error", f"{one.place}: {error.strerror}", "Prune again when that is mended.")
    return None
