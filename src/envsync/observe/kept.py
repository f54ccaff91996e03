"""Tell what is kept of an environment, and how much room it takes."""

import os
from dataclasses import dataclass

from envsync import pyvenv_cfg
from envsync.areas import BUILT, MARKER, read_marker
from envsync.observe.read import read_text

__all__ = ["Kept", "read_kept"]


@dataclass(frozen=True, slots=True)
class Kept:
    """One generation."""

    area: str
    made: str
    """When it was replaced, ISO 8601."""
    version: str | None
    """Of its Python."""
    size: int
    """Bytes on the disk."""


def read_kept(area: str) -> Kept:
    """Look at a generation. What cannot be read counts as nothing."""
    marker = read_marker(read_text(f"{area}/{MARKER}"))
    settings = dict(pyvenv_cfg.parse(read_text(f"{area}/{BUILT}/pyvenv.cfg")))
    return Kept(
        area, marker.made if marker else "", settings.get("version") or settings.get("version_info"), _size(area)
    )


def _size(folder: str) -> int:
    """Add up what the files take, a file with several links once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            try:
                found = os.lstat(f"{place}/{name}")
            except OSError:
                continue
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_blocks * 512
    return total
