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
    newest = [python for minor, python in by_minor().items() if minor != sys.version_info[:2]]
    return newest[-1] if newest else ""


def by_minor() -> dict[tuple[int, int], str]:
    """Return a CPython of each minor version that is installed, by that version, the newest last."""
    found: dict[tuple[int, int], str] = {}
    for one in sorted(discover().candidates, key=lambda one: one.version):
        minor = (one.version[0], one.version[1])
        if minor < _OLDEST or (one.implementation, one.final, one.free_threaded) != ("cpython", True, False):
            continue
        if _runs_as(one.link, minor):
            found[minor] = os.path.realpath(one.link)
    return found


def _runs_as(link: str, minor: tuple[int, ...]) -> bool:
    try:
        done = subprocess.run([link, "-I", "-c", _QUESTION], check=False, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == ".".join(map(str, minor))
