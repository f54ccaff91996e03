"""Find the staging directories that interrupted passes left, of any manifest: those whose lock (flock(2)) is free."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from envsync.cache.store import staging_directory
from envsync.formats.staging_marker import MARKER, Marker, is_staging_dir_name, lock_name, read_marker
from envsync.model.desired import Manifest
from envsync.model.environment import InterruptedStaging
from envsync.observe.files import read_text
from envsync.observe.generations import size_of
from envsync.observe.links import walk
from envsync.observe.mounts import name_of

_DEEPEST = 4
"""Levels of directories in the state directory that are searched."""


def find_interrupted(manifest: Manifest, locks: str) -> tuple[InterruptedStaging, ...]:
    """Return the staging directories of interrupted passes, where this manifest's environments are built.

    ``locks`` is the directory of the lock files: a running pass holds the lock of the environment.
    """
    places = (place for declared in manifest.environments for place in (declared.path, declared.target) if place)
    ends = {walk(place).end for place in places}
    searched = {os.path.realpath(staging_directory()), *ends, *map(os.path.dirname, ends)}
    searched |= {*_directories(os.path.realpath(manifest.state_dir))}
    found = (staging for directory in sorted(searched) for staging in _interrupted(directory))
    return tuple(staging for staging in found if not _is_locked(f"{locks}/{lock_name(name_of(staging.end))}"))


def _directories(top: str) -> Iterator[str]:
    pending = [(top, 0)]
    while pending:
        directory, depth = pending.pop()
        yield directory
        with contextlib.suppress(OSError), os.scandir(directory) as entries:
            for entry in entries:
                inner = entry.is_dir(follow_symlinks=False) and not is_staging_dir_name(entry.name)
                if inner and depth < _DEEPEST and not os.path.lexists(f"{entry.path}/pyvenv.cfg"):
                    pending.append((entry.path, depth + 1))


def _interrupted(directory: str) -> Iterator[InterruptedStaging]:
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if is_staging_dir_name(entry.name) and entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    marker = _marker_of(entry.path)
                    if marker is not None:
                        yield InterruptedStaging(marker.name, entry.path, marker.end, size_of(entry.path))


def _marker_of(staging_dir: str) -> Marker | None:
    """Return the marker of an interrupted staging directory; ``None`` for any other. Raises ``OSError``."""
    status = os.lstat(staging_dir)
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        return None
    text = read_text(f"{staging_dir}/{MARKER}")
    if not text and all(map(is_staging_dir_name, os.listdir(staging_dir))):
        return Marker("", "", "")  # it was interrupted before it was marked
    marker = read_marker(text)
    if marker is None or marker.kind == "generation" or (marker.kind == "temporary" and _is_locked(staging_dir)):
        return None
    return marker


def _is_locked(path: str) -> bool:
    """Check whether a process holds the lock of a file or directory."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
