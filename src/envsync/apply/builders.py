"""The field's own builders: virtualenv, venv and uv, each asked to build without packages and to keep its hands off."""

import errno
import os
from collections.abc import Mapping
from subprocess import TimeoutExpired

from envsync.model.blueprint import Blueprint
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.system import variables_without
from envsync.model.world import Backend
from envsync.observe.activators import open_session
from envsync.observe.processes import run

_TIME_LIMIT = 120
"""Seconds that a builder gets."""
_ROOM = 1 << 20
"""Bytes that have to be free for an environment without packages, and more than that."""


def build_bare(builder: Backend, blueprint: Blueprint, place: str, app_data: str) -> None:
    """Build an environment in ``place``, which must not be there yet.

    ``app_data`` is where virtualenv keeps what it knows of interpreters. Raises ``EnvsyncError`` (``builder-missing``,
    ``builder-failed``) or ``OSError``.
    """
    if builder.missing:
        raise EnvsyncError(Problem("builder-missing", builder.missing, "Install it, or set another `builder`."))
    _BUILD[builder.name](builder, blueprint, place, app_data)


def _with_virtualenv(builder: Backend, blueprint: Blueprint, place: str, app_data: str) -> None:
    options = ("--system-site-packages",) if blueprint.system_site_packages else ()
    try:
        with open_session(blueprint.executable, place, app_data, *options) as session:
            session.run()
    except (Exception, SystemExit) as error:
        if isinstance(error, OSError | MemoryError | UnicodeError):
            raise
        raise _failed(builder, blueprint, place, str(error)) from error


def _with_venv(builder: Backend, blueprint: Blueprint, place: str, app_data: str) -> None:
    del app_data
    arguments = [blueprint.executable, "-E", "-s", "-m", "venv", "--without-pip", "--symlinks"]
    if blueprint.system_site_packages:
        arguments.append("--system-site-packages")
    _run(builder, blueprint, place, [*arguments, place], _environment())


def _with_uv(builder: Backend, blueprint: Blueprint, place: str, app_data: str) -> None:
    del app_data
    arguments = [builder.program, "venv", "--quiet", "--no-config", "--no-project", "--no-python-downloads"]
    arguments += ["--python", blueprint.executable]
    if blueprint.system_site_packages:
        arguments.append("--system-site-packages")
    environment = {key: value for key, value in _environment().items() if not key.startswith(("UV_VENV", "UV_PYTHON"))}
    _run(builder, blueprint, place, [*arguments, place], environment)


_BUILD = {"virtualenv": _with_virtualenv, "venv": _with_venv, "uv": _with_uv}
"""By the names that a manifest has for them; :mod:`envsync.observe.backends` finds them."""


def _environment() -> dict[str, str]:
    """Return the variables for a builder: what the shell sets for Python is for other programs."""
    return variables_without("PYTHON")


def _run(
    builder: Backend, blueprint: Blueprint, place: str, arguments: list[str], environment: Mapping[str, str]
) -> None:
    try:
        done = run(arguments, environment, limit=_TIME_LIMIT)
    except TimeoutExpired as error:
        raise _failed(builder, blueprint, place, f"it took longer than {_TIME_LIMIT} seconds") from error
    if done.status != 0:
        raise _failed(builder, blueprint, place, (done.errors or done.output).strip()[-500:])


def _failed(builder: Backend, blueprint: Blueprint, place: str, reason: str) -> Exception:
    """Return the failure of a builder: what it left is there still, so a file system that is full shows as such."""
    if not _has_room(os.path.dirname(place)):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), blueprint.end)
    message = f"{builder.name} cannot build an environment with {blueprint.executable}: {reason}"
    return EnvsyncError(Problem("builder-failed", message, "Nothing was changed. Try another `builder`."))


def _has_room(directory: str) -> bool:
    """Check whether an environment could be made on a file system; some do not count inodes (statvfs(3))."""
    found = os.statvfs(directory)
    has_inodes = found.f_files == 0 or found.f_favail > 0
    return has_inodes and found.f_bavail * found.f_frsize > _ROOM
