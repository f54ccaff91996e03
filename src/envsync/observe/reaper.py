"""End what envsync has started as soon as envsync itself has ended, ``kill -9`` included; run as a program of its own.

A parent-death signal (prctl(2)) would not do: it reaches neither the grandchildren, such as build backends, nor what is
started by a thread that ends, and only Linux has it. Instead, each program leads a session of its own, and this one
reads from a socket of which envsync alone has the other end: ``+ID`` when a session begins, ``-ID`` when it has ended.
When that is closed it ends those that are left.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator

_TIMEOUT = 5.0
"""Seconds that the kernel gets to end what was killed: a process in the middle of I/O ends after that."""
_PAUSE = 0.002


def end_sessions(sessions: Iterable[int]) -> None:
    """Kill every process of some sessions, the leaders last: they hold the locks of what all of them write into."""
    leaders = {*sessions}
    deadline = time.monotonic() + _TIMEOUT
    while leaders and time.monotonic() < deadline:
        living = {process for process, session in _processes() if session in leaders}
        if not living:
            return
        for process in living:
            _send(process, signal.SIGSTOP)  # so that none starts another meanwhile
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
        signal.signal(number, signal.SIG_IGN)  # envsync decides when it ends; this outlasts it by a moment
    running: set[int] = set()
    for line in sys.stdin.buffer:
        (running.add if line.startswith(b"+") else running.discard)(int(line[1:]))
    end_sessions(running)


if __name__ == "__main__":
    _main()
