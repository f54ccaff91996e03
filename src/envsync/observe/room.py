"""Look at the folders that envsync itself writes in."""

import contextlib
import os
from collections.abc import Iterable, Iterator

from envsync.observe.chain import walk
from envsync.observe.rights import hazard_in
from envsync.observed import EndKind
from envsync.observed.machine import Room

__all__ = ["is_on_path", "noexec", "one_of_each_device", "read_room"]


def read_room(role: str, path: str) -> Room:
    """Tell whether a folder can be written in, or made where it is not there."""
    chain = walk(path)
    if chain.kind is EndKind.DIRECTORY:
        private = not os.stat(chain.end).st_mode & 0o077
        blocked = _blocked(chain.end)
        return Room(role, path, chain.end, True, blocked, hazard_in(chain.end, holds=False), private)
    if chain.kind is EndKind.MISSING:
        outermost = chain.to_make[0] if chain.to_make else chain.end
        return Room(role, path, chain.end, there=False, blocked_by=_blocked(os.path.dirname(outermost)))
    return Room(role, path, chain.end, there=False, blocked_by=chain.end)


def is_on_path(folder: str) -> bool:
    """Tell whether a folder is among those in which commands are looked for, by whatever name."""
    wanted = os.path.realpath(folder)
    return any(os.path.realpath(one) == wanted for one in os.environ.get("PATH", "").split(":") if one.startswith("/"))


def one_of_each_device(folders: Iterable[str]) -> tuple[str, ...]:
    """Choose the first folder of those on each file system, of the folders that are there."""
    devices: dict[int, str] = {}
    for folder in folders:
        if os.path.isdir(folder):
            devices.setdefault(os.stat(folder).st_dev, os.path.realpath(folder))
    return tuple(devices.values())


def noexec(folders: Iterable[str]) -> Iterator[str]:
    """Give those of some folders that are there and in which the system starts no program (mount(8))."""
    for folder in dict.fromkeys(folders):
        with contextlib.suppress(OSError):
            if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
                yield folder


def _blocked(folder: str) -> str:
    return "" if os.access(folder, os.W_OK | os.X_OK) else folder
