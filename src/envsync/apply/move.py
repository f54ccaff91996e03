"""Move an environment from the directory at its path to its target; path becomes a symlink to it.

What it is about to do is written down in a staging directory in the state directory, where every pass looks: the marker
names the target, and the inode of the copy before that takes its place there. So the next pass finishes what a killed
one began:

1. The target is made, complete and on the disk, while the path is what it was. Cut off here, it is compared with what
   is at the path, which may have changed, and made again if need be; by its inode it is known to be nobody else's.
2. The path becomes a symlink, in one exchange. Cut off behind it, the former directory is in a staging directory.
3. What is kept of the environment is marked to be of its new end, and the former directory is removed.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from envsync.apply.build import edit_settings
from envsync.apply.copies import is_contained, is_copy, make_copy, refuse_difference
from envsync.apply.progress import Progress
from envsync.apply.settings import Settings
from envsync.apply.staging import Staging, staging_of
from envsync.formats import link_record, pyvenv_cfg
from envsync.formats.staging_marker import MARKER, Marker, is_staging_dir_name, parent_of, read_marker
from envsync.model import desired
from envsync.model.dataclass import dataclass
from envsync.model.document import document
from envsync.model.links import Chain, EndKind
from envsync.model.plan import Plan
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.world import Directory
from envsync.observe.files import read_text
from envsync.observe.libraries import find_libraries
from envsync.observe.links import walk
from envsync.observe.mounts import on_one_mount
from envsync.observe.packages import read_installed
from envsync.plan.conflicts import meddled_with
from envsync.plan.unowned import conflicts_at_top
from envsync.write import snapshot
from envsync.write.directories import Root
from envsync.write.files import make_directories, make_directory
from envsync.write.locks import hold, restrictive_umask
from envsync.write.relocate import (
    assign_generation,
    finish_replacement,
    move_generation,
    remove_environment,
    replace_by_link,
)
from envsync.write.staging import make_staging_dir, read_marker_of, remove_staging_dir, update_marker
from envsync.write.swap import settle_exchange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.documents import MoveDocument
    from envsync.model.contract.values import Status

_SILENT = Progress()


@dataclass(frozen=True, slots=True)
class Moved:
    """An environment whose path is a symlink to its target."""

    manifest: str
    name: str
    path: str
    target: str
    changed: bool
    """Whether it was moved; it may have been there already."""

    @property
    def ok(self) -> bool:
        """True: what cannot be moved raises an error."""
        return True

    def to_dict(self) -> "MoveDocument":
        """Return the document of ``envsync move --json``."""
        status: Status = "applied" if self.changed else "in-sync"
        return {**document("move", self.manifest, status), "changed": self.changed}


def move(plan: Plan, settings: Settings, progress: Progress = _SILENT) -> Moved:
    """Move the only environment of a plan; ``progress`` hears of the steps.

    The target is complete before the path becomes a symlink, in one exchange: a second directory that shares its files
    with the first by hard links, or on another file system holds copies that were compared with them. What a killed
    one leaves, the next pass finishes. Raises ``EnvsyncError`` or ``OSError``; then the path is what it was.
    """
    manifest, environment = plan.manifest, plan.environments[0].environment
    if environment.target is None:
        hint = f'Declare one: target = "{environment.name}"'
        raise EnvsyncError(Problem("no-target", f"{environment.name} has no target to move to", hint))
    snapshot.forget(manifest.file)
    source, target = walk(environment.path), walk(environment.target)
    moved = Moved(manifest.file, environment.name, environment.path, environment.target, changed=True)
    if source.is_link and source.meets(target) and target.kind is EndKind.DIRECTORY:
        return replace(moved, changed=False)
    for conflict in meddled_with(plan.environments[0].world.hazard):
        raise EnvsyncError(Problem(conflict.code, conflict.message, conflict.hint))
    step = partial(progress.step, environment.name)
    progress.started(environment.name, "moving")

    def wait(holder: str) -> None:
        step(f"waiting for {holder}")

    with restrictive_umask(), hold(settings.locks, source.end, settings.lock_timeout, wait):
        if (walk(environment.path).end, walk(environment.target).end) != (source.end, target.end):
            message = f"{environment.path} or its target leads elsewhere by now"
            raise EnvsyncError(Problem("changed-meanwhile", message, "Nothing was changed. Try again."))
        _move(environment, settings.of(manifest), manifest.file, step)
    return moved


def finish_move(environment: desired.Environment, directory: Directory, settings: Settings) -> None:
    """Finish the move that a killed pass began with the directory of an environment; undo it where it is not wanted.

    Raises ``EnvsyncError`` or ``OSError``; then it is undone, and not begun again.
    """
    end = directory.chain.end
    with hold(settings.locks, end, settings.lock_timeout):
        found = [
            one
            for one in directory.interrupted_staging
            if (marker := read_marker_of(one)) is not None and marker.moves_to
        ]
        marker = read_marker_of(found[0]) if found else None
        if marker is None or marker.end != end:
            return
        wanted = environment.target is not None and walk(environment.target).end == marker.moves_to
        if wanted and not os.path.islink(environment.path):
            _move(environment, settings, marker.manifest)
        else:
            settle_move(found[0], marker, settings)


def settle_move(journal: str, marker: Marker, settings: Settings) -> None:
    """Bring what a killed pass began to its end where the path is a symlink already, or undo it; raises as they do.

    The lock of the former end is held.
    """
    with hold(settings.locks, marker.moves_to, settings.lock_timeout):
        for staging_dir, other in _staging_dirs_of(marker):
            if other.end == marker.end:
                settle_exchange(staging_dir, marker.end)
        if os.path.islink(marker.end) and walk(marker.end).end == marker.moves_to:
            _follow(journal, marker, settings.generations_dir)
        else:
            _undo(journal, marker, settings.generations_dir)


def _move(
    environment: desired.Environment, settings: Settings, manifest: str, step: Callable[[str], None] = lambda _: None
) -> None:
    source, target = walk(environment.path), walk(environment.target or "")
    _check_source(source, target)
    for conflict in conflicts_at_top(source.end, read_installed(source.end, find_libraries(source.end), unowned=True)):
        raise EnvsyncError(Problem(conflict.code, conflict.message, conflict.hint))
    with hold(settings.locks, target.end, settings.lock_timeout):
        wanted = Marker(environment.name, environment.path, source.end, manifest=manifest, moves_to=target.end)
        journal, marker = _find_journal(wanted, settings.generations_dir)
        _check_target(target, marker)
        journal = journal or _make_journal(settings.generations_dir, wanted)
        try:
            _clear_staging_dirs(marker, settings.generations_dir)
            step("copying")
            _make_target(target, journal, marker, staging_of(settings))
            step("putting the symlink in its place")
            _make_link(environment.target or "", marker, settings.generations_dir)
        except BaseException:
            if not os.path.islink(source.end):
                _undo(journal, read_marker_of(journal) or wanted, settings.generations_dir)
            raise
        step("clearing up")
        _follow(journal, marker, settings.generations_dir)


def _check_source(source: Chain, target: Chain) -> None:
    if source.is_link or source.kind is not EndKind.DIRECTORY or not os.path.isfile(f"{source.end}/pyvenv.cfg"):
        message = f"there is no environment in a directory of its own at {source.start}"
        raise EnvsyncError(Problem("nothing-to-move", message, "See: envsync plan"))
    if target.end.startswith(f"{source.end}/"):
        message = f"{target.end} lies inside the environment"
        raise EnvsyncError(Problem("path-nested", message, "Declare another target."))


def _find_journal(wanted: Marker, generations_dir: str) -> tuple[str, Marker]:
    """Return where it was written down before, and what; nothing, and what is wanted, where it was not."""
    for staging_dir, marker in _staging_dirs((generations_dir,)):
        if (marker.end, marker.moves_to) == (wanted.end, wanted.moves_to):
            return staging_dir, marker
    return "", wanted


def _make_journal(generations_dir: str, wanted: Marker) -> str:
    make_directories(generations_dir)
    return make_staging_dir(generations_dir, wanted)


def _staging_dirs(directories: tuple[str, ...]) -> Iterator[tuple[str, Marker]]:
    """Return the staging directories of the user's in some directories, with their markers."""
    for directory in dict.fromkeys(map(os.path.realpath, directories)):
        for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
            staging_dir = f"{directory}/{name}"
            if (
                is_staging_dir_name(name)
                and not os.path.islink(staging_dir)
                and os.lstat(staging_dir).st_uid == os.geteuid()
            ):
                marker = read_marker(read_text(f"{staging_dir}/{MARKER}"))
                if marker is not None:
                    yield staging_dir, marker


