"""Signals to a watcher: end after the current step, or make a pass now."""

import contextlib
import os
import select
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

from envsync.apply.failure import GRACE
from envsync.model.termination import Terminated
from envsync.observe.processes import ending

_LAST = GRACE + 3.5
"""Seconds after which a step is abandoned, as when the disk hangs."""
_MOST = 2
"""Signals that end it in order: the first lets the step be completed, the second has it undone."""


class Flag:
    """Wakes whoever waits, and may be set by a signal handler at any moment.

    ``threading.Event`` may not: the interrupted thread may hold its lock. A pair of sockets can be polled together
    with other descriptors.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._end, self._other = socket.socketpair()
        self._end.setblocking(False)
        self._other.setblocking(False)

    def __del__(self) -> None:
        self._end.close()
        self._other.close()

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when the flag is set."""
        return self._end.fileno()

    def wake_on_signals(self) -> None:
        """Wake whoever waits at each signal, so that its handler runs; only for the main thread.

        A signal that comes just before waiting begins would be handled only at its end (signal.set_wakeup_fd).
        """
        signal.set_wakeup_fd(self._other.fileno(), warn_on_full_buffer=False)

    def is_set(self) -> bool:
        """Check whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Wake whoever waits, now or later."""
        self._is_set = True
        with contextlib.suppress(BlockingIOError):  # so full, it wakes anyway
            self._other.send(b"!")

    def clear(self) -> None:
        """Clear it; a concurrent :meth:`set` keeps it set."""
        self._is_set = False
        with contextlib.suppress(BlockingIOError):
            while self._end.recv(4096):
                pass

    def wait(self, timeout: float) -> bool:
        """Wait until it is set, at most ``timeout`` seconds, and return whether it is."""
        if not self._is_set:
            poll = select.poll()
            poll.register(self._end, select.POLLIN)
            poll.poll(int(timeout * 1000) + 1)
        return self._is_set


class Control:
    """What signals have requested. SIGTERM and SIGINT end it, SIGHUP requests a pass (signal(7))."""

    def __init__(self, at_once: Callable[["Control"], None]) -> None:
        """Take what to call before the process exits at once, after too long a step or a third signal."""
        self.flag = Flag()
        """Set whenever something is requested, to end waiting."""
        self.stopped_by: signal.Signals | None = None
        self._at_once = at_once
        self._signals = 0
        self._asked = False
        self._busy = False

    @property
    def exit_code(self) -> int:
        """The exit status for the signal."""
        return 130 if self.stopped_by is signal.SIGINT else 0

    def listen(self) -> None:
        """Handle the signals of this process; only for its main thread."""
        self.flag.wake_on_signals()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._ask)

    def asked(self) -> bool:
        """Check whether a pass has been requested since the last call."""
        if self.stopped_by is None:
            self.flag.clear()
        if not self._asked:
            return False
        self._asked = False
        return True

    def attempt(self, work: Callable[[], None]) -> None:
        """Call ``work``, which a signal interrupts as Ctrl-C does; do nothing after such a signal."""
        try:
            self._busy = True
            if self.stopped_by is None:
                work()
        except KeyboardInterrupt:
            if self.stopped_by is None:
                raise
        finally:
            self._busy = False

    def _ask(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._asked = True
        self.flag.set()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._signals += 1
        if self._signals > _MOST:
            self._end()
        if self.stopped_by is None:
            self.stopped_by = signal.Signals(number)
            self.flag.set()
            timer = threading.Timer(_LAST, self._end)
            timer.daemon = True
            timer.start()
        if self._busy:
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    def _end(self) -> None:
        """Exit, ending all programs that it started; the next pass clears away what is unfinished."""
        try:
            with ending():
                self._at_once(self)
        finally:
            os._exit(self.exit_code)
