"""When the next pass is due. Pure: the time is always handed in, in seconds."""

from enum import Enum

__all__ = ["Agenda", "Reason"]

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


class Agenda:
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
        """Note a change; tells whether it is the first since the last pass."""
        first = self._first is None
        if self._first is None:
            self._first, self._reason = at, reason
        self._last = max(at, self._last)
        return first

    def ask(self) -> None:
        """Make a pass due at once."""
        self._asked = True

    def look_again(self, at: float | None) -> None:
        """Set when a second look is due, where something hangs on it."""
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
