"""The command in other ways than ``Place.envsync`` runs it: in the background, on a terminal, without root's powers."""

import contextlib
import fcntl
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.place import Place, Run
from harness.wheels import make_project

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


def on_terminal(
    place: Place, *arguments: str, program: str = "", columns: int = 120, **variables: str
) -> tuple[int, str]:
    """Run the command, or a program that does, on a terminal; give its status and all that it wrote."""
    main, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    left_out = {"NO_COLOR", "COLUMNS", "LINES"}
    environment = {key: value for key, value in place.variables.items() if key not in left_out} | {"TERM": "xterm"}
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


class Watched:
    """The command on a terminal of its own, which a test reads while it works, and types into."""

    def __init__(  # a place, and options
        self,
        place: Place,
        *arguments: str,
        columns: int = 80,
        lines: int = 24,
        before: str = "pass",
        **variables: str,
    ) -> None:
        """Start it, after some code of the test's."""
        self._main, end = pty.openpty()
        termios.tcsetwinsize(end, (lines, columns))
        program = (
            "import os; os.login_tty(0); import sys; from envsync.report import progress; progress._DELAY = 0.0\n"
            f"{before}\nfrom envsync.cli.main import main; sys.exit(main(sys.argv[1:]))"
        )
        environment = {key: value for key, value in place.variables.items() if key not in {"COLUMNS", "LINES"}}
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=place.root,
            env=environment | OFFLINE | {"TERM": "xterm"} | variables,
            stdin=end,
            stdout=end,
            stderr=end,
        )
        os.close(end)
        self.text = ""
        """All that it has written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._main)

    def wait_for(self, pattern: str) -> None:
        """Read until it has written something."""
        while not re.search(pattern, self.text):
            assert self._read(), f"it ends with {self.text!r}"

    def type(self, keys: str) -> None:
        os.write(self._main, keys.encode())

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self) -> int:
        """Read all, and return the exit status."""
        while self._read():
            pass
        return self._process.wait(_WAIT_LIMIT)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._main], [], [], _WAIT_LIMIT)
        assert ready, f"it hangs: {self.text!r}"
        with contextlib.suppress(OSError):  # EIO is how Linux tells the end
            if chunk := os.read(self._main, 65536):
                self.text += chunk.decode(errors="replace")
                return True
        return False


def slow_project(place: Place, *, until: str = "gone") -> Path:
    """Make a project whose backend waits for a file, below itself and in a process group of its own, as ninja has it.

    Returns the file that tells that it waits.
    """
    begun = place.root.parent / "begun"
    begun.unlink(missing_ok=True)
    project = make_project(place.root / "blog", "blog")
    child = f"echo $$ > {shlex.quote(str(begun))}; while ! [ -e {until} ]; do sleep 0.05; done"
    code = (
        f"import os, subprocess\nsubprocess.run(['sh', '-c', {child!r}], cwd={str(place.root.parent)!r},"
        " preexec_fn=lambda: os.setpgid(0, 0))\n"
    )
    (project / "backend.py").write_text(code + (project / "backend.py").read_text())
    return begun
