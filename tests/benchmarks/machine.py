"""What was measured on, and with which versions."""

import os
import platform
import re
import subprocess
from pathlib import Path

from contenders import Bench

_MOUNTS = Path("/proc/self/mounts")


def describe(bench: Bench) -> dict[str, str | int | None]:
    """Return of processors, platform, Python, file system and tools; ``None`` for what is not there."""
    tools = bench.tools
    programs = {"envsync": tools.envsync, "uv": (tools.uv,), "virtualenv": (tools.virtualenv,), "venvs": (tools.venvs,)}
    system = {
        "processors": os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "file system": _file_system(str(bench.world.root)),
    }
    return system | {name: _version(bench, command) for name, command in programs.items()}


def _file_system(directory: str) -> str | None:
    """Return the type of the mount that a directory lies on, where the system tells."""
    if not _MOUNTS.exists():
        return None
    mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    above = [mount for mount in mounts if os.path.commonpath((directory, mount[1])) == mount[1]]
    return max(above, key=lambda mount: len(mount[1]))[2]


def _version(bench: Bench, command: tuple[str, ...]) -> str | None:
    if not command[0]:
        return None
    variables = bench.world.variables()
    done = subprocess.run([*command, "--version"], check=False, capture_output=True, text=True, env=variables)
    found = re.search(r"\d+(?:\.\d+)+\S*", done.stdout)
    return found[0] if found else None