def _check_target(target: Chain, marker: Marker) -> None:
    """Refuse a target that is neither empty, nor what a killed move has made. Raises ``EnvsyncError``."""
    if not _is_taken(target.end) or os.lstat(target.end).st_ino == marker.built or is_copy(marker.end, target.end):
        return
    message = f"{target.end} is there already"
    raise EnvsyncError(Problem("target-taken", message, "Look at it, and move it away, or declare another target."))


def _is_taken(end: str) -> bool:
    return os.path.lexists(end) and not (os.path.isdir(end) and not os.listdir(end))


def _make_target(target: Chain, journal: str, marker: Marker, staging: Staging) -> None:
    """Make the target a copy of what is at the path, unless it is one. Raises ``EnvsyncError`` or ``OSError``."""
    if _is_taken(target.end):
        if is_copy(marker.end, target.end):
            return
        remove_environment(Root(target.end), marker.name, marker.path)
    for directory in target.to_make:
        make_directory(directory)
    found = os.lstat(marker.end)
    former = Root(marker.end, (found.st_dev, found.st_ino))
    make_copy(former, marker, target.end, staging, lambda inode: update_marker(journal, built=inode))


def _make_link(text: str, marker: Marker, generations_dir: str) -> None:
    """Make the path a symlink, in one step. Raises ``EnvsyncError`` or ``OSError``; then it is what it was."""
    found, beside = os.lstat(marker.end), parent_of(marker.moves_to)
    for generation, kept in _staging_dirs((marker.end,)):  # in the directory that goes
        if kept.kind == "generation" and kept.end == marker.end and os.stat(generations_dir).st_dev == found.st_dev:
            move_generation(generation, generations_dir)
    parent = beside if on_one_mount(beside, marker.end) else os.path.dirname(marker.end)
    whose = Marker(marker.name, marker.path, marker.end, manifest=marker.manifest, discard=True)
    former = Root(marker.end, (found.st_dev, found.st_ino))
    replace_by_link(former, text, whose, parent, lambda place: refuse_difference(place, marker.moves_to))


