"""Flush directory trees to the disk, with one syncfs(2) for many."""

import os
import stat
from collections.abc import Iterable

from envsync.model.system import ON_LINUX, c_library
from envsync.write.directories import flush_directory, kind_of, open_directory, to_disk

_FEW = 2
"""Up to this many directories are flushed one by one, without whatever else waits for their disk."""


def flush(directories: Iterable[str]) -> None:
    """Flush all files below directories: by syncfs(2), elsewhere fsync(2) of each file. Raises ``OSError``."""
    disks: set[int] = set()
    for directory in directories:
        with open_directory(directory) as descriptor:
            disk = os.fstat(descriptor).st_dev
            if disk not in disks and _flush_disk(descriptor):
                disks.add(disk)
            elif disk not in disks:
                _flush_tree(descriptor)


def flush_directories(directories: Iterable[str]) -> None:
    """Flush the entries of directories. Raises ``OSError``."""
    each = list(dict.fromkeys(directories))
    disks: set[int] = set()
    for directory in each:
        disk = os.stat(directory).st_dev
        if disk in disks:
            continue
        if len(each) > _FEW and _flush_disk_of(directory):
            disks.add(disk)
        else:
            flush_directory(directory)


def _flush_disk_of(directory: str) -> bool:
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return False
    try:
        return _flush_disk(descriptor)
    finally:
        os.close(descriptor)


def _flush_disk(descriptor: int) -> bool:
    return ON_LINUX and bool(c_library().syncfs(descriptor) == 0)


def _flush_tree(descriptor: int) -> None:
    for _, _, files, here in os.fwalk(".", dir_fd=descriptor, follow_symlinks=False):
        for name in files:
            _flush_file(name, here)
        os.fsync(here)
    to_disk(descriptor)


def _flush_file(name: str, directory: int) -> None:
    """Flush a regular file; ignore other kinds. On macOS as far as the disk's cache, flushed once in the end."""
    if kind_of(name, directory) == stat.S_IFREG:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
