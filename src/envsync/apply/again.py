"""Look at environments again while a plan is carried out, under their locks: the disk may have changed since."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from envsync.cache.fingerprint import holds, is_conclusive
from envsync.cache.in_sync import KnownInSync
from envsync.model.dataclass import dataclass
from envsync.model.desired import Environment
from envsync.model.plan import Conflict, EnvironmentPlan, Install, Plan, Rebuild, Rollback, State
from envsync.observe.directory import StagingFinder
from envsync.observe.links import walk
from envsync.observe.world import Observer

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Look:
    """How a pass observes and decides."""

    observer: Callable[[StagingFinder | None, frozenset[str]], Observer]
    """Makes an observer that has seen nothing yet, except by the finder; the names are of installers that are unfit."""
    decide: Callable[[Environment, Observer, Mapping[str, tuple[Conflict, ...]]], EnvironmentPlan]
    asked: Mapping[str, Callable[[EnvironmentPlan], EnvironmentPlan]]
    """What makes of a fresh plan the one that was asked for, by environment: where that is more than to reconcile."""


class DecideAgain:
    """Observes single environments of a plan and decides again."""

    def __init__(self, plan: Plan, look: Look, *, steady: bool = False, in_sync: KnownInSync | None = None) -> None:
        """Take the plan under way, and how to look.

        With ``steady``, a rebuild that the plan does not have is left out. What is found in sync is noted in
        ``in_sync``.
        """
        self._plan = plan
        self._look = look
        self._steady = steady
        self._in_sync = in_sync
        # What earlier passes left is looked for once, by the plan, since a directory may hold a thousand environments;
        # and again under the lock where something is done with it.
        self._minded = {one.environment.name for one in plan.environments if one.interrupted or _minds_generations(one)}
        known = (one.world.directory for one in plan.environments if one.environment.name not in self._minded)
        self._as_planned = StagingFinder(plan.manifest.state_dir, known)
        self._rebuilt = {one.environment.name for one in plan.environments if _rebuilds(one)}

    def __call__(self, environment: Environment, unfit: frozenset[str] = _NONE) -> EnvironmentPlan:
        """Return a plan by what is there now; ``unfit`` are installers that do not work with its Python."""
        finder = None if environment.name in self._minded else self._as_planned
        return self._decide(environment, self._look.observer(finder, unfit))

    def mind(self, names: Iterable[str]) -> None:
        """Look also for what a killed process left, when environments are looked at again from now on."""
        self._minded.update(names)

    def for_batch(self) -> Callable[[Environment], EnvironmentPlan]:
        """Return what plans environments that are as planned, or were created: all that they share is read once."""
        observer = self._look.observer(self._as_planned, _NONE)
        return lambda environment: self._decide(environment, observer)

    def noted(self, names: Iterable[str]) -> list[EnvironmentPlan]:
        """Return the plans that are noted as in sync, of environments by their names."""
        known = map(self._in_sync.get, names) if self._in_sync is not None else ()
        return [plan for plan in known if plan is not None]

    def note(self, plans: Iterable[EnvironmentPlan]) -> None:
        """Note plans as in sync that a fork of this process has noted."""
        if self._in_sync is not None:
            self._in_sync.add(plans)

    def still_holds(self, planned: EnvironmentPlan) -> bool:
        """Check whether all that a plan rests on is as it was, so that another look would find the same."""
        evidence = planned.world.evidence
        ways = all(walk(one.start) == one for one in planned.world.chains)  # nothing shows that a parent is a link now
        return ways and is_conclusive(evidence, self._plan.began) and holds(evidence)

    def _decide(self, environment: Environment, observer: Observer) -> EnvironmentPlan:
        began, name = time.time_ns(), environment.name
        fresh = self._look.decide(environment, observer, self._plan.between)
        if self._steady and name not in self._rebuilt and _rebuilds(fresh):
            fresh = replace(fresh, actions=())
        asked = self._look.asked.get(name)
        found = _outlined(fresh)
        if self._in_sync is not None:
            self._in_sync.note(found, began)
        return found if asked is None else asked(fresh)


def _outlined(plan: EnvironmentPlan) -> EnvironmentPlan:
    """Return a plan in sync with an outline of what was observed: it is only reported, and thousands may be held."""
    return plan if plan.has_work or plan.state is not State.IN_SYNC else replace(plan, world=plan.world.outline())


def _minds_generations(plan: EnvironmentPlan) -> bool:
    return any(isinstance(action, Install | Rebuild | Rollback) for action in plan.actions)


def _rebuilds(plan: EnvironmentPlan) -> bool:
    return any(isinstance(action, Rebuild) for action in plan.actions)
