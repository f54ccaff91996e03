"""Check, by running it, that an environment is one: its own prefix, its Python, isolated from its base."""

import json
import os
import subprocess

from envsync.errors import EnvsyncError, Problem
from envsync.plan.actions import Blueprint

__all__ = ["runs_as", "works"]

_TIME_LIMIT = 30
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
            env=_environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and os.fsdecode(done.stdout).removesuffix("\n") == place


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
            env=_environment(),
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


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def _compare(said: dict[str, object], place: str, blueprint: Blueprint) -> None:
    version = dict(blueprint.settings)["version"]
    foreign = [one for one in _texts(said["sites"]) if not one.startswith(f"{place}/")]
    if said["prefix"] != place:
        raise _failed(blueprint, f"its prefix is {said['prefix']}")
    if said["version"] != version:
        raise _failed(blueprint, f"it is Python {said['version']}, not {version}")
    unseen = [one for one in _sites(place, blueprint) if one not in _texts(said["sites"])]
    if unseen:
        raise _failed(blueprint, f"it does not import from {unseen[0][len(place) + 1 :]}")
    if foreign and not blueprint.system_site_packages:
        raise _failed(blueprint, f"it is not isolated: it imports from {foreign[0]}")


def _sites(place: str, blueprint: Blueprint) -> list[str]:
    """Give where packages are looked for and installed, as the interpreter said, where such a directory was made."""
    sites = [f"{place}/{library}/site-packages" for library in blueprint.libraries]
    return [site for site in sites if os.path.isdir(site)]


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _failed(blueprint: Blueprint, reason: str) -> EnvsyncError:
    message = f"the environment built for {blueprint.path} does not run as one: {reason}"
    return EnvsyncError(Problem("verify-failed", message, "Nothing was changed. Look at its interpreter link."))
