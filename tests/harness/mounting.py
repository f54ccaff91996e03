"""Mounts for tests: only root may, and not everywhere."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["mounted", "overlaid"]


@contextlib.contextmanager
def mounted(*arguments: object) -> Iterator[None]:
    """Mount as mount(8) does with these arguments, of which the last is the mount point; skip the test without."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root mounts")
    done = subprocess.run(["mount", *map(str, arguments)], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(arguments[-1])], check=True)


@contextlib.contextmanager
def overlaid(lower: Path, layers: Path, point: Path, options: str = "") -> Iterator[None]:
    """Mount an overlay of which ``lower`` is the lower layer; ``layers`` gets the upper one."""
    for name in ("upper", "work"):
        (layers / name).mkdir(parents=True)
    text = f"lowerdir={lower},upperdir={layers}/upper,workdir={layers}/work{options}"
    with mounted("-t", "overlay", "-o", text, "none", point):
        yield
