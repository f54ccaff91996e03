"""Kill what envsync started once envsync itself has ended, even by ``kill -9``; run as a program of its own.

A parent-death signal (prctl(2)) does not reach grandchildren such as build backends, depends on the starting thread,
and only Linux has it. Instead, each program leads a session, and this one reads from a socket whose other end only
envsync has: ``+ID`` when a session begins, ``-ID`` when it has ended. When that closes, it kills those that are left.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator

_TIMEOUT = 5.0
"""Seconds to wait for killed processes to end: one in the middle of I/O takes time."""
_PAUSE = 0.002
"""Seconds between two rounds."""


def end_sessions(sessions: Iterable[int]) -> None:
    """Kill every process of some sessions, the leaders last: they hold the locks of what all of them write to."""
    leaders = {*sessions}
    deadline = time.monotonic() + _TIMEOUT
    while leaders and time.monotonic() < deadline:
        living = {process for process, session in _processes() if session in leaders}
        if not living:
            return
        for process in living:
            _send(process, signal.SIGSTOP)  # so that none starts another
        for process in living - leaders or living:
            _send(process, signal.SIGKILL)
        time.sleep(_PAUSE)


def _send(process: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(process, number)


def _processes() -> Iterator[tuple[int, int]]:
    """Yield each process that has not ended, with its session (proc_pid_stat(5), ps(1))."""
    if sys.platform == "linux":
        for name in filter(str.isdecimal, os.listdir("/proc")):
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/stat", "rb") as file:
                state, _, _, session = file.read().rpartition(b")")[2].split()[:4]
                if state not in {b"Z", b"X"}:
                    yield int(name), int(session)
    else:
        import subprocess  # noqa: PLC0415  # only here

        listing = subprocess.run(["/bin/ps", "-A", "-o", "pid=,stat="], check=False, capture_output=True, text=True)
        for line in listing.stdout.splitlines():
            process, state = line.split()
            if not state.startswith("Z"):
                with contextlib.suppress(OSError):
                    yield int(process), os.getsid(int(process))


def _main() -> None:
    os.setsid()
    os.chdir("/")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # envsync decides when it ends
    running: set[int] = set()
    for line in sys.stdin.buffer:
        (running.add if line.startswith(b"+") else running.discard)(int(line[1:]))
    end_sessions(running)


if __name__ == "__main__":
    _main()
