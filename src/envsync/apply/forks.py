"""Processes forked from this one: Python itself works on one core at a time."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from functools import partial
from queue import SimpleQueue
from typing import BinaryIO

from envsync.model.dataclass import dataclass
from envsync.observe.processes import fork, wait_for

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SIZE = 8
"""Bytes of a number, and of an answer's length."""
_END = 2 ** (8 * _SIZE) - 1
"""The number for which there is no answer."""


class ForkEndedError(Exception):
    """A fork was killed before it answered."""


def can_fork() -> bool:
    """Check whether a fork of this process can do all that this one does.

    It has the one thread that forked, so no other may hold a lock, as on macOS the system's libraries may.
    """
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class _Fork:
    process: int
    questions: BinaryIO
    """To be written to."""
    answers: BinaryIO
    """To be read."""

    def ask(self, number: int) -> bytes:
        """Return the answer for a number. Raises ``ForkEndedError``."""
        try:
            _write_number(self.questions, number)
            return _read(self.answers, _read_number(self.answers))
        except (OSError, EOFError) as error:
            raise ForkEndedError from error

    def end(self) -> None:
        """Let it end. Another process may have inherited the pipe, so to close that is not enough."""
        with contextlib.suppress(OSError):  # it has ended
            _write_number(self.questions, _END)
        with contextlib.suppress(OSError):
            self.questions.close()
        self.answers.close()


class Forks:
    """Answers numbers in several processes; each is a copy of this one as it was when they were made.

    They mind no signal: what is begun is completed, unless programs are ended as well, see
    :func:`envsync.observe.processes.ending`. They end with this process.
    """

    def __init__(self, answer: Callable[[int], bytes]) -> None:
        """Take what answers; make none yet."""
        self._answer = answer
        self._forks: list[_Fork] = []
        self._free: SimpleQueue[_Fork | None] = SimpleQueue()
        """Those that are free; ``None`` in place of each that is not there."""

    def begin(self, count: int) -> None:
        """Fork ``count`` processes, fewer where the system refuses; to be closed also where this is interrupted."""
        former = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            with contextlib.suppress(OSError):  # too many processes, or too little memory
                while len(self._forks) < count:
                    self._forks.append(self._fork(former))
            for one in (*self._forks, *([None] * (count - len(self._forks)))):
                self._free.put(one)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, former)

    def ask(self, number: int, begin: Callable[[], None]) -> bytes | None:
        """Return the answer for a number from a process that is free; ``None`` where there is none instead.

        ``begin`` is called when one is free. Raises what it raises, and ``ForkEndedError``.
        """
        free = self._free.get()
        try:
            begin()
            return free.ask(number) if free is not None else None
        except ForkEndedError:
            free = None
            raise
        finally:
            self._free.put(free)

    def close(self) -> None:
        """Let the processes end, and wait until they have."""
        for one in self._forks:
            one.end()
        for one in self._forks:
            wait_for(one.process)

    def _fork(self, mask: set[int | signal.Signals]) -> _Fork:
        asked, asks = os.pipe()
        try:
            answers, answered = os.pipe()
        except OSError:
            os.close(asked)
            os.close(asks)
            raise
        not_its_own = [asks, answers, *(one.questions.fileno() for one in self._forks)]
        try:
            process = fork(partial(_serve, not_its_own, asked, answered, mask, self._answer))
        except BaseException:
            os.close(asks)
            os.close(answers)
            raise
        finally:
            os.close(asked)
            os.close(answered)
        return _Fork(process, os.fdopen(asks, "wb"), os.fdopen(answers, "rb"))


def _serve(
    not_its_own: Iterable[int],
    asked: int,
    answered: int,
    mask: set[int | signal.Signals],
    answer: Callable[[int], bytes],
) -> None:
    """Answer numbers until there are no more, in a fork."""
    for descriptor in not_its_own:
        os.close(descriptor)  # else it would not see the end of the questions
    for one in _SIGNALS:
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, lambda *_: None)  # not ignored: programs would inherit that
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    with os.fdopen(asked, "rb") as questions, os.fdopen(answered, "wb") as answers:
        while (number := _read_number(questions)) != _END:
            content = answer(number)
            _write_number(answers, len(content))
            answers.write(content)
            answers.flush()


def _write_number(stream: BinaryIO, number: int) -> None:
    stream.write(number.to_bytes(_SIZE, "big"))
    stream.flush()


def _read_number(stream: BinaryIO) -> int:
    return int.from_bytes(_read(stream, _SIZE), "big")


def _read(stream: BinaryIO, size: int) -> bytes:
    """Return so many bytes. Raises ``EOFError``, ``OSError``."""
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content
