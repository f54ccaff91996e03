"""The source of changes: the kernel's events, or polling."""

import errno
import os
import time
from collections.abc import Callable, Container, Iterable
from typing import Protocol

from envsync.model.dataclass import dataclass
from envsync.model.problems import Problem
from envsync.model.system import ON_LINUX
from envsync.observe.files import read_text
from envsync.watch.scope import EventFilter, Scope
from envsync.watch.signals import Flag

Clock = Callable[[], float]
"""Returns seconds of a monotonic clock."""

_PAUSE = 0.08
"""Seconds between two reads while only unrelated entries change."""
_TRIES = 3
_POLL = 2.0
"""Seconds between two polls, at least."""
_SHARE = 50
"""Polling takes at most one part in this many of the time."""
_ON_LINUX = ON_LINUX
_LIMITS = "/proc/sys/fs/inotify"
_POLLING = "Polling every few seconds instead."


@dataclass(frozen=True, slots=True)
class Heard:
    """The result of waiting."""

    changed: bool
    at: float = 0.0
    """When the last change was made at the latest, in seconds of the clock: settling begins here."""
    problem: Problem | None = None
    """Why it has begun to poll."""


class Source(Protocol):
    """Reports that something in a scope may have changed."""

    def arm(self, scope: Scope) -> Problem | None:
        """Watch this scope, and drop pending events; return the problem that makes it poll, if one does."""

    def wait(self, timeout: float, *, expectant: bool) -> Heard:
        """Wait for a change, at most ``timeout`` seconds, or until the flag is set."""

    def missed(self) -> bool:
        """Check whether the scope has changed since the last call or :meth:`arm`, with or without an event."""

    def poll(self, problem: Problem) -> Problem | None:
        """Poll from now on, for the given reason; return it, or ``None`` if it polled before."""


class Notifier(Protocol):
    """Reports changes in directories, from the kernel."""

    def watch(self, directories: Iterable[str], upper: Container[str]) -> None:
        """Watch exactly these directories, and drop pending events; of the ``upper`` ones watch only the entries.

        Raises ``OSError``.
        """

    def wait(self, timeout: float) -> list[str] | None:
        """Return the changed paths, after at most ``timeout`` seconds; ``None`` if events were lost."""

    def close(self) -> None:
        """Stop watching."""


def _notifier(flag: Flag) -> Notifier:
    """Return the notifier of this system. Raises ``OSError``."""
    if _ON_LINUX:
        from envsync.watch.kernel import Inotify  # noqa: PLC0415  # no other system has it

        return Inotify(flag)
    from envsync.watch.kernel import FsEvents  # noqa: PLC0415  # it loads watchfiles

    return FsEvents(flag)


class Listening:
    """Listens to the kernel's events while it can, and polls where it cannot."""

    def __init__(self, flag: Flag, settle: float, *, polling: bool, clock: Clock = time.monotonic) -> None:
        """Take the flag that interrupts waiting, and the settle time in seconds."""
        self._flag = flag
        self._settle = settle
        self._clock = clock
        self._polling = polling
        self._notifier: Notifier | None = None
        self._scope = Scope((), (), (), (), ())
        self._event_filter = EventFilter(self._scope)
        self._signature: list[tuple[int, ...]] = []
        self._next = 0.0

    def arm(self, scope: Scope) -> Problem | None:
        """Watch the directories of a scope; see :class:`Source`."""
        self._scope, self._event_filter = scope, EventFilter(scope)
        problem = None if self._polling else self._listen()
        if problem is not None:
            self._polling = True
        self._look()
        return problem

    def poll(self, problem: Problem) -> Problem | None:
        """Return up listening."""
        if self._polling:
            return None
        self._close()
        self._polling = True
        return problem

    def missed(self) -> bool:
        """Compare with the former state; polling does so anyway."""
        return self._notifier is not None and self._look()

    def wait(self, timeout: float, *, expectant: bool) -> Heard:
        """Wait for a change; see :class:`Source`."""
        if timeout <= 0 or self._flag.is_set():
            return Heard(changed=False)
        if self._notifier is None:
            return self._wait_polling(timeout, expectant=expectant)
        return self._wait_listening(self._notifier, timeout)

    def _wait_listening(self, notifier: Notifier, timeout: float) -> Heard:
        deadline = self._clock() + timeout
        while True:
            paths = notifier.wait(timeout)
            if paths is None or any(map(self._event_filter.concerns, paths)):
                return Heard(changed=True, at=self._clock())
            timeout = deadline - self._clock()
            if timeout <= 0 or self._flag.wait(min(_PAUSE, timeout) if paths else 0):
                return Heard(changed=False)

    def _wait_polling(self, timeout: float, *, expectant: bool) -> Heard:
        if expectant:
            self._next = min(self._next, self._clock() + self._settle / 2)
        if self._flag.wait(max(0.0, min(timeout, self._next - self._clock()))) or self._clock() < self._next:
            return Heard(changed=False)
        return Heard(self._look(), self._clock())

    def _look(self) -> bool:
        began = self._clock()
        former, self._signature = self._signature, self._scope.signature()
        ended = self._clock()
        self._next = ended + max(_POLL, _SHARE * (ended - began))
        return former != self._signature

    def _listen(self) -> Problem | None:
        if self._scope.unreadable:
            self._close()
            return _unreadable(self._scope.unreadable[0])
        for _ in range(_TRIES):
            try:
                if self._notifier is None:
                    self._notifier = _notifier(self._flag)
                self._notifier.watch(self._scope.directories, self._scope.upper)
            except (FileNotFoundError, NotADirectoryError, PermissionError):  # deleted meanwhile
                self._scope = self._scope.renewed()
            except OSError as error:
                self._close()
                return _degraded(error)
            else:
                return None
        self._close()
        return Problem("events-unsteady", "the directories to watch come and go", _POLLING)

    def _close(self) -> None:
        if self._notifier is not None:
            self._notifier.close()
            self._notifier = None


def _unreadable(directory: str) -> Problem:
    return Problem("events-refused", f"{directory} cannot be watched: it is not readable", _POLLING)


def _degraded(error: OSError) -> Problem:
    """Return which limit was reached, if one was (inotify(7))."""
    if error.errno == errno.ENOSPC:
        return _limit("max_user_watches", "watches")
    if error.errno == errno.EMFILE and _may_open():
        return _limit("max_user_instances", "instances")
    reason = error.strerror or str(error)
    return Problem("events-unsupported", f"the system reports no events: {reason}", _POLLING)


def _limit(name: str, what: str) -> Problem:
    value = (read_text(f"{_LIMITS}/{name}") or "").strip()
    of = f" of {value}" if value else ""
    raised = max(2 * int(value), 1024) if value.isdecimal() else 524288
    message = f"the limit fs.inotify.{name}{of} is reached; polling every few seconds instead"
    hint = f"Raise it: sudo sysctl fs.inotify.{name}={raised} (in /etc/sysctl.d to keep it), then restart."
    return Problem(f"inotify-{what}", message, hint)


def _may_open() -> bool:
    """Check whether this process may open more files: EMFILE stands for that limit, too."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
