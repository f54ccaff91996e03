"""Carry out the removals of a prune, each for itself."""

from collections.abc import Iterable

from envsync.apply.leftovers import clear_leftover
from envsync.apply.settings import Settings
from envsync.errors import EnvsyncError, Problem
from envsync.plan.prune import Removal
from envsync.write.area import remove_area
from envsync.write.handles import Root
from envsync.write.locks import hold
from envsync.write.prune import remove_environment, remove_exposed

__all__ = ["prune"]


def prune(removals: Iterable[Removal], settings: Settings) -> dict[str, Problem | None]:
    """Remove all that may go; gives by place what went wrong, ``None`` for what is gone."""
    return {one.place: _remove(one, settings) for one in removals if not one.kept_because}


def _remove(one: Removal, settings: Settings) -> Problem | None:
    try:
        if one.kind == "command":
            remove_exposed(one.place, one.text)
            return None
        if one.kind == "staging":
            clear_leftover(one.place, one.end, settings)
            return None
        with hold(settings.locks, one.end, settings.lock_timeout):
            if one.kind == "environment":
                remove_environment(Root(one.end, one.identity), one.name, one.path)
            else:
                remove_area(one.place, one.end)
    except EnvsyncError as error:
        return error.problem
    except OSError as error:
        return Problem("system-error", f"{one.place}: {error.strerror}", "Prune again when that is mended.")
    return None
