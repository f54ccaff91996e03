"""Run the user's own command for events, beside the passes: in order for each environment, bounded in time."""

import os
import select
import shlex
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from envsync.model.dataclass import dataclass
from envsync.model.problems import Problem
from envsync.model.system import VARIABLES
from envsync.observe.processes import Interrupted, started
from envsync.observe.reaper import end_sessions

LIMIT = 60.0
"""Seconds that a command may take."""
_AT_ONCE = 4
"""Commands that run side by side."""
_MOST_OUTPUT = 4096
"""Bytes of a command's output that are kept, the last."""
_BEAT = 0.2
"""Seconds between two looks whether a command whose output stays open has ended."""


@dataclass(frozen=True, slots=True)
class Call:
    """A command to run for an event."""

    name: str
    """The environment: commands of one run in order."""
    arguments: tuple[str, ...]
    """The program, a name on PATH or an absolute path, and its arguments."""
    directory: str
    """Where it runs."""


class Commands:
    """Runs commands in threads of its own; reports each cause of a failure once, until a command succeeds again."""

    def __init__(self, report: Callable[[Problem], None], limit: float = LIMIT) -> None:
        """Take who hears of failures, from other threads too, and the seconds that a command may take."""
        self._report = report
        self._limit = limit
        self._changed = threading.Condition()
        self._calls: dict[str, deque[Call]] = {}
        """Those that run and those that wait, by environment, the one that runs first."""
        self._sessions: set[int] = set()
        self._reported: dict[str, str] = {}
        """Causes that were reported, each with the environment of which it was."""
        self._ended = False
        self._pool = ThreadPoolExecutor(_AT_ONCE, "on-event")

    def add(self, call: Call) -> None:
        """Run a command as soon as those before it, of the same environment, have ended."""
        with self._changed:
            if self._ended:
                return
            calls = self._calls.setdefault(call.name, deque())
            calls.append(call)
            if len(calls) == 1:
                self._pool.submit(self._run_first, call)

    def wait(self, is_stopped: Callable[[], bool]) -> None:
        """Wait until all have run, or are no longer to be waited for."""
        with self._changed:
            while self._calls and not is_stopped():
                self._changed.wait(_BEAT)

    def end(self) -> None:
        """End those that run, and forget those that wait."""
        with self._changed:
            self._ended = True
            self._calls.clear()
            running = list(self._sessions)
        end_sessions(running)
        self._pool.shutdown()

    def _run_first(self, call: Call) -> None:
        try:
            self._run(call)
        finally:
            with self._changed:
                calls = self._calls.get(call.name, deque([call]))  # none are left at the end
                calls.popleft()
                if calls:
                    self._pool.submit(self._run_first, calls[0])
                else:
                    self._calls.pop(call.name, None)
                self._changed.notify_all()

    def _run(self, call: Call) -> None:
        """Run a command, and report why it failed."""
        output, program = "", shlex.quote(call.arguments[0])
        try:
            status, output = self._result(call)
        except Interrupted:
            return
        except subprocess.TimeoutExpired:
            cause = f"{program} was ended: it took longer than {self._limit:g} s"
        except (OSError, ValueError) as error:
            cause = f"{program} cannot be run: {getattr(error, 'strerror', None) or error}"
        else:
            cause = f"{program} ended with exit status {status}" if status else ""
        if not self._ended and self._is_new(call.name, cause):
            last = output.strip().rpartition("\n")[2]
            message = ": ".join(filter(None, (f"on-event for {call.name}", cause, last)))
            self._report(Problem("on-event-failed", message, "Try it by hand, or change on-event in the manifest."))

    def _is_new(self, name: str, cause: str) -> bool:
        """Check whether a cause, empty for a success, is one that was not reported."""
        with self._changed:
            if not cause:
                self._reported = {known: of for known, of in self._reported.items() if of != name}
                return False
            unknown = cause not in self._reported
            self._reported.setdefault(cause, name)
            return unknown

    def _result(self, call: Call) -> tuple[int, str]:
        """Return the exit status of a command, and the end of its output."""
        with started(call.arguments, VARIABLES, directory=call.directory, merged=True) as process:
            with self._changed:
                self._sessions.add(process.pid)
            try:
                if self._ended:
                    raise Interrupted
                output = _tail(process, self._limit)
            finally:
                with self._changed:
                    self._sessions.discard(process.pid)
        return process.returncode, output.decode(errors="replace")


def _tail(process: "subprocess.Popen[bytes]", limit: float) -> bytes:
    """Wait for the end of a process, and return the end of its output. Raises ``subprocess.TimeoutExpired``."""
    assert process.stdout is not None  # noqa: S101  # a pipe, as asked for
    end, output, is_open = time.monotonic() + limit, b"", True
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    while is_open:
        left = end - time.monotonic()
        if left <= 0:
            raise subprocess.TimeoutExpired(process.args, limit)
        # What it leaves in the background may hold its output open, and write on: then one pipe's content is read.
        is_open = process.poll() is None
        if poll.poll(min(left, _BEAT) * 1000 if is_open else 0):
            chunk = os.read(process.stdout.fileno(), 1 << 16)
            output, is_open = (output + chunk)[-_MOST_OUTPUT:], is_open and bool(chunk)
    process.wait(max(0.0, end - time.monotonic()))
    return output
