"""Build an environment in a staging area, with the field's own builders, and make every path in it the declared one."""

import errno
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from functools import partial

from envsync import pyvenv_cfg
from envsync.apply import verify
from envsync.errors import EnvsyncError, Problem
from envsync.observe.tools import find_uv
from envsync.plan.actions import Blueprint
from envsync.write import files

__all__ = ["Workshop", "edit_settings"]

_TIME_LIMIT = 120
"""Seconds that a builder gets."""


class Workshop:
    """Builds environments for one pass; what two of them share is done once."""

    def __init__(self, cache: str, logs: str) -> None:
        """Take the cache folder, in which virtualenv keeps what it knows of interpreters, and the folder for logs."""
        self._cache = cache
        self._logs = logs
        self._verified: set[tuple[object, ...]] = set()
        self._virtualenv = threading.Lock()  # it keeps state in module globals

    def build(self, blueprint: Blueprint, place: str) -> None:
        """Build the environment of a blueprint in ``place``, which must not be there yet, and check that it runs.

        Raises ``EnvsyncError`` (``builder-failed``, ``verify-failed``) or ``OSError``.
        """
        builder = self._builder(blueprint)
        builder(blueprint, place)
        _dress(blueprint, place)
        alike = (blueprint.links, blueprint.settings[0], blueprint.builders, blueprint.system_site_packages)
        if alike not in self._verified:
            verify.runs_as(place, blueprint)
            self._verified.add(alike)

    def log_of(self, blueprint: Blueprint) -> str:
        """Name the log of an environment's installer."""
        return f"{self._logs}/{blueprint.name}.log"

    def _builder(self, blueprint: Blueprint) -> Callable[[Blueprint, str], None]:
        for name in blueprint.builders:
            match name:
                case "virtualenv":
                    return self._with_virtualenv
                case "venv":
                    return _with_venv
                case "uv":
                    uv = find_uv()
                    if uv:
                        return partial(_with_uv, uv)
                case _:
                    continue
        hint = 'Install it (the extra `uv` brings uv), or set `builder` to "uv|virtualenv".'
        raise EnvsyncError(Problem("builder-missing", f"no builder of {'|'.join(blueprint.builders)} is there", hint))

    def _with_virtualenv(self, blueprint: Blueprint, place: str) -> None:
        from virtualenv import cli_run  # noqa: PLC0415  # 80 ms that only building should cost

        arguments = ["--quiet", "--no-seed", "--symlinks", "--python", blueprint.executable]
        arguments += ["--app-data", f"{self._cache}/virtualenv"]
        if blueprint.system_site_packages:
            arguments.append("--system-site-packages")
        if blueprint.prompt is not None:
            arguments += ["--prompt", blueprint.prompt]
        # The user's own settings for virtualenv are for virtualenv: they could clear, copy or download.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("VIRTUALENV_")}
        environment["VIRTUALENV_CONFIG_FILE"] = os.devnull
        try:
            with self._virtualenv:
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
    _run("venv", blueprint, [*arguments, place], os.environ)


def _with_uv(uv: str, blueprint: Blueprint, place: str) -> None:
    arguments = [uv, "venv", "--quiet", "--no-config", "--no-project", "--no-python-downloads"]
    arguments += ["--python", blueprint.executable]
    if blueprint.system_site_packages:
        arguments.append("--system-site-packages")
    if blueprint.prompt is not None:
        arguments += ["--prompt", blueprint.prompt]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("UV_VENV", "UV_PYTHON"))}
    _run("uv", blueprint, [*arguments, place], environment)


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


def _dress(blueprint: Blueprint, place: str) -> None:
    """Make what a builder wrote what the blueprint says."""
    for name, text in blueprint.links:
        files.set_inner_link(place, f"bin/{name}", text)
    if blueprint.lib64 and not os.path.lexists(f"{place}/lib64"):
        files.set_inner_link(place, "lib64", "lib")
    with open(f"{place}/pyvenv.cfg", encoding="utf-8", errors="surrogateescape") as file:
        present = dict(pyvenv_cfg.parse(file.read()))
    kept = {key: value for key, value in blueprint.optional if key in present}
    edit_settings(place, kept | dict(blueprint.settings), drop=frozenset({"command"}))


def edit_settings(environment: str, settings: Mapping[str, str], drop: frozenset[str] = frozenset()) -> None:
    """Set keys of an environment's ``pyvenv.cfg`` in place."""

    def edit(content: bytes) -> bytes:
        text = content.decode("utf-8", "surrogateescape")
        return pyvenv_cfg.update(text, settings, drop=drop).encode("utf-8", "surrogateescape")

    files.edit_inner_file(environment, "pyvenv.cfg", edit)
