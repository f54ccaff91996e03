"""Make installers ready, and run them from outside of the environment."""

import contextlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO
from zipfile import BadZipFile

from envsync.formats.installers import INSTALLERS
from envsync.formats.installers.command import Command, Installer, gist
from envsync.formats.redact import redacted
from envsync.model.dataclass import dataclass
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.world import Backend
from envsync.observe.processes import started
from envsync.write.files import new_log
from envsync.write.unpack import keep_byte_code, unpack

if TYPE_CHECKING:
    from subprocess import Popen


_KEPT = 1 << 20
"""Characters of its output that are looked at."""


class InstallError(EnvsyncError):
    """An installer failed; what it output is in its problem, trimmed, with the place of the full log."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs installers, with all that they say in a log; no secret gets into it."""

    log: str
    output: Callable[[str], None]
    """Called with each line that they print."""

    def run(self, command: Command) -> None:
        """Run one command. Raises ``InstallError`` or ``OSError``."""
        output: list[str] = []
        with new_log(self.log) as stream:
            began = datetime.now(UTC).isoformat(timespec="seconds")
            head = redacted(f"[{began}] $ {' '.join(command.arguments)}\n")
            stream.write(head.encode(errors="backslashreplace"))
            stream.flush()
            with started(
                command.arguments, command.environment, directory=command.directory, stdin=subprocess.PIPE, merged=True
            ) as process:
                threading.Thread(target=_feed, args=(process, command.lines), daemon=True).start()
                _follow(process, stream, output, self.output)
        if process.returncode:
            message = gist("".join(output)) or f"exit status {process.returncode}"
            raise InstallError(Problem("install-failed", message, f"The full log: {self.log}"))

    def succeeds(self, command: Command) -> bool:
        """Run one command that answers by its exit status."""
        try:
            self.run(command)
        except InstallError:
            return False
        return True


def _feed(process: "Popen[bytes]", lines: tuple[str, ...]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError), process.stdin as stdin:  # it ended without having read all
            stdin.write("".join(f"{line}\n" for line in lines).encode())


def _follow(process: "Popen[bytes]", log: BinaryIO, output: list[str], follower: Callable[[str], None]) -> None:
    """Copy what a process says to a log, line by line, and keep the beginning of it."""
    kept = 0
    for line in process.stdout or ():
        text = redacted(line.decode(errors="replace"))
        log.write(text.encode(errors="backslashreplace"))
        log.flush()
        follower(text)
        if kept < _KEPT:
            output.append(text)
            kept += len(text)


class UnfitInstallerError(Exception):
    """An installer cannot work with an environment's Python at all; another one may."""

    def __init__(self, name: str, error: EnvsyncError) -> None:
        super().__init__(f"{name} cannot work with this Python: {error}")
        self.name = name
        self.error = error
        """What it failed with."""


@contextlib.contextmanager
def prepared(backend: Backend, cache: str | None, spare: Callable[[], str]) -> Iterator[Installer]:
    """Yield an installer that is ready to run.

    A wheel is unpacked into the directory ``cache``, or where that cannot be into what ``spare`` returns; the byte
    code that Python writes of it meanwhile is kept for later. Raises ``EnvsyncError``.
    """
    if backend.missing:
        raise EnvsyncError(Problem("installer-missing", backend.missing, "Install it, or set another `installer`."))
    installer = INSTALLERS[backend.name]
    if not backend.program.endswith(".whl"):
        yield installer(backend.program)
        return
    home = _unpacked(backend.program, cache, spare)
    try:
        yield installer(home)
    finally:
        keep_byte_code(home)


def _unpacked(wheel: str, cache: str | None, spare: Callable[[], str]) -> str:
    if cache is not None:
        with contextlib.suppress(OSError, EnvsyncError, BadZipFile):
            return unpack(wheel, cache)
    try:
        return unpack(wheel, spare())
    except BadZipFile as error:
        raise EnvsyncError(Problem("installer-missing", f"{wheel} is damaged: {error}", "Install uv.")) from error
