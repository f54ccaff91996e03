"""Install packages with the field's own installers: uv where it is, else pip, run from outside of the environment."""

import contextlib
import glob
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from zipfile import BadZipFile

from envsync.errors import EnvsyncError, Problem
from envsync.observe.uv import find_uv
from envsync.plan.actions import Blueprint
from envsync.write.files import new_log
from envsync.write.unpack import unpack

__all__ = ["InstallError", "Installer", "Space", "Uv", "find_installer"]

_SHOWN = 4
"""Lines that are shown of the beginning, and of the end, of a failed installer's output."""
_WIDEST = 300
"""Characters of each."""
_FAILURE = re.compile(r"\s*(?:error|failed|because|\N{MULTIPLICATION SIGN})", re.IGNORECASE)
_FRAME = re.compile(r"^[\s\N{MULTIPLICATION SIGN}\u2500-\u25ff]+")
"""What uv draws around its messages."""


@dataclass(frozen=True, slots=True)
class Space:
    """Where an installer may put things."""

    log: str
    """The file for all that it says."""
    cache: str | None
    """The folder for what later passes can use as well."""


class InstallError(EnvsyncError):
    """An installer failed; what it said is in its problem, trimmed, with the place of the full log."""


class Installer(Protocol):
    """Installs into an environment, which it does not live in."""

    def install(self, place: str, arguments: Sequence[str], *, dependencies: bool = True, cwd: str = "/") -> None:
        """Install requirements, given as pip takes them on its command line. Raises ``InstallError``."""

    def uninstall(self, place: str, names: Sequence[str]) -> None:
        """Remove distributions by name. Raises ``InstallError``."""


@dataclass(frozen=True, slots=True)
class Uv:
    """uv, as ``uv pip``."""

    binary: str
    log: str
    cached: bool = True
    """Whether it may take files from its cache, with which environments share them."""

    def install(self, place: str, arguments: Sequence[str], *, dependencies: bool = True, cwd: str = "/") -> None:
        """Install with ``uv pip install``."""
        more = [] if dependencies else ["--no-deps"]
        self._run(place, ["pip", "install", "--python", f"{place}/bin/python", *more, *arguments], cwd)

    def uninstall(self, place: str, names: Sequence[str]) -> None:
        """Remove with ``uv pip uninstall``."""
        self._run(place, ["pip", "uninstall", "--python", f"{place}/bin/python", *names], "/")

    def knows(self, place: str) -> bool:
        """Check whether it can work with the environment's Python: it refuses one that prints when it starts."""
        try:
            self._run(place, ["pip", "list", "--offline", "--python", f"{place}/bin/python"], "/")
        except InstallError:
            return False
        return True

    def sync(self, place: str, project: str, options: Sequence[str]) -> None:
        """Install a project as its ``uv.lock`` says."""
        arguments = ["sync", "--frozen", "--project", project, "--python", f"{place}/bin/python", *options]
        self._run(place, arguments, project)

    def _run(self, place: str, arguments: list[str], cwd: str) -> None:
        variables = {"UV_PROJECT_ENVIRONMENT": place, "UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never"}
        if not self.cached:
            variables |= {"UV_NO_CACHE": "1", "UV_LINK_MODE": "copy"}
        _run([self.binary, *arguments], _environment() | variables, cwd, self.log)


@dataclass(frozen=True, slots=True)
class Pip:
    """pip from a folder or wheel: it runs on the environment's Python without being installed there."""

    home: str
    log: str

    def install(self, place: str, arguments: Sequence[str], *, dependencies: bool = True, cwd: str = "/") -> None:
        """Install with ``pip install``."""
        more = [] if dependencies else ["--no-deps"]
        # Byte code names the folder it was compiled in; Python writes it when it is first needed.
        options = ["--no-compile", "--no-input", "--disable-pip-version-check"]
        self._run(place, ["install", *options, *more, *arguments], cwd)

    def uninstall(self, place: str, names: Sequence[str]) -> None:
        """Remove with ``pip uninstall``."""
        self._run(place, ["uninstall", "--yes", *names], "/")

    def _run(self, place: str, arguments: list[str], cwd: str) -> None:
        command = [f"{place}/bin/python", f"{self.home}/pip", *arguments]
        variables = {"PIP_USER": "0", "PIP_NO_WARN_SCRIPT_LOCATION": "1", "PIP_ROOT_USER_ACTION": "ignore"}
        _run(command, _environment() | variables, cwd, self.log)


