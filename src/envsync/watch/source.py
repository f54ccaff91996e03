"""Where news of changes comes from: the kernel's events by way of watchfiles, or looking again and again."""

import contextlib
import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from envsync.errors import Problem
from envsync.observe.read import read_text
from envsync.watch.control import Flag
from envsync.watch.scope import Hearing, Scope

__all__ = ["Clock", "Heard", "Listening", "Source"]

Clock = Callable[[], float]
"""Seconds on a clock that never goes back."""

_IDLE = 0.08
"""Seconds between two looks of watchfiles at what it was told: what a change may wait, and what idling costs."""
_EAGER = 0.01
"""The same while something is expected."""
_STORM = 5000
"""Events at once from which on the kernel may have dropped some (inotify(7), ``max_queued_events``)."""
_TRIES = 3
_LETTING_GO = 1.0
"""Seconds until what watchfiles has closed is closed."""
_REFUSALS = 5
"""So many events that watchfiles cannot tell are borne: a name that is no UTF-8 is all that it can say of them."""
_POLL = 2.0
"""Seconds between two looks where it polls."""
_SHARE = 50
"""Polling takes at most one part in so many of the time."""
_LIMITS = "/proc/sys/fs/inotify"


@dataclass(frozen=True, slots=True)
class Heard:
    """What waiting came to."""

    changed: bool
    at: float = 0.0
    """When the last change was made, at the latest: settling begins here."""
    problem: Problem | None = None
    """Why it polls from now on, where it listened before."""


class Source(Protocol):
    """Tells when something in a scope may have changed."""

    def arm(self, scope: Scope) -> Problem | None:
        """Watch this from now on, and forget what was heard; gives the problem if that is not as good as it should."""

    def wait(self, timeout: float, *, expectant: bool) -> Heard:
        """Wait for a change, at most so many seconds, or until the flag is set."""

    def missed(self) -> bool:
        """Tell whether something in the scope has changed since it was last armed or asked, heard or not."""

    def poll(self, problem: Problem) -> Problem | None:
        """Look again and again from now on, for the given reason; gives it if that is new."""


class Listening:
    """Listens to the kernel's events while it can, and polls where it cannot."""

    def __init__(self, flag: Flag, settle: float, *, polling: bool, clock: Clock = time.monotonic) -> None:
        """Take the flag that ends any waiting, and the settle time."""
        self._flag = flag
        self._settle = settle
        self._clock = clock
        self._polling = polling
        self._notify: RustNotify | None = None
        self._scope = Scope((), (), (), (), ())
        self._hearing = Hearing(self._scope)
        self._signature: list[tuple[int, ...]] = []
        self._next = 0.0
        self._refusals = 0

    def arm(self, scope: Scope) -> Problem | None:
        """Watch the folders of a scope; see :class:`Source`."""
        self._scope, self._hearing = scope, Hearing(scope)
        problem = None if self._polling else self._listen()
        if problem is not None:
            self._polling = True
        self._look()
        return problem

    def poll(self, problem: Problem) -> Problem | None:
        """Give up listening."""
        if self._polling:
            return None
        self._close()
        self._polling = True
        return problem

    def missed(self) -> bool:
        """Compare with what was there; while it polls, it does so anyway."""
        return self._notify is not None and self._look()

    def wait(self, timeout: float, *, expectant: bool) -> Heard:
        """Wait for a change; see :class:`Source`."""
        if timeout <= 0 or self._flag.is_set():
            return Heard(changed=False)
        if self._notify is None:
            return self._wait_polling(timeout, expectant=expectant)
        return self._wait_listening(self._notify, timeout, expectant=expectant)

    def _wait_listening(self, notify: RustNotify, timeout: float, *, expectant: bool) -> Heard:
        step = min(_EAGER if expectant else _IDLE, timeout)
        try:
            raw = notify.watch(_ms(self._settle), _ms(step), _ms(timeout), self._flag)
        except WatchfilesRustInternalError as error:  # it would say so for ever
            return Heard(changed=True, at=self._clock(), problem=self._listen_again(str(error)))
        if isinstance(raw, str):
            return Heard(changed=False)
        concerned = len(raw) >= _STORM or any(self._hearing.concerns(path) for _, path in raw)
        return Heard(concerned, self._clock() - step)  # it comes back after a step in which nothing came

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

    def _listen_again(self, said: str) -> Problem | None:
        self._refusals += 1
        problem = self._listen() if self._refusals <= _REFUSALS else _degraded(said)
        if problem is not None:
            self._close()
            self._polling = True
            self._look()
        return problem

    def _listen(self) -> Problem | None:
        # What was closed lets go of its watches in a thread of its own, a little later.
        patience = self._clock() + (_LETTING_GO if self._close() else 0)
        if self._scope.unreadable:
            return _unreadable(self._scope.unreadable[0])
        tries = 0
        while tries < _TRIES:
            try:
                self._notify = RustNotify(self._scope.folders, False, False, 0, False, False)
            except (FileNotFoundError, PermissionError):  # it went between looking and watching
                self._scope = self._scope.renewed()
                tries += 1
            except (OSError, WatchfilesRustInternalError) as error:
                if self._clock() >= patience:
                    return _degraded(str(error))
                time.sleep(_EAGER)
            else:
                return None
        return Problem("events-unsteady", "the folders to watch come and go", "Looking at them every few seconds.")

    def _close(self) -> bool:
        """Stop listening; tells whether it did listen."""
        if self._notify is None:
            return False
        with contextlib.suppress(RuntimeError):
            self._notify.close()
        self._notify = None
        return True


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))


def _unreadable(folder: str) -> Problem:
    message = f"{folder} cannot be watched: it may not be read, or its name is no UTF-8"
    return Problem("events-refused", message, "Looking for changes every few seconds instead.")


def _degraded(said: str) -> Problem:
    """Say which limit was reached, going by what the watcher said (inotify(7))."""
    if "limit" in said or f"os error {errno.ENOSPC})" in said:
        return _limit("max_user_watches", "watches")
    if f"os error {errno.EMFILE})" in said and _may_open():
        return _limit("max_user_instances", "instances")
    return Problem("events-unsupported", f"the system gives no events: {said}", "Looking every few seconds instead.")


def _limit(name: str, what: str) -> Problem:
    value = (read_text(f"{_LIMITS}/{name}") or "").strip()
    of = f" of {value}" if value else ""
    raised = max(2 * int(value), 1024) if value.isdecimal() else 524288
    message = f"the limit fs.inotify.{name}{of} is reached; looking for changes every few seconds instead"
    hint = f"Raise it: sudo sysctl fs.inotify.{name}={raised}; in a file of /etc/sysctl.d it stays. Then restart."
    return Problem(f"inotify-{what}", message, hint)


def _may_open() -> bool:
    """Tell whether this process may open further files: the same error number stands for both limits."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
