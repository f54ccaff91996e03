"""Find mount points and overlay layers: what cannot be renamed, and which paths are the same place."""

import ctypes
import os
from functools import cached_property, lru_cache

from envsync.formats import mountinfo
from envsync.formats.mountinfo import Mount
from envsync.model.system import ON_LINUX, c_library

_TABLE = "/proc/self/mountinfo"
_LAYERED = frozenset({"overlay", "fuse.fuse-overlayfs", "aufs"})
"""File systems with layers, as of containers, of which only the upper one is written to."""


class Mounts:
    """The mounts at one time, as listed by the kernel; empty where it lists none (macOS, no ``/proc``)."""

    def __init__(self) -> None:
        """Read the list on first use (proc_pid_mountinfo(5))."""

    @cached_property
    def _mounts(self) -> tuple[Mount, ...]:
        return _read()

    def within(self, directory: str) -> tuple[str, ...]:
        """Return the mount points at and below a real directory; without a list, only those at it."""
        if not self._mounts:
            return (directory,) if os.path.ismount(directory) else ()
        return tuple(mount.point for mount in self._mounts if _holds(directory, mount.point))

    def in_lower_layer(self, directory: str) -> bool:
        """Check whether a real directory may be in a lower layer of an overlay, which cannot rename it (EXDEV).

        Linux reports the layer of its own overlays from 6.7 on; otherwise only trying shows it.
        """
        mount = self._around(directory)
        if mount is None or mount.kind not in _LAYERED or "redirect_dir=on" in mount.options:
            return False
        if mount.kind != "overlay":
            return True

        return not in_upper_layer(directory)

    def name_of(self, place: str) -> str:
        """Return the name of a real path: file system and path in it, the same through every mount."""
        mount = self._around(place)
        if mount is None:
            return place
        inside = f"{mount.root.rstrip('/')}/{place[len(mount.point) :].lstrip('/')}".rstrip("/")
        # Mounts of different network file systems may share a device.
        return f"{mount.device} {mount.source}:{inside}"

    def is_point(self, place: str) -> bool:
        """Check whether a path is a mount point."""
        return any(mount.point == place for mount in self._mounts)

    def mount_of(self, place: str) -> str:
        """Return the mount point that a real path lies in, empty if unknown."""
        mount = self._around(place)
        return mount.point if mount is not None else ""

    def _around(self, place: str) -> Mount | None:
        found = None
        for mount in self._mounts:  # of two at one point the later one hides the other
            if _holds(mount.point, place) and (found is None or len(mount.point) >= len(found.point)):
                found = mount
        return found


def mounts_in(directory: str) -> tuple[str, ...]:
    """Return the current mount points at and below a real directory."""
    return Mounts().within(directory)


def in_lower_layer(directory: str) -> bool:
    """Check whether an overlay may be unable to rename a real directory; see :meth:`Mounts.in_lower_layer`."""
    return Mounts().in_lower_layer(directory)


def on_one_mount(first: str, second: str) -> bool:
    """Check whether entries of two real directories can be swapped: not between mounts of one file system.

    Raises ``OSError``.
    """
    mounts = Mounts()
    return os.stat(first).st_dev == os.stat(second).st_dev and mounts.mount_of(first) == mounts.mount_of(second)


def name_of(place: str) -> str:
    """Return the name of a real path by the current mounts; see :meth:`Mounts.name_of`."""
    return Mounts().name_of(place)


_parsed = lru_cache(maxsize=1)(mountinfo.parse)


def _read() -> tuple[Mount, ...]:
    if not ON_LINUX:
        return ()
    try:
        with open(_TABLE, "rb") as table:
            return _parsed(table.read())
    except (OSError, IndexError, ValueError):
        return ()


def _holds(directory: str, place: str) -> bool:
    return place == directory or place.startswith(f"{directory.rstrip('/')}/")


_AT_FDCWD = -100
_AT_HANDLE_FID = 0x200  # name_to_handle_at(2): any file system supports it
_OVL_FILEID_V1 = 0xF8
_FLAGS = 6
"""Offset of the flags in ``struct ovl_fb``, with its padding: fs/overlayfs/overlayfs.h."""
_MAGIC_AT, _MAGIC = 4, 0xFB
_PATH_UPPER = 1 << 2


class _Handle(ctypes.Structure):
    _fields_ = (("size", ctypes.c_uint), ("kind", ctypes.c_int), ("content", ctypes.c_ubyte * 128))


def in_upper_layer(directory: str) -> bool:
    """Check whether a directory is only in the upper layer; ``False`` where the kernel does not report it."""
    ask = getattr(c_library(), "name_to_handle_at", None)
    handle, mount = _Handle(size=128), ctypes.c_int()
    if ask is None or ask(_AT_FDCWD, os.fsencode(directory), ctypes.byref(handle), ctypes.byref(mount), _AT_HANDLE_FID):
        return False
    content = bytes(handle.content[: handle.size])
    known = handle.kind == _OVL_FILEID_V1 and len(content) > _FLAGS and content[_MAGIC_AT] == _MAGIC
    return known and bool(content[_FLAGS] & _PATH_UPPER)
