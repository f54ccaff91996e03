"""Ask the kernel in which layer of an overlay a directory is."""

import ctypes
import os

__all__ = ["in_upper_layer"]

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
