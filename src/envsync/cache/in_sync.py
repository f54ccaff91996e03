"""Environments that were found in sync, for as long as nothing has changed that the verdict rests on."""

from collections.abc import Iterable

from envsync.cache.fingerprint import holds, is_conclusive
from envsync.model.plan import EnvironmentPlan, State


class KnownInSync:
    """Remembers plans that had nothing to do, within one process."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[str, EnvironmentPlan] = {}

    def note(self, plan: EnvironmentPlan, began: int) -> None:
        """Remember a plan that is in sync, where its evidence is conclusive.

        ``began`` is when observing began, in nanoseconds since the epoch.
        """
        self._known.pop(plan.environment.name, None)
        in_sync = plan.state is State.IN_SYNC and not plan.interrupted
        if in_sync and is_conclusive(plan.world.evidence, began):
            self._known[plan.environment.name] = plan

    def add(self, plans: Iterable[EnvironmentPlan]) -> None:
        """Remember plans that another one has remembered."""
        self._known.update((plan.environment.name, plan) for plan in plans)

    def get(self, name: str) -> EnvironmentPlan | None:
        """Return the plan that is remembered for an environment."""
        return self._known.get(name)

    def __contains__(self, name: object) -> bool:
        """Check whether a plan is remembered for an environment."""
        return name in self._known

    def still(self) -> dict[str, EnvironmentPlan]:
        """Return the plans that still hold, by name; the others are forgotten."""
        self._known = {name: plan for name, plan in self._known.items() if holds(plan.world.evidence)}
        return dict(self._known)
