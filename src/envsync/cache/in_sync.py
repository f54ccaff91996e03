"""Environments that were found in sync, for as long as nothing has changed that the verdict depended on."""

from dataclasses import replace

from envsync.cache.fingerprint import is_absence_settled, is_settled, stamp
from envsync.model.evidence import packed, unpacked
from envsync.model.plan import EnvironmentPlan, State
from envsync.model.world import World


class KnownInSync:
    """Remembers plans that had nothing to do, each with the stamps of its dependencies."""

    def __init__(self, *, outlined: bool = False) -> None:
        """Begin with none; ``outlined`` says whether an outline of each world is enough."""
        self._outlined = outlined
        self._known: dict[str, EnvironmentPlan] = {}

    def note(self, plan: EnvironmentPlan, began: int) -> None:
        """Remember a plan for which observing began at ``began`` (nanoseconds), where it is in sync and proven."""
        self._known.pop(plan.environment.name, None)
        if plan.state is State.IN_SYNC and not plan.interrupted and is_proven(plan.world, began):
            kept = replace(plan, world=plan.world.outline()) if self._outlined else plan
            self._known[plan.environment.name] = kept

    def __contains__(self, name: object) -> bool:
        """Check whether a plan is remembered for an environment."""
        return name in self._known

    def still(self) -> dict[str, EnvironmentPlan]:
        """Give the plans that hold still, by name; the others are forgotten."""
        self._known = {
            name: plan
            for name, plan in self._known.items()
            if packed(stamp(plan.world.evidence())) == plan.world.stamps
        }
        return dict(self._known)


def is_proven(world: World, began: int) -> bool:
    """Check whether the stamps of a world show that nothing had changed since ``began``, or just before."""
    stamps = unpacked(world.stamps)
    return is_settled(stamps, began) and all(
        inode or is_absence_settled(path, began) for path, inode in zip(world.evidence(), stamps[::3], strict=True)
    )
