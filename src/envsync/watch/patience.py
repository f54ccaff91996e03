"""What is not done at once: what was seen only once, and what has just failed. Pure: the time is handed in."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from envsync.plan.actions import EnvironmentPlan, Rebuild, State

__all__ = ["Agreement", "BackOff"]

_FIRST, _MOST = 1.0, 300.0
"""Seconds to wait after a first failure, and at most."""


class Agreement:
    """Believes in a rebuild or a conflict only when two looks, a settle time apart, agree on it.

    An interpreter that is being upgraded is gone, broken or another one for a moment.
    """

    def __init__(self, settle: float) -> None:
        """Take the settle time."""
        self._settle = settle
        self._seen: dict[str, tuple[float, object]] = {}

    def note(self, plans: Iterable[EnvironmentPlan], now: float) -> None:
        """Note what a look at all environments, begun at ``now``, found."""
        former, self._seen = self._seen, {}
        for plan in plans:
            verdict = _verdict(plan)
            if verdict is not None:
                since, seen = former.get(plan.environment.name, (now, verdict))
                self._seen[plan.environment.name] = (since if seen == verdict else now, verdict)

    def stands(self, plan: EnvironmentPlan, now: float) -> bool:
        """Tell whether a plan may be believed."""
        found = self._seen.get(plan.environment.name)
        return _verdict(plan) is None or (found is not None and now - found[0] >= self._settle)

    def next(self, now: float) -> float | None:
        """Say when the earliest of what does not stand yet will."""
        coming = [since + self._settle for since, _ in self._seen.values() if now - since < self._settle]
        return min(coming, default=None)


def _verdict(plan: EnvironmentPlan) -> object:
    """Give what two looks have to agree on, ``None`` where one is enough."""
    if plan.state is State.CONFLICT:
        return tuple((one.code, one.message) for one in plan.conflicts)
    rebuild = next((action for action in plan.actions if isinstance(action, Rebuild)), None)
    if rebuild is None:
        return None
    return (plan.world.interpreter, rebuild.blueprint.identity, tuple(one.message for one in plan.drift))


@dataclass(slots=True)
class _Failure:
    inputs: object
    again: float
    pause: float


@dataclass(slots=True)
class BackOff:
    """Lets environments that fail rest, twice as long each time, until their own inputs change."""

    _failures: dict[str, _Failure] = field(default_factory=dict)

    def failed(self, name: str, now: float, inputs: object) -> float:
        """Note a failure, and what it hung on as it is after it; gives the seconds until the next try."""
        former = self._failures.get(name)
        pause = _FIRST if former is None or former.inputs != inputs else min(2 * former.pause, _MOST)
        self._failures[name] = _Failure(inputs, now + pause, pause)
        return pause

    def rests(self, name: str, now: float, inputs: object) -> bool:
        """Tell whether an environment is to be left alone for now."""
        failure = self._failures.get(name)
        return failure is not None and failure.inputs == inputs and now < failure.again

    def knows(self, name: str) -> bool:
        """Tell whether an environment has failed, so that its inputs matter."""
        return name in self._failures

    def keep_only(self, names: Iterable[str]) -> None:
        """Forget all others: they are in order again, or gone."""
        kept = {*names}
        self._failures = {name: failure for name, failure in self._failures.items() if name in kept}

    def clear(self) -> None:
        """Let everything be tried again."""
        self._failures.clear()

    def next(self, now: float) -> float | None:
        """Say when the earliest retry is due; what is due already waits for something else."""
        return min((one.again for one in self._failures.values() if one.again > now), default=None)