def _follow(journal: str, marker: Marker, generations_dir: str) -> None:
    """Let everything else follow an environment that is at its target: its mark, and what is kept of it."""
    end = marker.moves_to
    settings = dict(pyvenv_cfg.parse(read_text(f"{end}/pyvenv.cfg")))
    if "envsync-end" in settings:
        links = link_record.parse(settings.get(link_record.KEY)) | {marker.path: os.readlink(marker.end)}
        edit_settings(Root(end), {"envsync-end": end, link_record.KEY: link_record.render(links)})
    for staging_dir, kept in _staging_dirs((parent_of(marker.end), parent_of(end), generations_dir)):
        if kept.kind == "generation" and kept.end == marker.end:
            assign_generation(staging_dir, kept, end, generations_dir)
    _clear_staging_dirs(marker, generations_dir)
    remove_staging_dir(journal, marker.end)


def _clear_staging_dirs(marker: Marker, generations_dir: str) -> None:
    """Remove the staging directories of a move that was cut off."""
    for staging_dir, other in _staging_dirs_of(marker):
        if other.end == marker.end:
            now = datetime.now(UTC).isoformat(timespec="microseconds")
            finish_replacement(
                staging_dir, marker, now, generations_dir, lambda place: is_contained(place, marker.moves_to)
            )
        else:
            remove_staging_dir(staging_dir, other.end)


def _staging_dirs_of(marker: Marker) -> Iterator[tuple[str, Marker]]:
    """Return the staging directories of a move: of the copy, and of the link."""
    for staging_dir, other in _staging_dirs((parent_of(marker.moves_to), parent_of(marker.end))):
        staging = other.kind == "staging" and other.discard and not other.moves_to
        if staging and other.end in {marker.end, marker.moves_to}:
            yield staging_dir, other


def _undo(journal: str, marker: Marker, generations_dir: str) -> None:
    """Remove the copy that was made, if one was, nobody else's, and the environment is at its path still."""
    _clear_staging_dirs(marker, generations_dir)
    end, there = marker.moves_to, os.path.isfile(f"{marker.end}/pyvenv.cfg") and not os.path.islink(marker.end)
    if there and marker.built is not None and os.path.isdir(end) and os.lstat(end).st_ino == marker.built:
        remove_environment(Root(end), marker.name, marker.path)
    remove_staging_dir(journal, marker.end)
