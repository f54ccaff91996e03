"""Tell the service manager how it goes, where there is one (sd_notify(3)); without it nothing happens."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping

from envsync.formats.redact import redacted

_LONGEST = 3600.0
"""Seconds for which a pass may keep the watchdog quiet: the longest installation one can think of."""


class ServiceManager:
    """Speaks to the socket that ``NOTIFY_SOCKET`` names; what cannot be told is left untold."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Take the environment variables of this process."""
        name = variables.get("NOTIFY_SOCKET", "")
        self._address = f"\0{name[1:]}" if name.startswith("@") else name if name.startswith("/") else ""
        self._beat = _watchdog(variables) if self._address else None
        self._socket: socket.socket | None = None

    @property
    def beat(self) -> float | None:
        """Seconds between two signs of life, ``None`` where nobody waits for any."""
        return self._beat

    def reloading(self) -> None:
        """Tell that everything is read again; being ready ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, status: str, *, ready: bool = False) -> None:
        """Tell how it goes, and that it watches."""
        self._tell(*(["READY=1"] if ready else []), f"STATUS={_line(redacted(status))}")

    def stopping(self) -> None:
        """Tell that it ends."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """Give a sign of life."""
        if self._beat is not None:
            self._tell("WATCHDOG=1")

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Give signs of life while a pass is under way, whose steps may take long."""
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

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError):
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | getattr(socket, "SOCK_CLOEXEC", 0))
                self._socket.setblocking(False)
                self._socket.connect(self._address)
            self._socket.send("\n".join(lines).encode(errors="backslashreplace"))


def _watchdog(variables: Mapping[str, str]) -> float | None:
    """Give half the time after which the watchdog bites (sd_watchdog_enabled(3))."""
    microseconds = variables.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if variables.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 2e6


def _line(text: str) -> str:
    return " ".join(text.split())
