"""Signals that end a command early, and their exit statuses: SIGTERM and SIGHUP as well as Ctrl-C."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from envsync.model.termination import Terminated

WORDS = {130: "interrupted", 143: "terminated", 129: "hung up"}
"""The word for each exit status, which is 128 plus the signal's number."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_caught: list[int] = []


def listen() -> None:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does, unless they are ignored (nohup(1))."""
    _caught.clear()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _terminate)


def status() -> int:
    """Return the exit status for the first signal that was caught."""
    return 128 + (_caught[0] if _caught else signal.SIGINT)


@contextlib.contextmanager
def deferred(report: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Delay a first signal until the end of the block; a second one takes effect at once.

    Meanwhile only what was begun is completed, and ``report``, called by the signal's handler, may say so.
    """
    from envsync.observe.processes import winding_down  # noqa: PLC0415  # only where something is moved or removed

    stack = contextlib.ExitStack()
    handlers = {number: signal.getsignal(number) for number in _ENDING}
    pending: list[int] = []

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    def delay(number: int, frame: FrameType | None) -> None:
        del frame
        pending.append(number)
        _caught.append(number)
        restore()
        stack.enter_context(winding_down())
        report()

    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, delay)
        try:
            with stack:
                yield
        finally:
            restore()
    else:
        yield
    if pending:
        signal.raise_signal(signal.Signals(pending[0]))


def _terminate(number: int, frame: FrameType | None) -> None:
    del frame
    _caught.append(number)
    raise Terminated
