"""Check that an environment is one, by running it, and that nothing in it names where it was built."""

import mmap
import os
import stat

from envsync.model.plan import Blueprint
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.system import variables_without
from envsync.observe.probe import ProbeError, listen

_TIME_LIMIT = 30
"""Seconds."""
_WHOLE = 1 << 20
"""Bytes of a file that are read at once."""
# Written to the descriptor itself: a base may have put something else in the place of sys.stdout.
_QUESTION = """
import json, os, site, sys
answer = json.dumps({
    "prefix": sys.prefix, "version": ".".join(map(str, sys.version_info[:3])), "prefixes": site.PREFIXES,
    "path": sys.path,
})
os.write(1, ("\\nenvsync:" + answer + "\\n").encode())
"""


def works(place: str) -> bool:
    """Check whether the environment at ``place`` runs as one at all."""
    try:
        return _said(place)["prefix"] == place
    except ProbeError:
        return False


def names_no_staging(place: str, path: str, staging_dir: str) -> None:
    """Check that no file of an environment outside of ``site-packages`` names the staging directory ``staging_dir``.

    Its name is unique and needs no quotes, so it stands verbatim wherever it is named. ``path`` is the declared one.
    Raises ``EnvsyncError`` (``verify-failed``) or ``OSError``.
    """
    name = os.fsencode(os.path.basename(staging_dir))
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
    unseen = [one for one in _sites(place, blueprint) if one not in _texts(said["path"])]
    if unseen:
        return f"it does not import from {unseen[0][len(place) + 1 :]}"
    if foreign and not blueprint.system_site_packages:
        return f"it is not isolated: it imports from {foreign[0]}"
    return ""


def _said(place: str) -> dict[str, object]:
    """Ask an environment's Python, as it starts for everybody. Raises ``ProbeError``."""
    environment = variables_without("PYTHON")
    said = listen([f"{place}/bin/python", "-IB", "-c", _QUESTION], environment, limit=_TIME_LIMIT)
    if not said.keys() >= {"prefix", "version", "prefixes", "path"}:
        raise ProbeError("its answer makes no sense")
    return said


def _sites(place: str, blueprint: Blueprint) -> list[str]:
    """Give where packages are looked for and installed, as the interpreter said, where such a directory was made."""
    sites = [f"{place}/{library}/site-packages" for library in blueprint.libraries]
    return [site for site in sites if os.path.isdir(site)]


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
