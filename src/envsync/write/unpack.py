"""Unpack a wheel into the cache: Python keeps the byte code of modules in a folder, but not of those in an archive."""

import os
import shutil
import tempfile
import weakref
from zipfile import ZipFile, ZipInfo
from zlib import crc32

from envsync.write.locks import hold

__all__ = ["temporary_directory", "unpack"]

_TIME_LIMIT = 60.0
"""Seconds to wait for another pass that unpacks."""


def unpack(wheel: str, cache: str) -> str:
    """Give the folder that holds a wheel's files, unpacked if they are not, or not all, there yet.

    Raises ``OSError`` or ``EnvsyncError``, and whatever zipfile does for what is no wheel.
    """
    place = f"{os.path.realpath(cache)}/{os.path.basename(wheel).removesuffix('.whl')}"
    with hold(cache, place, _TIME_LIMIT), ZipFile(wheel) as archive:
        for member in archive.infolist():
            # Beside its metadata, a package counts as installed for whoever runs it from there.
            if ".dist-info/" not in member.filename and not _is_there(place, member):
                archive.extract(member, place)
    return place


def temporary_directory(owner: object) -> str:
    """Make a directory that goes with an object, or at the end of the process. Raises ``OSError``."""
    place = tempfile.mkdtemp(prefix="envsync-")
    weakref.finalize(owner, shutil.rmtree, place, ignore_errors=True)
    return place


def _is_there(place: str, member: ZipInfo) -> bool:
    try:
        if member.is_dir():
            return True
        with open(f"{place}/{member.filename}", "rb") as file:
            content = file.read(member.file_size + 1)
        return len(content) == member.file_size and crc32(content) == member.CRC
    except OSError:
        return False
