"""Signals: end after the step under way, or make a pass now."""

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
"""Seconds after which a step is left as it is: the disk hangs, say."""
_MOST = 2
"""Signals that end it in good order: one lets the step be completed, the next has it undone."""


class Flag:
    """Wakes whoever waits, and may be set by a signal's handler at any moment.

    ``threading.Event`` may not: its lock is one that the interrupted thread can be holding. A pair of sockets can be
    waited for together with other descriptors.
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
        """Return a descriptor that can be read from when the flag was set."""
        return self._end.fileno()

    def is_set(self) -> bool:
        """Check whether it was set."""
        return self._is_set

    def set(self) -> None:
        """Wake whoever waits, now or later."""
        self._is_set = True
        with contextlib.suppress(BlockingIOError):  # so full, it wakes anyway
            self._other.send(b"!")

    def clear(self) -> None:
        """Begin again; what is set while this runs stays set."""
        self._is_set = False
        with contextlib.suppress(BlockingIOError):
            while self._end.recv(4096):
                pass

    def wait(self, timeout: float) -> bool:
        """Wait until it is set, at most so many seconds; Check whether it is."""
        if not self._is_set:
            poll = select.poll()
            poll.register(self._end, select.POLLIN)
            poll.poll(int(timeout * 1000) + 1)
        return self._is_set


class Control:
    """What signals asked for. SIGTERM and SIGINT end it, SIGHUP asks for a pass (signal(7))."""

    def __init__(self, at_once: Callable[["Control"], None]) -> None:
        """Take what to do before the process ends at once, because a step takes too long or a second signal came."""
        self.flag = Flag()
        """Set whenever something was asked for; whoever waits stops waiting."""
        self.stopped_by: signal.Signals | None = None
        self._at_once = at_once
        self._signals = 0
        self._asked = False
        self._busy = False

    @property
    def exit_code(self) -> int:
        """Give the exit status that goes with the signal."""
        return 130 if self.stopped_by is signal.SIGINT else 0

    def listen(self) -> None:
        """Take over the signals of this process; only its main thread may."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._ask)

    def asked(self) -> bool:
        """Check whether a pass was asked for, once."""
        if self.stopped_by is None:
            self.flag.clear()
        if not self._asked:
            return False
        self._asked = False
        return True

    def attempt(self, work: Callable[[], None]) -> None:
        """Do something that a signal which ends it interrupts, as Ctrl-C would; after such a signal do nothing."""
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
        """End the process and all that it started; what is half made lies aside, until the next pass clears it away."""
        try:
            with ending():
                self._at_once(self)
        finally:
            os._exit(self.exit_code)
