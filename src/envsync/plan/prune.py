"""Decide what may go of what a manifest's passes have made. Pure."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Literal

from envsync.model.dataclass import dataclass
from envsync.model.environment import FormerLink, Generation, InterruptedStaging, Orphan
from envsync.model.problems import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.entries import RemovalEntry


@dataclass(frozen=True, slots=True)
class Removal:
    """One thing that nothing needs any more."""

    kind: Literal["environment", "generation", "staging", "command", "link"]
    """``environment``, ``generation``, ``staging``, ``command`` or ``link``."""
    name: str
    place: str
    detail: str
    """What it is, for people."""
    size: int
    """Bytes on the disk; 0 where that was not counted."""
    made: str = ""
    """When a generation was replaced, ISO 8601."""
    end: str = ""
    path: str = ""
    identity: tuple[int, int] | None = None
    unowned: tuple[str, ...] = ()
    """Every file of the user's in it, which would go with it, relative."""
    link_text: str = ""
    """What a symlink holds, or a script runs."""
    kept_because: str = ""
    """Why it stays all the same."""

    def to_dict(self, done: Mapping[str, Problem | None]) -> "RemovalEntry":
        """Return its entry in the JSON document; ``done`` says by place what became of what was to be removed."""
        problem = done.get(self.place)
        return {
            "kind": self.kind,
            "name": self.name,
            "place": self.place,
            "detail": self.detail,
            "size": self.size,
            "made": self.made,
            "end": self.end,
            "path": self.path,
            "kept_because": self.kept_because,
            "unowned": [*self.unowned],
            "removed": self.place in done and problem is None,
            "error": problem.brief() if problem else None,
        }


def plan_prune(
    orphans: Iterable[Orphan],
    generations: Iterable[Generation],
    interrupted: Iterable[InterruptedStaging],
    former: Iterable[FormerLink],
    *,
    everything: bool,
) -> tuple[Removal, ...]:
    """List what may go, and what would but must not; with ``everything`` the generations that are kept as well.

    Links come before the environment that they lead to: what proves that they may go is in it. Its generations follow.
    """
    listed = tuple(orphans)
    going = {one.end for one in listed if not one.stays}
    return (
        *map(_link, former),
        *map(_orphan, listed),
        *(_generation(one, going, everything=everything) for one in generations if one.surplus or everything),
        *map(_staging, interrupted),
    )


def _orphan(one: Orphan) -> Removal:
    return Removal(
        kind="environment",
        name=one.name,
        place=one.end,
        detail=f"was at {one.path}" if one.path != one.end else "nothing declares it any longer",
        size=one.size,
        end=one.end,
        path=one.path,
        identity=one.identity,
        unowned=one.unowned,
        kept_because=_reason(one),
    )


def _reason(one: Orphan) -> str:
    if one.linked and one.own_link is None:
        return f"{one.path} leads to it still; if nobody needs it: {shlex.join(('rm', one.path))}"
    if not one.unowned:
        return ""
    return "it holds what no package owns; look at it, and remove it by hand"


def _link(one: FormerLink) -> Removal:
    return Removal(
        kind="command" if one.is_command else "link",
        name=one.link.rpartition("/")[2],
        place=one.link,
        detail=f"leads to {one.link_text}",
        size=0,
        end=one.end,
        identity=one.identity,
        link_text=one.link_text,
    )


def _staging(one: InterruptedStaging) -> Removal:
    return Removal("staging", one.name, one.staging_dir, "left by an interrupted pass", one.size, end=one.end)


def _generation(one: Generation, going: set[str], *, everything: bool) -> Removal:
    what = f"Python {one.version}" if one.version else "an earlier content"
    whose = "" if one.declared else ", of an environment that is no longer declared"
    reason = "" if everything or not one.irreplaceable else "it holds what no package owns; to remove it: --all"
    if one.in_use and not one.declared and one.end not in going:
        reason = f"its environment is still at {one.end}; that goes first"
    return Removal(
        kind="generation",
        name=one.name,
        place=one.staging_dir,
        detail=f"{what}{whose}",
        size=one.size,
        made=one.made,
        end=one.end,
        unowned=one.unowned,
        kept_because=reason,
    )