def find_installer(wanted: str, blueprint: Blueprint, space: Space, *, cached: bool = True) -> Installer:
    """Give the installer that a manifest asks for: ``uv``, ``pip``, or ``auto``. Raises ``EnvsyncError``.

    Without ``cached`` it takes nothing from a cache whose files environments share.
    """
    minor = tuple(int(part) for part in blueprint.minor.split("."))
    uv = find_uv() if wanted != "pip" and (minor >= (3, 8) or wanted == "uv") else None
    if uv is not None:
        return Uv(uv, space.log, cached)
    if wanted == "uv":
        problem = Problem("installer-missing", "uv is not there", 'Install it, or set `installer` to "auto".')
        raise EnvsyncError(problem)
    return Pip(_at_hand(_pip_wheel(blueprint), space), space.log)


def _at_hand(wheel: str, space: Space) -> str:
    """Give a folder with what is in a wheel; compiling it anew takes pip longer than most installations."""
    if space.cache is not None:
        with contextlib.suppress(OSError, EnvsyncError, BadZipFile):
            return unpack(wheel, space.cache)
    return wheel


def _pip_wheel(blueprint: Blueprint) -> str:
    """Find a wheel of pip for the environment's Python: virtualenv's, else the one that the Python brings itself."""
    from virtualenv.seed.wheels.embed import get_embed_wheel  # noqa: PLC0415  # only for installing

    wheel = get_embed_wheel("pip", blueprint.minor)
    if wheel is not None:
        return str(wheel.path)
    bundled = sorted(glob.glob(f"{glob.escape(blueprint.stdlib)}/ensurepip/_bundled/pip-*.whl"))
    if not bundled:
        message = f"no pip is there for Python {blueprint.minor}"
        raise EnvsyncError(Problem("installer-missing", message, "Install uv: the extra `uv` brings it."))
    return bundled[-1]


def _environment() -> dict[str, str]:
    """Give the variables for an installer: the user's own indexes and proxies, but nothing that says where to."""
    elsewhere = {"VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_REQUIRE_VIRTUALENV"}
    elsewhere |= {"UV_PROJECT_ENVIRONMENT", "UV_SYSTEM_PYTHON", "UV_PYTHON", "UV_BREAK_SYSTEM_PACKAGES", "UV_PROJECT"}
    keep = {key: value for key, value in os.environ.items() if key not in elsewhere}
    return {key: value for key, value in keep.items() if not key.startswith("PYTHON")}


def _run(command: list[str], environment: Mapping[str, str], cwd: str, log: str) -> None:
    with new_log(log) as stream:
        stream.write(f"$ {' '.join(command)}\n".encode(errors="backslashreplace"))
        stream.flush()
        began = stream.tell()
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=environment, cwd=cwd
        )
        if done.returncode == 0:
            return
        stream.seek(began)
        said = stream.read().decode(errors="replace")
    gist = _gist(said) or f"exit status {done.returncode}"
    raise InstallError(Problem("install-failed", gist, f"The full log: {log}"))


def _gist(said: str) -> str:
    """Keep what matters of an installer's output: from its first error on, without progress."""
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", said).splitlines() if line.strip()]
    first = next((number for number, line in enumerate(lines) if _FAILURE.match(line)), None)
    chosen = [line for line in (lines[first:] if first is not None else lines) if "[end of output]" not in line]
    shown = [re.sub(r"^(?:ERROR|error): ", "", _FRAME.sub("", line))[:_WIDEST] for line in chosen]
    if len(shown) > 2 * _SHOWN:  # what failed stands at the beginning, why often at the end
        shown = [*shown[:_SHOWN], "...", *shown[-_SHOWN:]]
    return " / ".join(shown)
