"""Environments that were found in sync, for as long as nothing has changed that the verdict hung on."""

from array import array
from dataclasses import replace

from envsync.observe.stamp import proven, stamp
from envsync.plan.actions import EnvironmentPlan, State

__all__ = ["Vouched"]


class Vouched:
    """Remembers plans that had nothing to do, each with the stamps of its witnesses."""

    def __init__(self, *, outlined: bool = False) -> None:
        """Begin with none; ``outlined`` says whether an outline of each world is enough."""
        self._outlined = outlined
        self._known: dict[str, tuple[EnvironmentPlan, array[int]]] = {}

    def note(self, plan: EnvironmentPlan, began: int) -> None:
        """Remember a plan for which observing began at ``began`` (nanoseconds), where it is in sync and proven."""
        self._known.pop(plan.environment.name, None)
        if plan.state is State.IN_SYNC and not plan.interrupted:
            numbers = proven(plan.world.vouching(), began)
            if numbers is not None:
                kept = replace(plan, world=plan.world.outline()) if self._outlined else plan
                self._known[plan.environment.name] = (kept, array("Q", numbers))

    def __contains__(self, name: object) -> bool:
        """Tell whether a plan is remembered for an environment."""
        return name in self._known

    def still(self) -> dict[str, EnvironmentPlan]:
        """Give the plans that hold still, by name; the others are forgotten."""
        self._known = {
            name: known
            for name, known in self._known.items()
            if array("Q", stamp(known[0].world.vouching())) == known[1]
        }
        return {name: plan for name, (plan, _) in self._known.items()}
