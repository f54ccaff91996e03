"""When the next pass is due, and what waits for confirmation or a retry. Pure; times are in seconds."""

from collections.abc import Iterable
from dataclasses import field
from enum import Enum

from envsync.model.dataclass import dataclass
from envsync.model.plan import EnvironmentPlan, Rebuild, State

_LONGEST = 10
"""Settle times that a series of changes can delay a pass by."""


class Reason(Enum):
    """The reason for a pass."""

    START = "start"
    SIGNAL = "signal"
    CHANGE = "change"
    RETRY = "retry"
    CONFIRM = "confirm"
    INTERVAL = "interval"


class Schedule:
    """Knows what is due: the end of a series of changes, a confirming look, a retry, or the periodic pass."""

    def __init__(self, settle: float, interval: float, now: float) -> None:
        """Begin with a pass that is due after one settle time."""
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
        """Whether there were changes since the last pass began."""
        return self._first is not None

    def heard(self, at: float, reason: Reason = Reason.CHANGE) -> bool:
        """Note a change, and return whether it is the first since the last pass."""
        first = self._first is None
        if self._first is None:
            self._first, self._reason = at, reason
        self._last = max(at, self._last)
        return first

    def ask(self) -> None:
        """Make a pass due at once."""
        self._asked = True

    def look_again(self, at: float | None) -> None:
        """Set when a confirming look is due; ``None`` if nothing waits for one."""
        self._again = at

    def retry(self, at: float | None) -> None:
        """Set when the next retry is due; ``None`` if nothing waits for one."""
        self._retry = at

    def begin(self, now: float) -> None:
        """Note that a pass begins: it sees all changes so far."""
        self._first = None
        self._asked = False
        self._regular = now + self._interval

    def next(self, now: float) -> tuple[float, Reason]:
        """Return the seconds until the next pass, zero or less if it is due, and its reason.

        While changes are unsettled, only a signal makes a pass due: it could see work in progress.
        """
        if self._asked:
            return 0.0, Reason.SIGNAL
        if self._first is not None:
            due = min(self._last + self._settle, self._first + _LONGEST * self._settle)
            # A look at the first change is the first of the two that a rebuild needs: one pass serves as the second.
            return max(due, self._again or due) - now, self._reason
        coming = [(self._regular, Reason.INTERVAL)]
        if self._again is not None:
            coming.append((self._again, Reason.CONFIRM))
        if self._retry is not None:
            coming.append((self._retry, Reason.RETRY))
        due, reason = min(coming, key=lambda one: one[0])
        return due - now, reason


_FIRST, _MOST = 1.0, 300.0
"""Seconds until the first retry, and at most."""


class Confirmation:
    """Confirms a rebuild or a conflict when two looks, a settle time apart, agree on it.

    While an interpreter is being upgraded, it is missing, broken or another one for a moment.
    """

    def __init__(self, settle: float) -> None:
        """Take the settle time in seconds."""
        self._settle = settle
        self._seen: dict[str, tuple[float, object]] = {}

    def note(self, plans: Iterable[EnvironmentPlan], now: float) -> None:
        """Note the plans of a look that began at ``now``."""
        former, self._seen = self._seen, {}
        for plan in plans:
            verdict = _verdict(plan)
            if verdict is not None:
                since, seen = former.get(plan.environment.name, (now, verdict))
                self._seen[plan.environment.name] = (since if seen == verdict else now, verdict)

    def stands(self, plan: EnvironmentPlan, now: float) -> bool:
        """Check whether a plan is confirmed."""
        found = self._seen.get(plan.environment.name)
        return _verdict(plan) is None or (found is not None and now - found[0] >= self._settle)

    def next(self, now: float) -> float | None:
        """Return when the next unconfirmed plan can be confirmed; ``None`` if there is none."""
        coming = [since + self._settle for since, _ in self._seen.values() if now - since < self._settle]
        return min(coming, default=None)


def _verdict(plan: EnvironmentPlan) -> object:
    """Return what two looks have to agree on, ``None`` where one is enough."""
    if plan.state is State.CONFLICT:
        return tuple((one.code, one.message) for one in plan.conflicts)
    rebuild = next((action for action in plan.actions if isinstance(action, Rebuild)), None)
    if rebuild is None:
        return None
    return (plan.world.interpreter, rebuild.blueprint.identity, tuple(one.message for one in plan.drift))


@dataclass(slots=True)
class _Failure:
    inputs: object
    retry_at: float
    pause: float


@dataclass(slots=True)
class BackOff:
    """Delays the retry of failed environments, twice as long each time, until their inputs change."""

    _failures: dict[str, _Failure] = field(default_factory=dict)

    def failed(self, name: str, now: float, inputs: object) -> float:
        """Note a failure, with the environment's inputs after it, and return the seconds until the retry."""
        former = self._failures.get(name)
        pause = _FIRST if former is None or former.inputs != inputs else min(2 * former.pause, _MOST)
        self._failures[name] = _Failure(inputs, now + pause, pause)
        return pause

    def rests(self, name: str, now: float, inputs: object) -> bool:
        """Check whether an environment waits for its retry."""
        failure = self._failures.get(name)
        return failure is not None and failure.inputs == inputs and now < failure.retry_at

    def knows(self, name: str) -> bool:
        """Check whether an environment has failed."""
        return name in self._failures

    def keep_only(self, names: Iterable[str]) -> None:
        """Forget the failures of all others."""
        kept = {*names}
        self._failures = {name: failure for name, failure in self._failures.items() if name in kept}

    def clear(self) -> None:
        """Forget all failures."""
        self._failures.clear()

    def next(self, now: float) -> float | None:
        """Return when the next retry is due; one that is overdue waits for something else."""
        return min((one.retry_at for one in self._failures.values() if one.retry_at > now), default=None)
