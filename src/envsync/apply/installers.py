"""Find installers, and run them from outside of the environment: uv where it is, else pip."""

import contextlib
import glob
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO
from zipfile import BadZipFile

from envsync.formats.installers.command import Command, Installer, gist
from envsync.formats.installers.pip import Pip
from envsync.formats.installers.uv import Uv
from envsync.formats.redact import redacted
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.installer import find_uv
from envsync.observe.processes import started
from envsync.write.files import new_log
from envsync.write.unpack import keep_byte_code, unpack

if TYPE_CHECKING:
    from subprocess import Popen


_KEPT = 1 << 20
"""Characters of its output that are looked at."""


class InstallError(EnvsyncError):
    """An installer failed; what it said is in its problem, trimmed, with the place of the full log."""


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs installers, with all that they say in a log; no secret gets into it."""

    log: str

    def run(self, command: Command) -> None:
        """Run one command. Raises ``InstallError`` or ``OSError``."""
        said: list[str] = []
        with new_log(self.log) as stream:
            began = datetime.now(UTC).isoformat(timespec="seconds")
            head = redacted(f"[{began}] $ {' '.join(command.arguments)}\n")
            stream.write(head.encode(errors="backslashreplace"))
            stream.flush()
            with started(
                command.arguments, command.environment, directory=command.directory, stdin=subprocess.PIPE, merged=True
            ) as process:
                threading.Thread(target=_feed, args=(process, command.lines), daemon=True).start()
                _follow(process, stream, said)
        if process.returncode:
            message = gist("".join(said)) or f"exit status {process.returncode}"
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


def _follow(process: "Popen[bytes]", log: BinaryIO, said: list[str]) -> None:
    """Copy what a process says to a log, line by line, and keep the beginning of it."""
    kept = 0
    for line in process.stdout or ():
        text = redacted(line.decode(errors="replace"))
        log.write(text.encode(errors="backslashreplace"))
        log.flush()
        if kept < _KEPT:
            said.append(text)
            kept += len(text)


def find_installer(name: str, minor: str, stdlib: str, cache: str | None, spare: Callable[[], str]) -> Installer:
    """Return an installer for a Python: ``uv``, ``pip``, or with ``auto`` uv where it is and knows such a Python.

    pip is unpacked into the directory ``cache``, or where that cannot be into what ``spare`` returns. Raises
    ``EnvsyncError``.
    """
    known = tuple(int(part) for part in minor.split(".")) >= (3, 8)
    uv = find_uv() if name != "pip" and (known or name == "uv") else None
    if uv is not None:
        return Uv(uv)
    if name == "uv":
        problem = Problem("installer-missing", "uv cannot be found", 'Install it, or set `installer` to "auto".')
        raise EnvsyncError(problem)
    wheel = _pip_wheel(minor, stdlib)
    if cache is not None:
        with contextlib.suppress(OSError, EnvsyncError, BadZipFile):
            return Pip(unpack(wheel, cache))
    try:
        return Pip(unpack(wheel, spare()))
    except BadZipFile as error:
        raise EnvsyncError(Problem("installer-missing", f"{wheel} is damaged: {error}", "Install uv.")) from error


def keep_byte_code_of(installer: Installer) -> None:
    """Keep the byte code that Python has written of an installer in a run that has ended, for the next ones."""
    if isinstance(installer, Pip):
        keep_byte_code(installer.home)


def _pip_wheel(minor: str, stdlib: str) -> str:
    """Find a wheel of pip for a Python: virtualenv's, else the one that the Python brings itself."""
    from virtualenv.seed.wheels.embed import get_embed_wheel  # noqa: PLC0415  # only for installing

    wheel = get_embed_wheel("pip", minor)
    if wheel is not None:
        return str(wheel.path)
    bundled = sorted(glob.glob(f"{glob.escape(stdlib)}/ensurepip/_bundled/pip-*.whl"))
    if not bundled:
        message = f"there is no pip for Python {minor}"
        raise EnvsyncError(Problem("installer-missing", message, "Install uv: the extra `uv` brings it."))
    return bundled[-1]
