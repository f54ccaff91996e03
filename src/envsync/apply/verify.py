"""Verify a built environment: it runs as one, and nothing in it names where it was built."""

import mmap
import os
import stat

from envsync.model.blueprint import Blueprint
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.system import variables_without
from envsync.observe.probe import ProbeError, listen

_TIME_LIMIT = 30
"""Seconds."""
_READ_LIMIT = 1 << 20
"""Bytes of a file that are read at once; larger ones are mapped."""
# Written to the descriptor: start-up files of the base may have replaced sys.stdout.
_QUESTION = """
import json, os, site, sys
answer = json.dumps({
    "prefix": sys.prefix, "version": ".".join(map(str, sys.version_info[:3])), "prefixes": site.PREFIXES,
    "path": sys.path,
})
os.write(1, ("\\nenvsync:" + answer + "\\n").encode())
"""


def works(place: str) -> bool:
    """Check whether the environment at ``place`` runs as one."""
    try:
        return _answer(place)["prefix"] == place
    except ProbeError:
        return False


def refuse_staging_paths(place: str, path: str, *staging_dirs: str) -> None:
    """Raise ``EnvsyncError`` (``verify-failed``) if a file outside of ``site-packages`` names a staging directory.

    Their names are unique and need no quotes, so they stand verbatim in whatever dialect. ``path`` is the declared one.
    Raises ``OSError``, too.
    """
    unwanted = [os.fsencode(os.path.basename(one)) for one in staging_dirs]
    for directory, directories, files in os.walk(place):
        directories[:] = [one for one in directories if one != "site-packages"]
        for file in (*directories, *files):
            if _holds(f"{directory}/{file}", unwanted):
                relative = os.path.relpath(f"{directory}/{file}", place)
                message = f"{relative} of the environment built for {path} names the directory in which it was built"
                hint = "Nothing was changed. What writes that file embeds the path in an unknown way: please report it."
                raise EnvsyncError(Problem("verify-failed", message, hint))


def _holds(file: str, unwanted: list[bytes]) -> bool:
    """Check whether a regular file, or the text of a symlink, contains a name. Raises ``OSError``."""
    mode = os.lstat(file).st_mode
    if stat.S_ISLNK(mode):
        text = os.fsencode(os.readlink(file))
        return any(name in text for name in unwanted)
    if not stat.S_ISREG(mode):
        return False
    with open(file, "rb") as stream:
        if os.fstat(stream.fileno()).st_size <= _READ_LIMIT:
            content = stream.read()
            return any(name in content for name in unwanted)
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return any(mapped.find(name) >= 0 for name in unwanted)


def runs_as(place: str, blueprint: Blueprint) -> None:
    """Raise ``EnvsyncError`` (``verify-failed``) if the environment at ``place`` does not run as its blueprint says."""
    reason = mismatch_of(place, blueprint)
    if reason:
        message = f"the environment built for {blueprint.path} does not run as one: {reason}"
        raise EnvsyncError(Problem("verify-failed", message, "Nothing was changed. Check its interpreter link."))


def mismatch_of(place: str, blueprint: Blueprint) -> str:
    """Run the environment at ``place``, and return how it differs from a blueprint; empty if it does not.

    An environment with an empty ``pyvenv.cfg`` runs too, but sees its base's packages: so ``site.PREFIXES`` is compared
    as well. What the base's start-up files add besides is the base's affair.
    """
    try:
        answer = _answer(place)
    except ProbeError as error:
        return str(error)
    version = dict(blueprint.settings)["version"]
    foreign = [one for one in _texts(answer["prefixes"]) if one != place]
    if answer["prefix"] != place:
        return f"its prefix is {answer['prefix']}"
    if answer["version"] != version:
        return f"it is Python {answer['version']}, not {version}"
    unseen = [one for one in _sites(place, blueprint) if one not in _texts(answer["path"])]
    if unseen:
        return f"it does not import from {unseen[0][len(place) + 1 :]}"
    if foreign and not blueprint.system_site_packages:
        return f"it is not isolated: it imports from {foreign[0]}"
    return ""


def _answer(place: str) -> dict[str, object]:
    """Return an environment's answer to the question, its Python started as users do. Raises ``ProbeError``."""
    environment = variables_without("PYTHON")
    answer = listen([f"{place}/bin/python", "-IB", "-c", _QUESTION], environment, limit=_TIME_LIMIT)
    if not answer.keys() >= {"prefix", "version", "prefixes", "path"}:
        raise ProbeError("its answer is not as expected")
    return answer


def _sites(place: str, blueprint: Blueprint) -> list[str]:
    """Return the existing ``site-packages`` directories of a blueprint."""
    sites = [f"{place}/{library}/site-packages" for library in blueprint.libraries]
    return [site for site in sites if os.path.isdir(site)]


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
