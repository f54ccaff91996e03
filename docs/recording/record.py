# /// script
# requires-python = ">=3.11"
# dependencies = ["pyte>=0.8.2"]
# ///
"""Record `upgrade.sh`, typed into a real bash at a terminal, as `upgrade.svg`.

``uv run docs/recording/record.py PYTHON3.12 PYTHON3.13`` makes the picture again, from two such interpreters and
the ``envsync`` on PATH. It works in a temporary home, and installs Flask from the index.
"""

import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
from itertools import groupby
from pathlib import Path

import pyte
from picture import Frame, Piece, Row, svg

HERE = Path(__file__).parent
COLUMNS, ROWS = 112, 30
TYPING, AT_ONCE = 0.07, 3
"""Seconds for so many characters."""
READING = 1.1
"""Seconds after each command's output, and the longest that a wait is shown."""
KILLED = "kill -9"
"""Stands in the comment of a command that is killed."""
STAGED = ".local/state/envsync/envs/.envsync-*/env/lib/python3.13/site-packages/*"
"""What is there while a rebuild is under way."""
MANIFEST = """\
version = 1

[envs.blog]
path = "~/src/blog/.venv"
target = "blog"
python = "~/.local/python/bin/python3"
packages = ["flask>=3"]
"""


class Recording:
    """What a terminal shows, and when."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.frames: list[Frame] = []
        self._stream = pyte.ByteStream(self.screen)
        self._clock, self._looked = 0.0, time.monotonic()

    def feed(self, output: bytes) -> None:
        """Take what was written to the terminal just now."""
        now = time.monotonic()
        self._clock += min(now - self._looked, READING)
        self._looked = now
        self._stream.feed(output)
        rows = tuple(self._row(number) for number in range(ROWS))
        if not self.frames or self.frames[-1].rows != rows:
            self.frames.append(Frame(self._clock, rows))

    def cursor_row(self) -> str:
        """Return the text of the row in which the cursor stands."""
        return str(self.screen.display[self.screen.cursor.y]).strip()

    def _row(self, number: int) -> Row:
        cells = [self.screen.buffer[number][column] for column in range(COLUMNS)]
        typed, comment = cells[0].data == "$", "".join(cell.data for cell in cells).find(" # ")
        styles = [_typed(column, comment) if typed else _style(cell) for column, cell in enumerate(cells)]
        pieces, column = [], 0
        for style, group in groupby(zip(cells, styles, strict=True), key=lambda pair: pair[1]):
            text = "".join(cell.data for cell, _ in group)
            if text.strip():
                pieces.append(Piece(column, text.rstrip(), style))
            column += len(text)
        return tuple(pieces)


def _style(cell: pyte.screens.Char) -> str:
    color = cell.fg.removeprefix("bright").replace("brown", "yellow").replace("default", "")
    return " ".join(filter(None, (color, "bold" if cell.bold else "")))


def _typed(column: int, comment: int) -> str:
    return "prompt" if column == 0 else "comment" if 0 <= comment < column else "bold"


class Shell:
    """A bash at a terminal of its own, in a project of a home."""

    def __init__(self, home: Path, recording: Recording) -> None:
        self._home, self._recording = home, recording
        variables = {"HOME": str(home), "PS1": "$ ", "TERM": "xterm-256color", "INPUTRC": os.devnull, "HISTFILE": ""}
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            os.chdir(home / "src/blog")
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], os.environ | variables)  # noqa: S606  # a shell
        termios.tcsetwinsize(self._terminal, (ROWS, COLUMNS))
        self._wait()

    def type(self, line: str) -> None:
        """Type a command and wait for the next prompt; what a comment says is killed is killed at work."""
        for begin in range(0, len(line), AT_ONCE):
            os.write(self._terminal, line[begin : begin + AT_ONCE].encode())
            self._read(TYPING)
        os.write(self._terminal, b"\n")
        if KILLED in line:
            self._kill_at_work()
        self._wait()

    def close(self) -> None:
        """End the shell."""
        os.close(self._terminal)
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)

    def _wait(self) -> None:
        end = time.monotonic() + 120
        self._read(TYPING)
        while self._recording.cursor_row() != "$":
            self._read(TYPING)
            if time.monotonic() > end:
                sys.exit("\n".join(["no prompt:", *self._recording.screen.display]))
        self._read(READING)

    def _kill_at_work(self) -> None:
        while not list(self._home.glob(STAGED)) or str(self._home) in self._recording.cursor_row():
            self._read(0.005)
        at_work = ["pgrep", "-P", str(self._process)]
        for child in subprocess.run(at_work, capture_output=True, text=True, check=True).stdout.split():
            os.kill(int(child), signal.SIGKILL)

    def _read(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._terminal], [], [], left)[0]:
                self._recording.feed(os.read(self._terminal, 65536))


def prepare(home: Path, pythons: list[str]) -> None:
    """Make the links, the manifest and the environment with which the recording begins."""
    for directory in ("src/blog", ".local", ".config/envsync"):
        (home / directory).mkdir(parents=True)
    for name, python in zip(("python3.12", "python3.13"), pythons, strict=True):
        (home / ".local" / name).symlink_to(Path(python).resolve().parents[1])
    (home / ".local/python").symlink_to("python3.12")
    (home / ".config/envsync/envs.toml").write_text(MANIFEST)
    subprocess.run(["envsync", "apply", "--quiet"], env=os.environ | {"HOME": str(home)}, check=True)


def main() -> None:
    """Record, write the picture beside this script, and print its last frame."""
    for name in [name for name in os.environ if name.startswith(("XDG_", "ENVSYNC_"))]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory).resolve()
        prepare(home, sys.argv[1:])
        recording = Recording()
        shell = Shell(home, recording)
        for line in (HERE / "upgrade.sh").read_text().splitlines():
            shell.type(line)
        shell.close()
    (HERE / "upgrade.svg").write_text(svg(recording.frames, COLUMNS))
    sys.stdout.write("\n".join(recording.screen.display) + "\n")


if __name__ == "__main__":
    main()
