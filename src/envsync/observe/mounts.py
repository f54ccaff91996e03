"""Find what is mounted in a folder, and what cannot be renamed since it comes with a lower layer of an overlay."""

import os
import re
import sys
from dataclasses import dataclass

__all__ = ["in_lower_layer", "mounts_in"]

_TABLE = "/proc/self/mountinfo"
_LAYERED = frozenset({"overlay", "fuse.fuse-overlayfs", "aufs"})
"""File systems of containers and live images, made of layers of which only the upper one is written to."""


@dataclass(frozen=True, slots=True)
class _Mount:
    point: str
    kind: str
    options: tuple[str, ...]
    """Of the file system."""


def mounts_in(folder: str) -> tuple[str, ...]:
    """List the mount points at and below a real folder (proc_pid_mountinfo(5); elsewhere only the folder itself).

    A bind mount on the same file system can be told in no other way.
    """
    mounts = _mounts()
    if mounts is None:
        return (folder,) if os.path.ismount(folder) else ()
    return tuple(one.point for one in mounts if _holds(folder, one.point))


def in_lower_layer(folder: str) -> bool:
    """Check whether a real directory may be one that an overlay cannot rename: it came with a lower layer (EXDEV).

    The kernel says of its own overlays in which layer a directory is (Linux 6.7); before, and of other file systems of
    this kind, it is only known once it was tried.
    """
    around = [one for one in _mounts() or () if _holds(one.point, folder)]
    mount = max(around, key=lambda one: len(one.point), default=None)
    if mount is None or mount.kind not in _LAYERED or "redirect_dir=on" in mount.options:
        return False
    if mount.kind != "overlay":
        return True
    from envsync.observe.layers import in_upper_layer  # noqa: PLC0415  # only where there is an overlay

    return not in_upper_layer(folder)


def _mounts() -> list[_Mount] | None:
    """Read the table of mounts, the latest last; ``None`` where there is none."""
    if sys.platform != "linux":
        return None
    try:
        with open(_TABLE, "rb") as table:
            return [_mount(line.rstrip(b"\n").split(b" ")) for line in table]
    except (OSError, IndexError, ValueError):
        return None


def _mount(fields: list[bytes]) -> _Mount:
    after = fields.index(b"-", 6)
    options = os.fsdecode(fields[after + 3]).split(",")
    return _Mount(os.fsdecode(_unescape(fields[4])), os.fsdecode(fields[after + 1]), tuple(options))


def _holds(folder: str, place: str) -> bool:
    return place == folder or place.startswith(f"{folder.rstrip('/')}/")


def _unescape(text: bytes) -> bytes:
    if b"\\" not in text:
        return text
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), text)
