"""Check that an environment is one, by running it, and that nothing in it names where it was built."""

import json
import mmap
import os
import stat
import subprocess

from envsync.errors import EnvsyncError, Problem
from envsync.plan.actions import Blueprint

__all__ = ["names_no_staging", "runs_as", "works"]

_TIME_LIMIT = 30
_WHOLE = 1 << 20
"""Bytes of a file that are read at once."""
_QUESTION = """
import json, sys
print(json.dumps({
    "prefix": sys.prefix, "base": sys.base_prefix, "version": ".".join(map(str, sys.version_info[:3])),
    "sites": [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))],
}))
"""


def works(place: str) -> bool:
    """Tell whether the environment at ``place`` runs as one at all."""
    try:
        done = subprocess.run(
            [f"{place}/bin/python", "-I", "-c", "import sys; print(sys.prefix)"],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIME_LIMIT,
            cwd="/",
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and os.fsdecode(done.stdout).removesuffix("\n") == place


def names_no_staging(place: str, path: str, area: str) -> None:
    """Check that no file of an environment outside of ``site-packages`` names the staging directory ``area``.

    Its name is unique and needs no quotes, so it stands verbatim wherever it is named. ``path`` is the declared one.
    Raises ``EnvsyncError`` (``verify-failed``) or ``OSError``.
    """
    name = os.fsencode(os.path.basename(area))
    for directory, directories, files in os.walk(place):
        directories[:] = [one for one in directories if one != "site-packages"]
        for file in (*directories, *files):
            if _holds(f"{directory}/{file}", name):
                relative = os.path.relpath(f"{directory}/{file}", place)
                message = f"{relative} of the environment built for {path} names the directory in which it was built"
                hint = "Nothing was changed. Whatever installs that file writes the path in a way that is not known."
                raise EnvsyncError(Problem("verify-failed", message, hint))


def _holds(file: str, name: bytes) -> bool:
    """Check whether a regular file, or the text of a symlink, has a name in it."""
    mode = os.lstat(file).st_mode
    if stat.S_ISLNK(mode):
        return name in os.fsencode(os.readlink(file))
    if not stat.S_ISREG(mode):
        return False
    with open(file, "rb") as stream:
        if os.fstat(stream.fileno()).st_size <= _WHOLE:
            return name in stream.read()
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(name) >= 0


def runs_as(place: str, blueprint: Blueprint) -> None:
    """Run the environment at ``place`` and compare what it says with the blueprint.

    An environment with an empty ``pyvenv.cfg`` runs as well, but sees its base's packages: that is why the folders it
    imports from are compared too. Raises ``EnvsyncError`` (``verify-failed``).
    """
    try:
        done = subprocess.run(
            [f"{place}/bin/python", "-I", "-c", _QUESTION],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIME_LIMIT,
            cwd="/",
            process_group=0,  # an interruption is not for it
            env={key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        )
        said = json.loads(done.stdout) if done.returncode == 0 else None
    except subprocess.TimeoutExpired as error:
        raise _failed(blueprint, f"it did not answer within {_TIME_LIMIT} seconds") from error
    except ValueError as error:
        raise _failed(blueprint, "it did not answer as Python does") from error
    except OSError as error:
        raise _failed(blueprint, f"it cannot be run: {error.strerror}") from error
    if said is None:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise _failed(blueprint, f"it ended with exit status {done.returncode}: {' '.join(last)}")
    _compare(said, place, blueprint)


def _compare(said: dict[str, object], place: str, blueprint: Blueprint) -> None:
    version = dict(blueprint.settings)["version"]
    foreign = [one for one in _texts(said["sites"]) if not one.startswith(f"{place}/")]
    if said["prefix"] != place:
        raise _failed(blueprint, f"its prefix is {said['prefix']}")
    if said["version"] != version:
        raise _failed(blueprint, f"it is Python {said['version']}, not {version}")
    if foreign and not blueprint.system_site_packages:
        raise _failed(blueprint, f"it is not isolated: it imports from {foreign[0]}")


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _failed(blueprint: Blueprint, reason: str) -> EnvsyncError:
    message = f"the environment built for {blueprint.path} does not run as one: {reason}"
    return EnvsyncError(Problem("verify-failed", message, "Nothing was changed. Look at its interpreter link."))
