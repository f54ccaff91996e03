"""Tell what is kept of an environment, and how much room it takes."""

import os
from dataclasses import dataclass

from envsync import pyvenv_cfg
from envsync.areas import BUILT, MARKER, read_marker
from envsync.observe.environment import read_environment
from envsync.observe.read import read_text

__all__ = ["Kept", "read_kept", "size_of"]


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
    sound: bool
    """Whether it is an environment still."""


def read_kept(area: str) -> Kept:
    """Look at a generation. What cannot be read counts as nothing."""
    marker = read_marker(read_text(f"{area}/{MARKER}"))
    place = f"{area}/{BUILT}"
    settings = dict(pyvenv_cfg.parse(read_text(f"{place}/pyvenv.cfg")))
    try:
        sound = not os.path.islink(place) and read_environment(place, place) is not None
    except OSError:
        sound = False
    version = settings.get("version") or settings.get("version_info")
    return Kept(area, marker.made if marker else "", version, size_of(area), sound)


def size_of(folder: str) -> int:
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
