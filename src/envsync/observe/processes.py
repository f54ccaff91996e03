"""Run other programs: each in a session of its own, which ends with it, with envsync, and when it takes too long.

In a session of its own a program gets no Ctrl-C of the terminal's and cannot ask there: envsync decides when it ends.
"""

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from envsync.observe import reaper
from envsync.observe.reaper import end_sessions

_TIMEOUT = 1.0
"""Seconds to wait for a program that is just being started."""
_handed_down: ContextVar[tuple[int, ...]] = ContextVar("handed_down", default=())
_temporary: ContextVar[str] = ContextVar("temporary", default="")


class Interrupted(KeyboardInterrupt):
    """A program was ended, or not begun, since what it was for is being interrupted."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program came to."""

    status: int
    """Its exit status, or the negative number of the signal that it died of."""
    output: str
    errors: str


class _Programs:
    """The programs that run now, and the process that ends them when this one has ended."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owner = 0
        self._end: socket.socket | None = None
        self._reaper = 0
        self.running: set[int] = set()
        """Their sessions."""
        self.interruptions = 0
        """How many are under way."""

    def add(self, session: int) -> None:
        self.running.add(session)
        self._notify(f"+{session}\n")

    def remove(self, session: int) -> None:
        self.running.discard(session)
        self._notify(f"-{session}\n")

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Hold off whoever wants to end all programs, while one is started that has to be known to be ended."""
        with self._lock:
            with contextlib.suppress(OSError):  # without it, all is as well as long as this process lives
                self._guard()
            refuse_when_interrupted()
            yield

    def interrupt(self) -> list[int]:
        """Let no further program be started, and return the sessions of those that run."""
        is_alone = self._lock.acquire(timeout=_TIMEOUT)
        self.interruptions += 1
        if is_alone:
            self._lock.release()
        return list(self.running)

    def _guard(self) -> None:
        """Make sure that there is a reaper, of this process's own. Raises ``OSError``."""
        is_own = self._owner == os.getpid()
        if is_own and _lives(self._reaper):
            return
        if self._end is not None:
            self._end.close()
        if not is_own:  # this process is a fork of one that runs them
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
            with contextlib.suppress(OSError):  # it was killed: what runs now may outlive this process
                self._end.send(line.encode())


def _start_reaper(end: int) -> int:
    """Start the reaper, and return its process; nobody waits for it, and it outlasts this process by a moment."""
    actions = [
        (os.POSIX_SPAWN_DUP2, end, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    command = [sys.executable, "-I", "-S", reaper.__file__]
    return os.posix_spawn(sys.executable, command, os.environ, file_actions=actions)


def _lives(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False


def refuse_when_interrupted() -> None:
    """Raise ``Interrupted`` while programs are being ended."""
    if _programs.interruptions:
        raise Interrupted


_programs = _Programs()
atexit.register(_programs.interrupt)  # threads that nobody waits for go on for a moment, and must start nothing more


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
    """Run a program while a block lasts; at its end every process of the program's session has ended.

    Its output and errors are pipes, or one pipe where they are ``merged``. Locks that are handed down are held as long
    as it lives. Raises ``OSError`` where it cannot be run, and ``Interrupted``.
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
    """See to it that nothing of a program is left at the end of a block."""
    try:
        yield
        process.wait()
    except BaseException:
        end_sessions([process.pid])
        refuse_when_interrupted()
        raise
    else:
        with contextlib.suppress(OSError):  # what it has left behind
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
    """Run a program to its end, within ``limit`` seconds, with lines for it to read.

    Raises ``OSError`` or ``ValueError`` where it cannot be run, ``subprocess.TimeoutExpired``, and ``Interrupted``.
    """
    with started(arguments, environment, directory=directory, stdin=subprocess.PIPE) as process:
        text = "".join(f"{line}\n" for line in lines)
        output, errors = process.communicate(text.encode(errors="surrogateescape"), timeout=limit)
    return Completed(process.returncode, output.decode(errors="replace"), errors.decode(errors="replace"))


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """End all programs that run; while a block lasts, whoever runs one gets ``Interrupted``."""
    running = _programs.interrupt()
    try:
        end_sessions(running)
        yield
    finally:
        _programs.interruptions -= 1


@contextlib.contextmanager
def handing_down(descriptor: int) -> Iterator[None]:
    """Let the programs that this thread runs while a block lasts have a lock as well.

    What outlives this process all the same keeps that lock, and the next pass knows that somebody still writes.
    """
    token = _handed_down.set((*_handed_down.get(), descriptor))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # another thread gives the lock back
            _handed_down.reset(token)


@contextlib.contextmanager
def temporary_files_in(directory: str) -> Iterator[None]:
    """Let the programs that this thread runs while a block lasts have their temporary files in a directory.

    One that is killed leaves them; whoever clears the directory away clears them away.
    """
    token = _temporary.set(directory)
    try:
        yield
    finally:
        _temporary.reset(token)


def _refuse_when_interrupted() -> None:
    if _programs.interruptions:
        raise Interrupted
