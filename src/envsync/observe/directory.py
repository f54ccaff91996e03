"""Observe the directory of an environment: its chain, what is at the end, and whether an environment may be there."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

from envsync.cache.store import staging_directory
from envsync.formats.staging_marker import LOST_AND_FOUND, MARKER, Marker, is_staging_dir_name, parent_of, read_marker
from envsync.manifest.find import absolute
from envsync.model.links import Chain, EndKind
from envsync.model.world import Directory, ForeignStaging, Redirect
from envsync.observe.environment import read_environment
from envsync.observe.files import read_regular, read_text
from envsync.observe.mounts import Mounts
from envsync.observe.unowned import only_stray_files
from envsync.observe.unsafe import UnsafePlaces

_LIMIT = 4096 + 2
"""Bytes of a path (PATH_MAX) and of the end of its line."""
_NAME = ".venv"
"""The name of redirect files; one with another name counts where it leads to an environment."""


def read_redirect(file: str) -> Redirect | None:
    """Return the redirect (PEP 832) in a regular file; ``None`` where it is none, or cannot be read.

    Its one line is a path in UTF-8, relative to its own directory. A redirect at that path is not followed.
    """
    try:
        content = read_regular(file, _LIMIT)
        text = (content or b"").decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    line = text.removesuffix("\n").removesuffix("\r")
    if len(content or b"") >= _LIMIT or not line.strip() or not line.isprintable():
        return None
    try:
        target = absolute(line, os.path.dirname(file))
        is_environment = os.path.isfile(f"{target}/pyvenv.cfg")
    except ValueError:
        return None
    return Redirect(file, target, is_environment) if is_environment or os.path.basename(file) == _NAME else None


def read_directory(
    chain: Chain, path: str, unsafe: UnsafePlaces, finder: "StagingFinder", mounts: Mounts | None = None
) -> Directory:
    """Return what is at the end of a chain, or the system's error, for an environment at ``path``."""
    if chain.kind in {EndKind.LOOP, EndKind.UNREADABLE}:
        return Directory(chain, None, None, is_empty=False, writable=True)
    mounts = mounts or Mounts()
    if chain.kind is not EndKind.DIRECTORY:
        return _read_other(chain, finder, mounts)
    try:
        found = os.lstat(chain.end)
        environment = read_environment(chain.end, path)
        within = mounts.within(chain.end)
        is_mount = chain.end in within
        stray_files = None if environment else _stray_files(chain.end, is_mount=is_mount)
        exchangeable = not is_mount and _can_be_exchanged(chain.end, found)
    except OSError as error:
        return _unreadable(chain, error)
    blocked = "" if os.access(chain.end, os.W_OK | os.X_OK) else chain.end
    return Directory(
        chain=chain,
        environment=environment,
        identity=(found.st_dev, found.st_ino),
        is_empty=stray_files is not None,
        writable=not blocked,
        blocked_by=blocked,
        unsafe=unsafe.why(chain.end),
        staging_parent=parent_of(chain.end) if exchangeable else chain.end,
        exchangeable=exchangeable,
        is_mount=is_mount,
        layered=mounts.in_lower_layer(chain.end),
        mounts=tuple(mount for mount in within if mount != chain.end),
        interrupted_staging=finder.of(chain.end),
        generations=finder.generations_of(chain.end),
        moving_to=finder.moving_to(chain.end),
        stray_files=stray_files or (),
        resembles=_resembles(chain.end) if environment is None and stray_files is None else "",
    )


def _resembles(end: str) -> str:
    """Return what a directory seems to be that is no virtual environment; empty if nothing is known of it."""
    if os.path.isdir(f"{end}/conda-meta"):
        return "is an environment of conda's, not a virtual environment"
    if os.path.lexists(f"{end}/bin/python"):
        return "has a bin/python, but no pyvenv.cfg that says which Python it is of: it may be what is left of one"
    if os.path.isfile(f"{end}/pyproject.toml") or os.path.lexists(f"{end}/.git"):
        return "is a project, not the virtual environment in it"
    return ""


def _unreadable(chain: Chain, error: OSError) -> Directory:
    reason = f"{error.strerror}: {error.filename}"
    chain = replace(chain, kind=EndKind.UNREADABLE, reason=reason)
    return Directory(chain, None, None, is_empty=False, writable=True)


def _can_be_exchanged(end: str, found: os.stat_result) -> bool:
    """Check whether a directory, no mount point, can be swapped as a whole. Raises ``OSError``."""
    parent = parent_of(end)
    # A subvolume of btrfs is a device of its own, and cannot be swapped.
    return found.st_dev == os.stat(parent).st_dev and os.access(parent, os.W_OK | os.X_OK)


def _read_other(chain: Chain, finder: "StagingFinder", mounts: Mounts) -> Directory:
    """Return what is at an end that is not a directory."""
    blocked = _first_blocked(chain)
    return Directory(
        chain=chain,
        environment=None,
        identity=None,
        is_empty=False,
        writable=not blocked,
        blocked_by=blocked,
        staging_parent=parent_of(chain.end),
        is_mount=chain.kind is not EndKind.MISSING and chain.end in mounts.within(chain.end),
        interrupted_staging=finder.of(chain.end),
        generations=finder.generations_of(chain.end),
        redirect=read_redirect(chain.end) if chain.kind is EndKind.FILE else None,
    )


