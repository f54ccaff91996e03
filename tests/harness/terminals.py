"""Real interactive shells at a terminal of their own: typed into, with what they show read back."""

import codecs
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

__all__ = ["BASE", "SHELLS", "Shown", "Terminal"]

BASE = "ready> "
"""The prompt of every shell before anything is activated."""
_ENDLESS = 60.0
_CONTROL = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78M])|\u23ce +|[\x01\x02\r]"
)
"""What drives a terminal and shows nothing: CSI, OSC and other sequences, marks of readline's, carriage returns."""
_WHERE = "\x1b[6n"
"""How a program asks a terminal where the cursor is."""
_AT_TERMINAL = "import os, sys; os.login_tty(0); os.execvp(sys.argv[1], sys.argv[1:])"


@dataclass(frozen=True)
class Shell:
    """How a shell is started without settings of the tester's, and how things are said in its language."""

    command: tuple[str, ...]
    script: str
    settings: tuple[str, ...]
    report: str
    """Prints the directory, the text to show, and the Python that would run; ``none`` where nothing is active."""
    shows: bool = True
    """Whether activation changes the prompt."""
    ready: str = ""
    """What it writes when it takes lines; what is typed before would be lost. Others keep it."""


_REPORT = (
    r"""printf '\036%s\037%s\037%s\037%s\035\n' "${VIRTUAL_ENV-none}" "${VIRTUAL_ENV_PROMPT-none}" """
    '"$(command -v python)" "$PATH"'
)
_FISH = (
    r"""printf '\036%s\037%s\037%s\037%s\035\n' (set -q VIRTUAL_ENV; and echo $VIRTUAL_ENV; or echo none) """
    "(set -q VIRTUAL_ENV_PROMPT; and echo -- $VIRTUAL_ENV_PROMPT; or echo none) "
    "(command -v python; or echo) (string join : $PATH)"
)
_TCSH = "sh -c '" + _REPORT.replace("'", '"') + "'"
_XONSH = (
    r"""print('\x1e' + '\x1f'.join((${...}.get('VIRTUAL_ENV') or 'none', ${...}.get('VIRTUAL_ENV_PROMPT') or 'none', """
    r"""__import__('shutil').which('python', path=':'.join($PATH)) or '', ':'.join($PATH))), end='\x1d\n')"""
)
SHELLS = {
    "bash": Shell(("bash", "--norc", "--noprofile", "-i"), "activate", ("HISTFILE=", f"PS1='{BASE}'"), _REPORT),
    "zsh": Shell(("zsh", "-f", "-i"), "activate", ("unsetopt prompt_cr prompt_sp", f"PS1='{BASE}'"), _REPORT),
    "zsh, prompt_subst": Shell(
        ("zsh", "-f", "-i"),
        "activate",
        ("unsetopt prompt_cr prompt_sp", "setopt prompt_subst prompt_bang", f"PS1='{BASE}'"),
        _REPORT,
    ),
    "fish": Shell(
        ("fish", "--no-config", "-i"),
        "activate.fish",
        (
            "set -g fish_greeting",
            "set -g fish_autosuggestion_enabled 0",
            f"function fish_prompt; echo -n '{BASE}'; end",
        ),
        _FISH,
    ),
    "tcsh": Shell(("tcsh", "-f", "-i"), "activate.csh", (f"set prompt='{BASE}'",), _TCSH),
    "dash": Shell(("dash", "-i"), "activate", (f"PS1='{BASE}'",), _REPORT, shows=False),
    "xonsh": Shell(
        (sys.executable, "-m", "xonsh", "--no-rc", "-i", "--shell-type", "readline"),
        "activate.xsh",
        ("$PROMPT = '{env_name}" + BASE + "'",),
        _XONSH,
        ready="\x1b[?2004h",
    ),
}


@dataclass(frozen=True)
class Shown:
    """What a shell says of itself."""

    prompt: str
    """What stands before the next line that is typed."""
    environment: str
    text: str
    python: str
    path: str


class Terminal:
    """One interactive shell."""

    def __init__(self, name: str, directory: Path, variables: dict[str, str]) -> None:
        self.shell = SHELLS[name]
        if shutil.which(self.shell.command[0]) is None:
            pytest.fail(f"{name} is not installed: .ci/run installs it")
        self._main, terminal = pty.openpty()
        modes = termios.tcgetattr(terminal)
        modes[1] &= ~termios.OPOST
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSANOW, modes)
        termios.tcsetwinsize(terminal, (50, 1000))
        own = {"TERM": "dumb", "LC_ALL": "C.UTF-8", "HOME": str(directory), "INPUTRC": os.devnull}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _AT_TERMINAL, *self.shell.command],
            cwd=directory,
            env=variables | own,
            stdin=terminal,
        )
        os.close(terminal)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._read = ""
        if self.shell.ready:
            self._wait(re.escape(self.shell.ready))
        for line in self.shell.settings:
            self.type(line)
        self.ask()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._main)

    def type(self, line: str) -> None:
        self._read = ""
        os.write(self._main, f"{line}\r".encode())
        if self.shell.ready:
            self._wait(re.escape(self.shell.ready))

    def ask(self) -> Shown:
        """Return what the shell says now; the line that asks shows its prompt."""
        self.type(self.shell.report)
        self._wait("\x1e[^\x1d]*\x1d.*" + re.escape(BASE))
        reported, _, rest = self._read.rpartition("\x1e")[2].partition("\x1d")
        prompt = _CONTROL.sub("", rest).lstrip("\n")
        return Shown(prompt, *reported.split("\x1f"))

    def _wait(self, pattern: str) -> None:
        end = time.monotonic() + _ENDLESS
        while not re.search(pattern, self._read, re.DOTALL):
            ready, _, _ = select.select([self._main], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                pytest.fail(f"{self.shell.command[0]} says no more than {self._read!r}")
            text = self._decoder.decode(os.read(self._main, 65536))
            self._read += text
            for _ in range(text.count(_WHERE)):
                os.write(self._main, b"\x1b[1;1R")
