"""Check, by running it, that an environment is one: its own prefix, its Python, isolated from its base."""

import os

from envsync.errors import EnvsyncError, Problem
from envsync.observe.probe import ProbeError, listen
from envsync.plan.actions import Blueprint

__all__ = ["reason_not_to_run", "runs_as", "works"]

_TIME_LIMIT = 30
"""Seconds."""
# Written to the descriptor itself: a base may have put something else in the place of sys.stdout.
_QUESTION = """
import json, os, site, sys
answer = json.dumps({
    "prefix": sys.prefix, "version": ".".join(map(str, sys.version_info[:3])), "prefixes": site.PREFIXES,
})
os.write(1, ("\\nenvsync:" + answer + "\\n").encode())
"""


def works(place: str) -> bool:
    """Tell whether the environment at ``place`` runs as one at all."""
    try:
        return _said(place)["prefix"] == place
    except ProbeError:
        return False


def runs_as(place: str, blueprint: Blueprint) -> None:
    """Run the environment at ``place``, built for a blueprint. Raises ``EnvsyncError`` (``verify-failed``)."""
    reason = reason_not_to_run(place, blueprint)
    if reason:
        message = f"the environment built for {blueprint.path} does not run as one: {reason}"
        raise EnvsyncError(Problem("verify-failed", message, "Nothing was changed. Look at its interpreter link."))


def reason_not_to_run(place: str, blueprint: Blueprint) -> str:
    """Run the environment at ``place`` and compare what it says with a blueprint; return what is wrong, if anything.

    An environment with an empty ``pyvenv.cfg`` runs as well, but sees its base's packages: so the prefixes whose
    packages Python adds are compared too. What a base's own start-up files add beside those is the base's affair.
    """
    try:
        said = _said(place)
    except ProbeError as error:
        return str(error)
    version = dict(blueprint.settings)["version"]
    foreign = [one for one in _texts(said["prefixes"]) if one != place]
    if said["prefix"] != place:
        return f"its prefix is {said['prefix']}"
    if said["version"] != version:
        return f"it is Python {said['version']}, not {version}"
    if foreign and not blueprint.system_site_packages:
        return f"it is not isolated: it imports from {foreign[0]}"
    return ""


def _said(place: str) -> dict[str, object]:
    """Ask an environment's Python, as it starts for everybody. Raises ``ProbeError``."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    said = listen([f"{place}/bin/python", "-I", "-c", _QUESTION], environment, limit=_TIME_LIMIT)
    if not said.keys() >= {"prefix", "version", "prefixes"}:
        raise ProbeError("its answer makes no sense")
    return said


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
