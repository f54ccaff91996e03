"""The interpreters that environments are made for."""

import os
import subprocess
import sys

from envsync.observe.discover import discover

_OLDEST = (3, 9)
_QUESTION = "import sys; print('.'.join(map(str, sys.version_info[:2])))"


def this() -> str:
    """Return the interpreter that this runs on: neither an environment's nor a shim."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def other() -> str:
    """Return the newest CPython of this machine that is of another minor version; empty text where there is none."""
    fitting = [
        one
        for one in discover().candidates
        if (one.implementation, one.final, one.free_threaded) == ("cpython", True, False)
        and _OLDEST <= one.version[:2] != sys.version_info[:2]
    ]
    newest = sorted(fitting, key=lambda one: one.version, reverse=True)
    return next((os.path.realpath(one.link) for one in newest if _runs_as(one.link, one.version[:2])), "")


def _runs_as(link: str, minor: tuple[int, ...]) -> bool:
    try:
        done = subprocess.run([link, "-I", "-c", _QUESTION], check=False, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == ".".join(map(str, minor))
