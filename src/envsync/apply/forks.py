"""Processes forked from this one: Python itself works on one core at a time."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import BinaryIO, NoReturn

from envsync.model.dataclass import dataclass

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SIZE = 8
"""Bytes of a number, and of an answer's length."""


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

    def ask(self, number: int) -> bytes | None:
        """Return the answer for a number, ``None`` where the process has ended."""
        try:
            self.questions.write(number.to_bytes(_SIZE, "big"))
            self.questions.flush()
            return _read(self.answers, _read_number(self.answers))
        except (OSError, EOFError):
            return None


class Forks:
    """Answers numbers in several processes; each is a copy of this one as it was when they were made.

    They end with this one, at the latest after the answer that they are at. They mind no signal that ends a pass: what
    is begun is completed.
    """

    def __init__(self, count: int, answer: Callable[[int], bytes]) -> None:
        """Fork ``count`` processes, fewer where the system refuses."""
        self._forks: list[_Fork] = []
        self._free: SimpleQueue[_Fork | None] = SimpleQueue()
        """Those that are free; ``None`` in place of each that is not there."""
        with contextlib.suppress(OSError):  # too many processes, or too little memory
            for _ in range(count):
                self._forks.append(self._fork(answer))
        for fork in (*self._forks, *([None] * (count - len(self._forks)))):
            self._free.put(fork)

    def ask(self, number: int, begin: Callable[[], None]) -> bytes | None:
        """Return the answer for a number from a process that is free; ``None`` where one was killed or never made.

        ``begin`` is called when one is free. Raises what it raises.
        """
        fork = self._free.get()
        free, answer = fork, None
        try:
            begin()
            if fork is not None:
                answer = fork.ask(number)
                free = None if answer is None else fork
        finally:
            self._free.put(free)
        return answer

    def close(self) -> None:
        """Let the processes end, and wait until they have."""
        for fork in self._forks:
            with contextlib.suppress(OSError):
                fork.questions.close()
            fork.answers.close()
        for fork in self._forks:
            with contextlib.suppress(ChildProcessError):  # waited for, here or by a program that uses envsync
                os.waitpid(fork.process, 0)

    def _fork(self, answer: Callable[[int], bytes]) -> _Fork:
        asked, asks = os.pipe()
        try:
            answers, answered = os.pipe()
        except OSError:
            os.close(asked)
            os.close(asks)
            raise
        former = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            process = os.fork()
            if process == 0:
                not_its_own = [asks, answers, *(one.questions.fileno() for one in self._forks)]
                _serve(not_its_own, asked, answered, former, answer)
        except OSError:
            os.close(asks)
            os.close(answers)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, former)
            os.close(asked)
            os.close(answered)
        return _Fork(process, os.fdopen(asks, "wb"), os.fdopen(answers, "rb"))


def _serve(
    not_its_own: Iterable[int],
    asked: int,
    answered: int,
    mask: set[int | signal.Signals],
    answer: Callable[[int], bytes],
) -> NoReturn:
    """Answer numbers until there are no more, and end this process, which is a fork."""
    try:
        for descriptor in not_its_own:
            os.close(descriptor)  # else it would not see the end of the questions
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: None)  # not ignored: programs would inherit that
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        with os.fdopen(asked, "rb") as questions, os.fdopen(answered, "wb") as answers:
            while True:
                content = answer(_read_number(questions))
                answers.write(len(content).to_bytes(_SIZE, "big") + content)
                answers.flush()
    finally:
        os._exit(0)


def _read_number(stream: BinaryIO) -> int:
    return int.from_bytes(_read(stream, _SIZE), "big")


def _read(stream: BinaryIO, size: int) -> bytes:
    """Return so many bytes. Raises ``EOFError``, ``OSError``."""
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content
