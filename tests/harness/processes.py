"""The command in other ways than ``Place.envsync`` runs it: in the background, on a terminal, without root's powers."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable

from harness.place import Place, Run

_UNPRIVILEGED = """
import ctypes, os, sys
if os.geteuid() == 0:
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: to disregard permissions
        if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
            sys.exit(77)
os.execv(sys.executable, [sys.executable, "-m", "envsync", *sys.argv[1:]])
"""


OFFLINE = {"UV_OFFLINE": "1", "UV_NO_INDEX": "1", "PIP_NO_INDEX": "1"}
_WAIT_LIMIT = 30.0
"""Seconds until something counts as hanging."""


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WAIT_LIMIT
    while not holds():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)


def start(place: Place, *arguments: str) -> "subprocess.Popen[str]":
    """Start the command, in a group of its own, and do not wait for it."""
    place.trust()
    return subprocess.Popen(
        [sys.executable, "-m", "envsync", *arguments],
        cwd=place.root,
        env=place.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def unprivileged(place: Place, *arguments: str) -> Run | None:
    """Run the command as somebody who must mind permissions; ``None`` where root cannot give up that power."""
    if sys.platform != "linux" and os.geteuid() == 0:
        return None
    place.trust()
    done = subprocess.run(
        [sys.executable, "-c", _UNPRIVILEGED, *arguments],
        check=False,
        cwd=place.root,
        env=place.variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return None if done.returncode == 77 else Run(done.returncode, done.stdout, done.stderr)


def on_terminal(place: Place, *arguments: str, program: str = "", **variables: str) -> tuple[int, str]:
    """Run the command, or a program that does, on a terminal of 120 columns; give its status and all that it wrote."""
    main, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = {key: value for key, value in place.variables.items() if key != "NO_COLOR"} | {"TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, *(["-c", program] if program else ["-m", "envsync"]), *arguments],
        cwd=place.root,
        env=environment | variables,
        stdin=subprocess.DEVNULL,
        stdout=end,
        stderr=end,
    )
    os.close(end)
    written = bytearray()
    with contextlib.suppress(OSError):  # EIO is how Linux tells the end
        while chunk := os.read(main, 65536):
            written += chunk
    os.close(main)
    return process.wait(60), written.decode(errors="surrogateescape").replace("\r\n", "\n")
