"""Run other programs, each in a session of its own, which ends with it, with envsync, or at its time limit.

In its own session a program gets no Ctrl-C from the terminal and cannot prompt there: envsync decides when it ends.
"""

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar

from envsync.model.dataclass import dataclass
from envsync.model.system import VARIABLES
from envsync.observe import reaper
from envsync.observe.reaper import end_sessions

_TIMEOUT = 1.0
"""Seconds to wait for a program that is being started."""
_handed_down: ContextVar[tuple[int, ...]] = ContextVar("handed_down", default=())
_temporary: ContextVar[str] = ContextVar("temporary", default="")


class Interrupted(KeyboardInterrupt):
    """A program was killed or not started, as the pass is being interrupted."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The result of a program."""

    status: int
    """Its exit status, or the negative number of the signal that killed it."""
    output: str
    errors: str


class _Programs:
    """The running programs, and the reaper that kills them once this process has ended."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owner = 0
        self._end: socket.socket | None = None
        self._reaper = 0
        self.running: set[int] = set()
        """Session IDs."""
        self.interruptions = 0
        """The number of interruptions in progress."""
        self.winding_down = 0
        """The number of those that let what was begun be completed."""

    def add(self, session: int) -> None:
        self.running.add(session)
        self._notify(f"+{session}\n")

    def remove(self, session: int) -> None:
        self.running.discard(session)
        self._notify(f"-{session}\n")

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Delay an interruption while a program is started, so that it is known and can be killed."""
        with self._lock:
            with contextlib.suppress(OSError):  # not needed as long as this process lives
                self._guard()
            refuse_when_interrupted()
            yield

    def interrupt(self) -> list[int]:
        """Prevent further starts, and return the sessions of the running programs."""
        is_alone = self._lock.acquire(timeout=_TIMEOUT)
        self.interruptions += 1
        if is_alone:
            self._lock.release()
        return list(self.running)

    def begin_again(self) -> None:
        """Know of nothing, in a fork of the process that runs them."""
        if self._end is not None:
            self._end.close()
        self._lock, self._owner, self._end = threading.RLock(), 0, None
        self.running, self.interruptions, self.winding_down = set(), 0, 0

    def _guard(self) -> None:
        """Start a reaper for this process, unless it has one. Raises ``OSError``."""
        is_own = self._owner == os.getpid()
        if is_own and _lives(self._reaper):
            return
        if self._end is not None:
            self._end.close()
        if not is_own:  # a fork of the process that runs them
            self.running.clear()
        self._end, other = socket.socketpair()
        self._end.setblocking(False)
        self._owner = os.getpid()
        with other:
            self._reaper = _start_reaper(other.fileno())
        for session in list(self.running):
            self._notify(f"+{session}\n")

    def _notify(self, line: str) -> None:
        if self._end is not None:
            with contextlib.suppress(OSError):  # the reaper was killed: programs may outlive this process
                self._end.send(line.encode())


