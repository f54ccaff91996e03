"""Signals that end a command early, and their exit statuses: SIGTERM and SIGHUP as well as Ctrl-C."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
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
    from envsync.observe.processes import winding_down  # noqa: PLC0415  # only where something is moved or removed

    stack = contextlib.ExitStack()
    handlers = {number: signal.getsignal(number) for number in _ENDING}
    pending: list[int] = []

    def restore() -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    heeded = [number for number, handler in handlers.items() if handler is not signal.SIG_IGN]

    def delay(number: int, frame: FrameType | None) -> None:
        del frame
        pending.append(number)
        _caught.append(number)
        _handle(heeded, second)
        stack.enter_context(winding_down())
        report()

    def second(number: int, frame: FrameType | None) -> None:
        handler = handlers[signal.Signals(number)]
        if callable(handler):
            _handle(heeded, lambda *_: None)  # the report of what was done follows, however often one asks
            handler(number, frame)
        else:
            restore()
            signal.raise_signal(signal.Signals(number))

    if threading.current_thread() is threading.main_thread():
        _handle(heeded, delay)
        try:
            with stack:
                yield
        finally:
            restore()
    else:
        yield
    if pending:
        signal.raise_signal(signal.Signals(pending[0]))


def _handle(numbers: Iterable[signal.Signals], by: Callable[[int, FrameType | None], None]) -> None:
    for number in numbers:
        signal.signal(number, by)


def _terminate(number: int, frame: FrameType | None) -> None:
    del frame
    _caught.append(number)
    raise Terminated
