"""What ends a command early, with the exit status that goes with it: SIGTERM and SIGHUP as well as Ctrl-C."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from envsync.model.termination import Terminated

WORDS = {130: "interrupted", 143: "terminated", 129: "hung up"}
"""What to say, by exit status: 128 and the number of the signal."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_caught: list[int] = []


def listen() -> None:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does, unless whoever started it has them ignored (nohup(1))."""
    _caught.clear()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _terminate)


def status() -> int:
    """Return the exit status that goes with the first signal that ended something."""
    return 128 + (_caught[0] if _caught else signal.SIGINT)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let a block end before a first signal ends the command; a second one does not wait."""
    former = {number: signal.getsignal(number) for number in _ENDING}
    noted: list[int] = []

    def restore() -> None:
        for number, handler in former.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        noted.append(number)
        restore()

    if threading.current_thread() is threading.main_thread():
        for number, handler in former.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, note)
        try:
            yield
        finally:
            restore()
    else:
        yield
    if noted:
        signal.raise_signal(signal.Signals(noted[0]))


def _terminate(number: int, frame: FrameType | None) -> None:
    del frame
    _caught.append(number)
    raise Terminated
