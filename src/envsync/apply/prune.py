"""Find what nothing needs any more, remove it, and clear what interrupted passes left."""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field

from envsync.apply.move import settle_move
from envsync.apply.settings import Settings
from envsync.apply.steps import clear_staging_dir
from envsync.model.dataclass import dataclass
from envsync.model.desired import Manifest
from envsync.model.document import document
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.former_links import FormerLinks
from envsync.observe.generations import find_generations, find_orphans
from envsync.observe.processes import Interrupted, refuse_to_begin
from envsync.observe.staging import find_interrupted
from envsync.plan.prune import Removal, plan_prune
from envsync.write import snapshot
from envsync.write.directories import Root
from envsync.write.locks import hold
from envsync.write.relocate import remove_environment, remove_link
from envsync.write.staging import read_marker_of, remove_staging_dir
from envsync.write.temporary import remove_temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.documents import PruneDocument
    from envsync.model.contract.values import Status

_AFTER = {"environment": "link", "generation": "environment"}
"""What has to be gone of an environment before something else of it may go."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What nothing needs any more, and what became of it."""

    manifest: str
    removals: tuple[Removal, ...]
    done: Mapping[str, Problem | None] | None = field(default=None)
    """By place: why it could not be removed, ``None`` for what is gone; ``None`` as a whole: nothing was tried."""

    @property
    def ok(self) -> bool:
        """Whether all that was to be removed is gone."""
        return not any((self.done or {}).values())

    def to_dict(self) -> "PruneDocument":
        """Return the document of ``envsync prune --json``."""
        status: Status = (
            "failed" if not self.ok else "applied" if self.done else "drift" if self.removals else "in-sync"
        )
        entries = [one.to_dict(self.done or {}) for one in self.removals]
        return {**document("prune", self.manifest, status), "removals": entries}


def find_removals(manifest: Manifest, settings: Settings, *, everything: bool = False) -> Pruned:
    """Return what may go of what a manifest's passes have made; with ``everything`` the generations that are kept too.

    Raises ``EnvsyncError`` where a directory of includes is missing: what they declare is not known.
    """
    orphans = find_orphans(manifest)
    for directory in manifest.inputs.listed:
        if not os.path.isdir(directory):  # unmounted, or not checked out
            message = f"{directory}, from which manifests are included, is not there"
            raise EnvsyncError(Problem("manifest-missing", message, "Nothing was pruned. Bring it back first."))
    former = FormerLinks(manifest).find(orphans)
    interrupted = find_interrupted(manifest, settings.locks)
    removals = plan_prune(orphans, find_generations(manifest), interrupted, former, everything=everything)
    return Pruned(manifest.file, removals)


def prune(
    manifest: Manifest, found: Pruned, settings: Settings, removing: Callable[[str], None] = lambda _: None
) -> Pruned:
    """Remove all that may go of what was found, except what has to stay; each failure is in the result.

    ``removing`` is called with the name of each before it goes. An interruption leaves the rest as it was.
    """
    if not found.removals:
        return found
    snapshot.forget(found.manifest)
    return Pruned(found.manifest, found.removals, _removed(found.removals, settings.of(manifest), removing))


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


def _removed(
    removals: Iterable[Removal], settings: Settings, removing: Callable[[str], None]
) -> dict[str, Problem | None]:
    done: dict[str, Problem | None] = {}
    failed: dict[tuple[str, str], Problem] = {}
    with contextlib.suppress(Interrupted):
        for one in removals:
            if not one.kept_because:
                refuse_to_begin()
                removing(one.name)
                problem = failed.get((_AFTER.get(one.kind, ""), one.end)) or _remove(one, settings)
                done[one.place] = problem
                if problem is not None:
                    failed["link" if one.kind == "command" else one.kind, one.end] = problem
    return done


def _remove(one: Removal, settings: Settings) -> Problem | None:
    try:
        if one.kind in {"command", "link"}:
            remove_link(one.place, one.link_text, one.identity)
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
        return Problem("system-error", f"{one.place}: {error.strerror}", "Fix that, then prune again.")
    return None
