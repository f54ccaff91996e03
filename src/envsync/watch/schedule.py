"""When the next pass is due, and what waits for confirmation or after a failure. Pure: the time is handed in."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from envsync.model.plan import EnvironmentPlan, Rebuild, State

_LONGEST = 10
"""A storm of changes is waited for at most so many settle times."""


class Reason(Enum):
    """Why a pass is made."""

    START = "start"
    SIGNAL = "signal"
    CHANGE = "change"
    RETRY = "retry"
    CONFIRM = "confirm"
    INTERVAL = "interval"


class Schedule:
    """Keeps what is to come: the end of a storm of changes, second looks, retries, and the regular pass."""

    def __init__(self, settle: float, interval: float, now: float) -> None:
        """Begin with a pass that is due when what may be under way has settled."""
        self._settle = settle
        self._interval = interval
        self._regular = now + interval
        self._first: float | None = None
        self._last = now
        self._reason = Reason.START
        self._again: float | None = None
        self._retry: float | None = None
        self._asked = False
        self.heard(now, Reason.START)

    @property
    def unsettled(self) -> bool:
        """Whether changes have been heard that no pass has looked at since."""
        return self._first is not None

    def heard(self, at: float, reason: Reason = Reason.CHANGE) -> bool:
        """Note a change; Check whether it is the first since the last pass."""
        first = self._first is None
        if self._first is None:
            self._first, self._reason = at, reason
        self._last = max(at, self._last)
        return first

    def ask(self) -> None:
        """Make a pass due at once."""
        self._asked = True

    def look_again(self, at: float | None) -> None:
        """Set when a second look is due, where something depends on it."""
        self._again = at

    def retry(self, at: float | None) -> None:
        """Set when the next environment that failed is due."""
        self._retry = at

    def begin(self, now: float) -> None:
        """Note that a pass begins: it will see all that was heard so far."""
        self._first = None
        self._asked = False
        self._regular = now + self._interval

    def next(self, now: float) -> tuple[float, Reason]:
        """Give the seconds until the next pass, zero or less if it is due, and its reason.

        While changes are unsettled nothing else makes a pass due but a person: it would see a work in progress.
        """
        if self._asked:
            return 0.0, Reason.SIGNAL
        if self._first is not None:
            due = min(self._last + self._settle, self._first + _LONGEST * self._settle)
            # A look at the first change is one of the two on which a rebuild hangs: one pass is to do for both.
            return max(due, self._again or due) - now, self._reason
        coming = [(self._regular, Reason.INTERVAL)]
        if self._again is not None:
            coming.append((self._again, Reason.CONFIRM))
        if self._retry is not None:
            coming.append((self._retry, Reason.RETRY))
        due, reason = min(coming, key=lambda one: one[0])
        return due - now, reason


_FIRST, _MOST = 1.0, 300.0
"""Seconds to wait after a first failure, and at most."""


class Confirmation:
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
        """Check whether a plan may be believed."""
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
        """Note a failure, and what it depended on as it is after it; gives the seconds until the next try."""
        former = self._failures.get(name)
        pause = _FIRST if former is None or former.inputs != inputs else min(2 * former.pause, _MOST)
        self._failures[name] = _Failure(inputs, now + pause, pause)
        return pause

    def rests(self, name: str, now: float, inputs: object) -> bool:
        """Check whether an environment is to be left alone for now."""
        failure = self._failures.get(name)
        return failure is not None and failure.inputs == inputs and now < failure.again

    def knows(self, name: str) -> bool:
        """Check whether an environment has failed, so that its inputs matter."""
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
