"""The field's own builders: virtualenv, venv and uv, each asked to build without packages and to keep its hands off."""

import errno
import os
from collections.abc import Mapping
from subprocess import TimeoutExpired

from envsync.model.plan import Blueprint
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.system import variables_without
from envsync.observe.activators import open_session
from envsync.observe.installer import find_uv
from envsync.observe.processes import run

BUILDERS = ("virtualenv", "venv", "uv")
"""In the order in which they stand in for one another."""
_TIME_LIMIT = 120
"""Seconds that a builder gets."""


def choose_builder(preferred: tuple[str, ...]) -> str:
    """Return the first builder that is there of those that a manifest prefers.

    Raises ``EnvsyncError`` (``builder-missing``).
    """
    for name in preferred:
        if name in BUILDERS and (name != "uv" or find_uv() is not None):
            return name
    hint = 'Install it (the extra `uv` brings uv), or set `builder` to "uv|virtualenv".'
    raise EnvsyncError(Problem("builder-missing", f"{' and '.join(preferred)} cannot be found", hint))


def build_bare(builder: str, blueprint: Blueprint, place: str, app_data: str) -> None:
    """Build an environment in ``place``, which must not be there yet.

    ``app_data`` is where virtualenv keeps what it knows of interpreters. Raises ``EnvsyncError`` (``builder-missing``,
    ``builder-failed``) or ``OSError``.
    """
    match builder:
        case "virtualenv":
            _with_virtualenv(blueprint, place, app_data)
        case "venv":
            _with_venv(blueprint, place)
        case _:
            uv = find_uv()
            if uv is None:
                raise EnvsyncError(Problem("builder-missing", "uv cannot be found", "Install it."))
            _with_uv(uv, blueprint, place)


def _with_virtualenv(blueprint: Blueprint, place: str, app_data: str) -> None:
    options = ("--system-site-packages",) if blueprint.system_site_packages else ()
    try:
        with open_session(blueprint.executable, place, app_data, *options) as session:
            session.run()
    except (Exception, SystemExit) as error:
        if isinstance(error, OSError | MemoryError | UnicodeError):
            raise
        raise _failed("virtualenv", blueprint, str(error)) from error


def _with_venv(blueprint: Blueprint, place: str) -> None:
    arguments = [blueprint.executable, "-E", "-s", "-m", "venv", "--without-pip", "--symlinks"]
    if blueprint.system_site_packages:
        arguments.append("--system-site-packages")
    _run("venv", blueprint, [*arguments, place], _environment())


def _with_uv(uv: str, blueprint: Blueprint, place: str) -> None:
    arguments = [uv, "venv", "--quiet", "--no-config", "--no-project", "--no-python-downloads"]
    arguments += ["--python", blueprint.executable]
    if blueprint.system_site_packages:
        arguments.append("--system-site-packages")
    environment = {key: value for key, value in _environment().items() if not key.startswith(("UV_VENV", "UV_PYTHON"))}
    _run("uv", blueprint, [*arguments, place], environment)


def _environment() -> dict[str, str]:
    """Return the variables for a builder: what the shell sets for Python is for other programs."""
    return variables_without("PYTHON")


def _run(builder: str, blueprint: Blueprint, arguments: list[str], environment: Mapping[str, str]) -> None:
    try:
        done = run(arguments, environment, limit=_TIME_LIMIT)
    except TimeoutExpired as error:
        raise _failed(builder, blueprint, f"it took longer than {_TIME_LIMIT} seconds") from error
    if done.status != 0:
        raise _failed(builder, blueprint, (done.errors or done.output).strip()[-500:])


def _failed(builder: str, blueprint: Blueprint, reason: str) -> EnvsyncError:
    if os.strerror(errno.ENOSPC) in reason:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), blueprint.end)
    message = f"{builder} cannot build an environment with {blueprint.executable}: {reason}"
    return EnvsyncError(Problem("builder-failed", message, "Nothing was changed. Try another `builder`."))
