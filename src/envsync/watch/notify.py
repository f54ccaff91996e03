"""Notify the service manager of the watcher's state (sd_notify(3)); without one nothing happens."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping

from envsync.formats.redact import redacted

_LONGEST = 3600.0
"""Seconds that a pass may take before the watchdog counts it as hung: the longest imaginable installation."""


class ServiceManager:
    """Sends to the socket that ``NOTIFY_SOCKET`` names; failures are ignored."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Take the environment variables of this process."""
        name = variables.get("NOTIFY_SOCKET", "")
        self._address = f"\0{name[1:]}" if name.startswith("@") else name if name.startswith("/") else ""
        self._beat = _watchdog(variables) if self._address else None
        self._socket: socket.socket | None = None

    @property
    def beat(self) -> float | None:
        """Seconds between two keep-alives, ``None`` without a watchdog."""
        return self._beat

    def reloading(self) -> None:
        """Notify that everything is read again, until :meth:`status` with ``ready``."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, status: str, *, ready: bool = False) -> None:
        """Send a status line, and with ``ready`` that it watches."""
        self._send(*(["READY=1"] if ready else []), f"STATUS={_line(redacted(status))}")

    def stopping(self) -> None:
        """Notify that it is about to end."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Send a keep-alive."""
        if self._beat is not None:
            self._send("WATCHDOG=1")

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Send keep-alives during a pass, whose steps may take long."""
        if self._beat is None:
            yield
            return
        done = threading.Event()

        def keep_alive(beat: float) -> None:
            deadline = time.monotonic() + _LONGEST
            while not done.wait(beat) and time.monotonic() < deadline:
                self.alive()

        thread = threading.Thread(target=keep_alive, args=(self._beat,), name="watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError):
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0))
                self._socket.setblocking(False)
                self._socket.connect(self._address)
            self._socket.send("\n".join(lines).encode(errors="backslashreplace"))


def _watchdog(variables: Mapping[str, str]) -> float | None:
    """Return half the watchdog's time in seconds, ``None`` without one (sd_watchdog_enabled(3))."""
    microseconds = variables.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if variables.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 2e6


def _line(text: str) -> str:
    return " ".join(text.split())
