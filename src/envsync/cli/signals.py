"""Signals that end a command early, and their exit statuses: SIGTERM and SIGHUP as well as Ctrl-C."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeVar

from envsync.model.termination import Terminated

_Result = TypeVar("_Result")

WORDS = {130: "interrupted", 143: "terminated", 129: "hung up"}
"""The word for each exit status, which is 128 plus the signal's number."""
_UNCHANGED = {
    **dict.fromkeys(("apply", "upgrade", "rollback", "move"), "no environment was changed"),
    "import": "nothing was declared",
    "prune": "nothing was removed",
}
"""What an interruption of a command has left as it was, before its changes begin."""
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_caught: list[int] = []
_unchanged: list[str] = []
"""Holds what is as it was, until the changes of a command begin."""


def listen() -> None:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does, unless they are ignored (nohup(1))."""
    _caught.clear()
    _unchanged.clear()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _terminate)


def status() -> int:
    """Return the exit status for the first signal that was caught."""
    return 128 + (_caught[0] if _caught else signal.SIGINT)


def begin(command: str) -> None:
    """Note which command is carried out, and that it has changed nothing yet."""
    _unchanged[:] = [_UNCHANGED[command]] if command in _UNCHANGED else []


def begin_changes() -> None:
    """Note that from here on, nobody can say that nothing was changed."""
    _unchanged.clear()


def line() -> str:
    """Return the line for a command that a signal has ended."""
    return "; ".join((WORDS[status()], *_unchanged))


def completed(work: Callable[[], _Result], report: Callable[[], None] = lambda: None) -> tuple[_Result, int]:
    """Return what ``work`` returns, and the exit status of a signal that came meanwhile; 0 where none did.

    A first signal lets it be completed, as :func:`deferred` has it; a second raises ``KeyboardInterrupt``.
    """
    result: list[_Result] = []
    begin_changes()
    try:
        with deferred(report):
            result.append(work())
    except KeyboardInterrupt:
        if not result:
            raise
        return result[0], status()
    return result[0], 0


@contextlib.contextmanager
def deferred(report: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Delay a first signal until the end of the block; a second one takes effect at once, further ones none.

    Meanwhile only what was begun is completed, and ``report``, called by the signal's handler, may say so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deferral = _Deferral(report)
    try:
        with deferral.stack:
            yield
    finally:
        deferral.restore()
    if deferral.pending is not None:
        signal.raise_signal(deferral.pending)


class _Deferral:
    """The handlers of signals while what was begun is completed."""

    def __init__(self, report: Callable[[], None]) -> None:
        self.stack = contextlib.ExitStack()
        self.pending: signal.Signals | None = None
        self._report = report
        self._former = {number: signal.getsignal(number) for number in _ENDING}
        self._handle(self._first)

    def restore(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _handle(self, by: Callable[[int, FrameType | None], None]) -> None:
        for number, handler in self._former.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, by)

    def _first(self, number: int, frame: FrameType | None) -> None:
        from envsync.observe.processes import winding_down  # noqa: PLC0415  # only where something is moved or removed

        del frame
        self.pending = signal.Signals(number)
        _caught.append(number)
        self._handle(self._second)
        self.stack.enter_context(winding_down())
        self._report()

    def _second(self, number: int, frame: FrameType | None) -> None:
        handler = self._former[signal.Signals(number)]
        if callable(handler):
            self._handle(lambda *_: None)  # the report of what was done follows, however often one asks
            handler(number, frame)
        else:
            self.restore()
            signal.raise_signal(signal.Signals(number))


def _terminate(number: int, frame: FrameType | None) -> None:
    del frame
    _caught.append(number)
    raise Terminated
