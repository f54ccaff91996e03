"""Find what is mounted in a folder; a bind mount on the same file system can be told in no other way."""

import os
import re
import sys

__all__ = ["mounts_in"]

_TABLE = "/proc/self/mountinfo"


def mounts_in(folder: str) -> tuple[str, ...]:
    """List the mount points at and below a real folder (proc_pid_mountinfo(5); elsewhere only the folder itself)."""
    if sys.platform != "linux":
        return (folder,) if os.path.ismount(folder) else ()
    try:
        with open(_TABLE, "rb") as table:
            points = [os.fsdecode(_unescape(line.split(b" ")[4])) for line in table]
    except (OSError, IndexError):
        return (folder,) if os.path.ismount(folder) else ()
    return tuple(point for point in points if point == folder or point.startswith(f"{folder.rstrip('/')}/"))


def _unescape(text: bytes) -> bytes:
    if b"\\" not in text:
        return text
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), text)
