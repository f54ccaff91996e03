"""How many files the kernel watches for a user, and how many are taken (inotify(7), proc_pid_fdinfo(5))."""

import os
import sys
from collections.abc import Iterator

from envsync.observe.read import read_text
from envsync.observed.machine import Inotify

__all__ = ["read_inotify"]

_LIMITS = "/proc/sys/fs/inotify"


def read_inotify() -> Inotify | None:
    """Give the limits and what this user's processes take of them; ``None`` where the system has none to tell."""
    watches, instances = _number("max_user_watches"), _number("max_user_instances")
    if sys.platform != "linux" or watches is None or instances is None:
        return None
    found = list(_instances())
    return Inotify(watches, instances, sum(map(_watches, found)), len(found))


def _number(name: str) -> int | None:
    text = read_text(f"{_LIMITS}/{name}").strip()
    return int(text) if text.isdecimal() else None


def _instances() -> Iterator[str]:
    """Give the ``fdinfo`` file of each instance of this user's processes."""
    for process in filter(str.isdecimal, _names("/proc")):
        try:
            if os.stat(f"/proc/{process}").st_uid != os.getuid():
                continue
        except OSError:
            continue
        for descriptor in _names(f"/proc/{process}/fd"):
            if _text_of(f"/proc/{process}/fd/{descriptor}") == "anon_inode:inotify":
                yield f"/proc/{process}/fdinfo/{descriptor}"


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _text_of(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _watches(file: str) -> int:
    try:
        with open(file, "rb") as lines:
            return sum(line.startswith(b"inotify ") for line in lines)
    except OSError:
        return 0
