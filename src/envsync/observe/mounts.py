"""Find mount points and the layers of overlays: what cannot be renamed, and which places are the same."""

import ctypes
import os
import re
import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache

_TABLE = "/proc/self/mountinfo"
_LAYERED = frozenset({"overlay", "fuse.fuse-overlayfs", "aufs"})
"""File systems of containers and live images, made of layers of which only the upper one is written to."""


@dataclass(frozen=True, slots=True)
class _Mount:
    point: str
    device: str
    root: str
    """What of the file system is mounted: a path in it."""
    kind: str
    source: str
    options: tuple[str, ...]
    """Of the file system."""


class Mounts:
    """What is mounted at one time, as the kernel lists it; nothing is known where it does not (macOS, no ``/proc``)."""

    def __init__(self) -> None:
        """Read the list when it is asked for first (proc_pid_mountinfo(5))."""

    @cached_property
    def _mounts(self) -> tuple[_Mount, ...]:
        return _read()

    def within(self, directory: str) -> tuple[str, ...]:
        """Return the mount points at and below a real directory; without a list only the directory itself can be told."""
        if not self._mounts:
            return (directory,) if os.path.ismount(directory) else ()
        return tuple(one.point for one in self._mounts if _holds(directory, one.point))

    def in_lower_layer(self, directory: str) -> bool:
        """Check whether a real directory may be one that an overlay cannot rename: it came with a lower layer (EXDEV).

        The kernel says of its own overlays in which layer a directory is (Linux 6.7); before, and of other file systems
        of this kind, it is only known once it was tried.
        """
        mount = self._around(directory)
        if mount is None or mount.kind not in _LAYERED or "redirect_dir=on" in mount.options:
            return False
        if mount.kind != "overlay":
            return True

        return not in_upper_layer(directory)

    def name_of(self, place: str) -> str:
        """Return a real place by its file system and the path in it: the same through whatever mount it is reached."""
        mount = self._around(place)
        if mount is None:
            return place
        inside = f"{mount.root.rstrip('/')}/{place[len(mount.point) :].lstrip('/')}".rstrip("/")
        # Mounts of a network file system may share a device, whatever they are of.
        return f"{mount.device} {mount.source}:{inside}"

    def is_point(self, place: str) -> bool:
        """Check whether something is mounted at a place."""
        return any(one.point == place for one in self._mounts)

    def mount_of(self, place: str) -> str:
        """Return the mount point that a real place is reached by, empty where that is not known."""
        mount = self._around(place)
        return mount.point if mount is not None else ""

    def _around(self, place: str) -> _Mount | None:
        found = None
        for one in self._mounts:  # of two at one point the later one hides the other
            if _holds(one.point, place) and (found is None or len(one.point) >= len(found.point)):
                found = one
        return found


def mounts_in(directory: str) -> tuple[str, ...]:
    """Return the mount points at and below a real directory, as they are now."""
    return Mounts().within(directory)


def in_lower_layer(directory: str) -> bool:
    """Check whether an overlay may be unable to rename a real directory; see :meth:`Mounts.in_lower_layer`."""
    return Mounts().in_lower_layer(directory)


def on_one_mount(one: str, other: str) -> bool:
    """Check whether entries of two real directories can be exchanged: two mounts of one file system do not do."""
    mounts = Mounts()
    return os.stat(one).st_dev == os.stat(other).st_dev and mounts.mount_of(one) == mounts.mount_of(other)


def name_of(place: str) -> str:
    """Return a real place in its file system, as it is mounted now; see :meth:`Mounts.name_of`."""
    return Mounts().name_of(place)


def _read() -> tuple[_Mount, ...]:
    if sys.platform != "linux":
        return ()
    try:
        with open(_TABLE, "rb") as table:
            return _parsed(table.read())
    except (OSError, IndexError, ValueError):
        return ()


@lru_cache(maxsize=1)
def _parsed(table: bytes) -> tuple[_Mount, ...]:
    return tuple(_mount(line.split(b" ")) for line in table.split(b"\n") if line)


def _mount(fields: list[bytes]) -> _Mount:
    _, _, device, root, point, *rest = (os.fsdecode(_unescape(field)) for field in fields)
    kind, source, options = rest[rest.index("-") + 1 :][:3]
    return _Mount(point, device, root, kind, source, tuple(options.split(",")))


def _holds(directory: str, place: str) -> bool:
    return place == directory or place.startswith(f"{directory.rstrip('/')}/")


def _unescape(text: bytes) -> bytes:
    if b"\\" not in text:
        return text
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), text)


_AT_FDCWD = -100
_AT_HANDLE_FID = 0x200  # name_to_handle_at(2): to tell files apart, which every file system can
_OVL_FILEID_V1 = 0xF8
_FLAGS = 6
"""Where the flags are, behind padding, version, magic and length: ``struct ovl_fb``, fs/overlayfs/overlayfs.h."""
_MAGIC_AT, _MAGIC = 4, 0xFB
_PATH_UPPER = 1 << 2


class _Handle(ctypes.Structure):
    _fields_ = (("size", ctypes.c_uint), ("kind", ctypes.c_int), ("content", ctypes.c_ubyte * 128))


def in_upper_layer(directory: str) -> bool:
    """Check whether a directory is in the upper layer alone; ``False`` where the kernel does not say."""
    ask = getattr(ctypes.CDLL(None, use_errno=True), "name_to_handle_at", None)
    handle, mount = _Handle(size=128), ctypes.c_int()
    if ask is None or ask(_AT_FDCWD, os.fsencode(directory), ctypes.byref(handle), ctypes.byref(mount), _AT_HANDLE_FID):
        return False
    content = bytes(handle.content[: handle.size])
    known = handle.kind == _OVL_FILEID_V1 and len(content) > _FLAGS and content[_MAGIC_AT] == _MAGIC
    return known and bool(content[_FLAGS] & _PATH_UPPER)
