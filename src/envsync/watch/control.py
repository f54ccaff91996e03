"""Signals: end after the step under way, or make a pass now."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["Control", "Flag"]

_GRACE = 4.5
"""Seconds that the step under way gets."""


class Flag:
    """Wakes whoever waits, and may be set by a signal's handler at any moment.

    ``threading.Event`` may not: its lock is one that the interrupted thread can be holding.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()  # whose ``put`` is reentrant

    def is_set(self) -> bool:
        """Tell whether it was set."""
        return self._is_set

    def set(self) -> None:
        """Wake whoever waits, now or later."""
        self._is_set = True
        self._calls.put(None)

    def clear(self) -> None:
        """Begin anew; what is set while this runs stays set."""
        self._is_set = False
        with contextlib.suppress(queue.Empty):
            while True:
                self._calls.get_nowait()
                self._is_set = False

    def wait(self, timeout: float) -> bool:
        """Wait until it is set, at most so many seconds; tells whether it is."""
        if not self._is_set:
            with contextlib.suppress(queue.Empty):
                self._calls.get(timeout=timeout)
        return self._is_set


class Control:
    """What signals asked for. SIGTERM and SIGINT end it, SIGHUP asks for a pass (signal(7))."""

    def __init__(self, at_once: Callable[["Control"], None]) -> None:
        """Take what to do before the process ends at once, because a step takes too long or a second signal came."""
        self.flag = Flag()
        """Set whenever something was asked for; whoever waits stops waiting."""
        self.stopped_by: signal.Signals | None = None
        self._at_once = at_once
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
        """Tell whether a pass was asked for, once."""
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
        if self.stopped_by is not None:
            self._end()
        self.stopped_by = signal.Signals(number)
        self.flag.set()
        timer = threading.Timer(_GRACE, self._end)
        timer.daemon = True
        timer.start()
        if self._busy:
            raise KeyboardInterrupt

    def _end(self) -> None:
        """End the process and all that it started; what is half made lies aside, until the next pass clears it away."""
        try:
            for child in _descendants(os.getpid()):
                with contextlib.suppress(OSError):
                    os.kill(child, signal.SIGKILL)
            self._at_once(self)
        finally:
            os._exit(self.exit_code)


def _descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for child, parent in _processes():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    ahead = [ancestor]
    while ahead:
        more = children.get(ahead.pop(), [])
        found += more
        ahead += more
    return found


def _processes() -> Iterator[tuple[int, int]]:
    """Give each process with its parent (proc(5), ps(1))."""
    if sys.platform == "linux":
        for name in filter(str.isdecimal, os.listdir("/proc")):
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/stat", "rb") as file:
                yield int(name), int(file.read().rpartition(b")")[2].split()[1])
    else:
        listing = subprocess.run(["/bin/ps", "-A", "-o", "pid=,ppid="], check=False, capture_output=True, text=True)
        for line in listing.stdout.splitlines():
            child, parent = line.split()
            yield int(child), int(parent)