class StagingFinder:
    """Finds staging directories and generations beside environments, reading each directory once."""

    def __init__(self, generations_dir: str, known: Iterable[Directory] = ()) -> None:
        """Take the generations directory, and the results for ``known`` environments, which are not read again."""
        self._common = (os.path.realpath(generations_dir), os.path.realpath(staging_directory()))
        self._known = {directory.chain.end: directory for directory in known}
        self._seen: dict[str, list[tuple[str, Marker | None]]] = {}
        self._identities: dict[str, tuple[int, int]] = {}

    def of(self, end: str) -> tuple[str, ...]:
        """Return the interrupted staging directories for the environment at ``end``, and those without a marker."""
        if end in self._known:
            return self._known[end].interrupted_staging
        return tuple(
            staging_dir
            for staging_dir, marker in self._near(end)
            if marker is None or (marker.end == end and _is_interrupted(marker))
        )

    def moving_to(self, end: str) -> str:
        """Return where an interrupted pass was moving the environment at ``end``; empty if none was."""
        if end in self._known:
            return self._known[end].moving_to
        places = (marker.moves_to for _, marker in self._near(end) if marker is not None and marker.end == end)
        return next(filter(None, places), "")

    def generations_of(self, end: str) -> tuple[str, ...]:
        """Return the staging directories with generations of the environment at ``end``, the oldest first."""
        if end in self._known:
            return self._known[end].generations
        generations = [
            (marker.made, staging_dir)
            for staging_dir, marker in self._near(end)
            if marker is not None and marker.end == end and marker.kind == "generation"
        ]
        return tuple(staging_dir for _, staging_dir in sorted(generations))

    def foreign_staging(self, ends: set[str]) -> tuple[ForeignStaging, ...]:
        """Return the staging directories found so far for ends other than ``ends``.

        Those that mark a move come first: they decide about others.
        """
        found = [
            (staging_dir, marker)
            for staging_dirs in self._seen.values()
            for staging_dir, marker in staging_dirs
            if marker is not None and marker.kind in {"staging", "temporary"} and marker.end not in ends
        ]
        found.sort(key=lambda pair: not pair[1].moves_to)
        return tuple(ForeignStaging(staging_dir, marker.end) for staging_dir, marker in found)

    def _near(self, end: str) -> list[tuple[str, Marker | None]]:
        """Return the staging directories beside ``end``, in it, and in the common directories, with their markers."""
        # Of two names for one directory the first counts: by that, what is in it can be swapped.
        directories = {self._identity(directory): directory for directory in (*self._common, end, parent_of(end))}
        return [found for directory in reversed(directories.values()) for found in self._in(directory)]

    def _identity(self, directory: str) -> tuple[int, int] | None:
        """Return device and inode of a directory; ``None`` where it does not exist."""
        if directory not in self._identities:
            try:
                found = os.stat(directory)
            except OSError:
                return None
            self._identities[directory] = (found.st_dev, found.st_ino)
        return self._identities[directory]

    def _in(self, directory: str) -> list[tuple[str, Marker | None]]:
        if directory not in self._seen:
            self._seen[directory] = list(_staging_dirs_in(directory))
        return self._seen[directory]


def _is_interrupted(marker: Marker) -> bool:
    """Check whether a pass was interrupted in a staging directory, or during a rollback to a generation."""
    return marker.kind == "staging" or bool(marker.contents or marker.pin or marker.copied) or marker.built is not None


def _stray_files(end: str, *, is_mount: bool) -> tuple[str, ...] | None:
    """Return the stray files in an otherwise empty directory, ``None`` for any other. Raises ``OSError``."""
    names = (name for name in os.listdir(end) if not (is_mount and name == LOST_AND_FOUND))
    return only_stray_files(end, (name for name in names if not is_staging_dir_name(name)))


def _staging_dirs_in(parent: str) -> Iterator[tuple[str, Marker | None]]:
    try:
        with os.scandir(parent) as entries:
            found = [
                entry.path
                for entry in entries
                if is_staging_dir_name(entry.name) and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return
    for staging_dir in found:
        with contextlib.suppress(OSError):
            status = os.lstat(staging_dir)
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                continue  # others could have written the marker
            marker = read_marker(read_text(f"{staging_dir}/{MARKER}"))
            if marker is not None or all(map(is_staging_dir_name, os.listdir(staging_dir))):
                yield staging_dir, marker


def _first_blocked(chain: Chain) -> str:
    """Return the directory that has to be written to but is not writable, empty if there is none."""
    outermost = chain.to_make[0] if chain.to_make else chain.end
    parent = os.path.dirname(outermost)
    return "" if os.access(parent, os.W_OK | os.X_OK) else parent


def is_untouchable(end: str, unsafe: UnsafePlaces) -> bool:
    """Check whether nothing is ever done at an end: no environment may be there, or something else is."""
    try:
        other = not os.path.lexists(f"{end}/pyvenv.cfg") and _stray_files(end, is_mount=False) is None
    except (OSError, UnicodeEncodeError):  # of the latter, the locale cannot name it: nothing can be done there either
        return False
    return other or bool(unsafe.why(end))