def _start_reaper(end: int) -> int:
    """Start the reaper, which outlives this process by a moment, and return its process ID."""
    actions = [
        (os.POSIX_SPAWN_DUP2, end, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    command = [sys.executable, "-I", "-S", reaper.__file__]
    return os.posix_spawn(sys.executable, command, VARIABLES, file_actions=actions)


def _lives(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False


def refuse_when_interrupted() -> None:
    """Raise ``Interrupted`` while programs are being ended."""
    if _programs.interruptions:
        raise Interrupted


def refuse_to_begin() -> None:
    """Raise ``Interrupted`` while only what was begun is completed: for work that waits, or has only been planned."""
    if _programs.winding_down or _programs.interruptions:
        raise Interrupted


_programs = _Programs()
atexit.register(_programs.interrupt)  # daemon threads still run for a moment


@contextlib.contextmanager
def started(  # noqa: PLR0913  # two, and options
    arguments: Iterable[str],
    environment: Mapping[str, str],
    *,
    directory: str = "/",
    executable: str | None = None,
    stdin: int = subprocess.DEVNULL,
    merged: bool = False,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program during a block; after it, no process of the program's session is left.

    Its output and errors are pipes, or one pipe if ``merged``. It holds the locks that are handed down as long as it
    runs. Raises ``OSError`` where it cannot be run, and ``Interrupted``.
    """
    with _programs.starting():
        process = subprocess.Popen(
            list(arguments),
            executable=executable,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            env={**environment, "TMPDIR": _temporary.get()} if _temporary.get() else environment,
            cwd=directory,
            start_new_session=True,
            pass_fds=_handed_down.get(),
        )
        _programs.add(process.pid)
    with _closing(process):
        yield process


@contextlib.contextmanager
def _closing(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Kill what is left of a program at the end of a block."""
    try:
        yield
        process.wait()
    except BaseException:
        end_sessions([process.pid])
        refuse_when_interrupted()
        raise
    else:
        with contextlib.suppress(OSError):  # background processes
            os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            refuse_when_interrupted()
    finally:
        process.wait()
        _programs.remove(process.pid)
        for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
            with contextlib.suppress(OSError, ValueError):
                stream.close()


def run(
    arguments: Iterable[str],
    environment: Mapping[str, str],
    *,
    directory: str = "/",
    lines: Iterable[str] = (),
    limit: float,
) -> Completed:
    """Return the result of a program that ends within ``limit`` seconds, with ``lines`` as its input.

    Raises ``OSError`` or ``ValueError`` where it cannot be run, ``subprocess.TimeoutExpired``, and ``Interrupted``.
    """
    with started(arguments, environment, directory=directory, stdin=subprocess.PIPE) as process:
        text = "".join(f"{line}\n" for line in lines)
        output, errors = process.communicate(text.encode(errors="surrogateescape"), timeout=limit)
    return Completed(process.returncode, output.decode(errors="replace"), errors.decode(errors="replace"))


def fork(work: Callable[[], None]) -> int:
    """Fork this process, and return the fork's process ID; the fork does ``work`` and ends.

    It leads a session of its own, which ends as those of programs do. Signals must be blocked meanwhile, else both
    processes could mind one. Raises ``OSError`` and ``Interrupted``.
    """
    with _programs.starting():
        process = os.fork()
        if process == 0:
            try:
                os.setsid()
                _programs.begin_again()
                work()
            finally:
                os._exit(0)
        _programs.add(process)
    return process


def wait_for(forked: int) -> None:
    """Wait until a fork has ended."""
    with contextlib.suppress(ChildProcessError):  # waited for by a program that uses envsync
        os.waitpid(forked, 0)
    _programs.remove(forked)


@contextlib.contextmanager
def winding_down() -> Iterator[None]:
    """During a block, let only what was begun be completed: see :func:`refuse_to_begin`."""
    _programs.winding_down += 1
    try:
        yield
    finally:
        _programs.winding_down -= 1


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Kill all running programs; during a block, running one raises ``Interrupted``."""
    running = _programs.interrupt()
    try:
        end_sessions(running)
        yield
    finally:
        _programs.interruptions -= 1


@contextlib.contextmanager
def handing_down(descriptor: int) -> Iterator[None]:
    """Let the programs that this thread runs during a block hold a lock too.

    One that outlives this process keeps the lock, so that the next pass knows that it still writes.
    """
    token = _handed_down.set((*_handed_down.get(), descriptor))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # another thread releases the lock
            _handed_down.reset(token)


@contextlib.contextmanager
def temporary_files_in(directory: str) -> Iterator[None]:
    """Let the programs that this thread runs during a block put temporary files into a directory.

    A killed one leaves them there, to be removed with the directory.
    """
    token = _temporary.set(directory)
    try:
        yield
    finally:
        _temporary.reset(token)
