"""The field's own builders: virtualenv, venv and uv, each told to build without packages and to keep its hands off."""

import errno
import os
import subprocess
import threading
from collections.abc import Mapping

from envsync.errors import EnvsyncError, Problem
from envsync.observe.uv import find_uv
from envsync.plan.actions import Blueprint

__all__ = ["build_bare"]

_TIME_LIMIT = 120
"""Seconds that a builder gets."""
_VIRTUALENV = threading.Lock()
"""virtualenv keeps state in module globals."""


def build_bare(blueprint: Blueprint, place: str, cache: str) -> None:
    """Build an environment in ``place``, which must not be there yet, with the first of the blueprint's builders.

    ``cache`` is where virtualenv keeps what it knows of interpreters. Raises ``EnvsyncError`` (``builder-missing``,
    ``builder-failed``) or ``OSError``.
    """
    for name in blueprint.builders:
        match name:
            case "virtualenv":
                return _with_virtualenv(blueprint, place, cache)
            case "venv":
                return _with_venv(blueprint, place)
            case "uv":
                uv = find_uv()
                if uv is not None:
                    return _with_uv(uv, blueprint, place)
            case _:
                continue
    hint = 'Install it (the extra `uv` brings uv), or set `builder` to "uv|virtualenv".'
    raise EnvsyncError(Problem("builder-missing", f"{' and '.join(blueprint.builders)} cannot be found", hint))


def _with_virtualenv(blueprint: Blueprint, place: str, cache: str) -> None:
    from virtualenv import cli_run  # noqa: PLC0415  # 80 ms that only building should cost

    arguments = ["--quiet", "--no-seed", "--symlinks", "--python", blueprint.executable]
    arguments += ["--app-data", f"{cache}/virtualenv"]
    if blueprint.system_site_packages:
        arguments.append("--system-site-packages")
    if blueprint.prompt is not None:
        arguments += ["--prompt", blueprint.prompt]
    # The user's own settings for virtualenv are for virtualenv: they could clear, copy or download.
    environment = {key: value for key, value in _environment().items() if not key.startswith("VIRTUALENV_")}
    environment["VIRTUALENV_CONFIG_FILE"] = os.devnull
    try:
        with _VIRTUALENV:
            cli_run([*arguments, place], setup_logging=False, env=environment)
    except (Exception, SystemExit) as error:
        if isinstance(error, OSError):
            raise
        raise _failed("virtualenv", blueprint, str(error)) from error


def _with_venv(blueprint: Blueprint, place: str) -> None:
    arguments = [blueprint.executable, "-E", "-s", "-m", "venv", "--without-pip", "--symlinks"]
    if blueprint.system_site_packages:
        arguments.append("--system-site-packages")
    if blueprint.prompt is not None:
        arguments += ["--prompt", blueprint.prompt]
    _run("venv", blueprint, [*arguments, place], _environment())


def _with_uv(uv: str, blueprint: Blueprint, place: str) -> None:
    arguments = [uv, "venv", "--quiet", "--no-config", "--no-project", "--no-python-downloads"]
    arguments += ["--python", blueprint.executable]
    if blueprint.system_site_packages:
        arguments.append("--system-site-packages")
    if blueprint.prompt is not None:
        arguments += ["--prompt", blueprint.prompt]
    environment = {key: value for key, value in _environment().items() if not key.startswith(("UV_VENV", "UV_PYTHON"))}
    _run("uv", blueprint, [*arguments, place], environment)


def _environment() -> dict[str, str]:
    """Return the variables for a builder: what the shell sets for Python is for other programs."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def _run(builder: str, blueprint: Blueprint, arguments: list[str], environment: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            arguments,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIME_LIMIT,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed(builder, blueprint, f"it took longer than {_TIME_LIMIT} seconds") from error
    if done.returncode != 0:
        raise _failed(builder, blueprint, (done.stderr or done.stdout).strip()[-500:])


def _failed(builder: str, blueprint: Blueprint, reason: str) -> EnvsyncError:
    if os.strerror(errno.ENOSPC) in reason:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), blueprint.end)
    message = f"{builder} cannot build an environment with {blueprint.executable}: {reason}"
    return EnvsyncError(Problem("builder-failed", message, "Nothing was changed. Try another `builder`."))
