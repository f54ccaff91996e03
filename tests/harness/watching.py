"""A real watcher in a process of its own, and what it told so far."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from harness.contract import assert_event
from harness.place import Place

__all__ = ["Watching", "watching"]

Event = dict[str, Any]
_WAIT_LIMIT = 30.0
"""Seconds until a test gives up; nothing is concluded from how long anything takes."""


class Watching:
    """Reads the events of ``envsync watch --json`` as they come."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.events: list[Event] = []
        """All that were read so far."""
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def next(self, timeout: float = _WAIT_LIMIT) -> Event:
        """Wait for the next event."""
        line = self._lines.get(timeout=timeout)
        assert line is not None, f"it has ended: {self.events}"
        event = json.loads(line)
        assert isinstance(event, dict)
        assert_event(event)
        self.events.append(event)
        return event

    def until(self, name: str, holds: Callable[[Event], bool] = lambda _: True) -> Event:
        """Wait for an event of this name for which something holds, reading those before it."""
        deadline = time.monotonic() + _WAIT_LIMIT
        while time.monotonic() < deadline:
            event = self.next()
            if event["event"] == name and holds(event):
                return event
        raise AssertionError(f"no such {name}: {self.events}")

    def applied(self, environment: str, outcome: str) -> Event:
        """Wait until an environment has been worked on with this outcome."""
        return self.until("applied", lambda e: _names(e) == (environment, outcome))

    def rest(self, seconds: float) -> list[Event]:
        """Return what is reported within so many seconds."""
        deadline = time.monotonic() + seconds
        heard: list[Event] = []
        while (left := deadline - time.monotonic()) > 0:
            try:
                heard.append(self.next(left))
            except queue.Empty:
                break
        return heard

    def calm(self, seconds: float = 2.5) -> None:
        """Wait until nothing has been told for so many seconds."""
        while self.rest(seconds):
            pass

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and give the exit status."""
        self.process.send_signal(number)
        return self.process.wait(_WAIT_LIMIT)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)


def _names(event: Event) -> tuple[str, str]:
    environment = event["environment"]
    return environment["name"], environment["outcome"]


@contextmanager
def watching(
    place: Place, *arguments: str, settle: float = 0.3, before: tuple[str, ...] = (), **variables: str
) -> Iterator[Watching]:
    """Run ``envsync watch --json`` in the background, from when it watches until the block ends.

    ``before`` is a command that runs it, such as strace with its options.
    """
    place.trust(**variables)
    process = subprocess.Popen(
        [*before, sys.executable, "-m", "envsync", "watch", "--json", f"--settle={settle}", *arguments],
        cwd=place.root,
        env=place.variables | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    watcher = Watching(process)
    try:
        watcher.until("started")
        yield watcher
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        _, errors = process.communicate(timeout=_WAIT_LIMIT)
        assert "Traceback" not in errors, errors
