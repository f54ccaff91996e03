"""Exchange the entries of two directories that cannot be swapped as a whole: a mount point, an unwritable parent.

This is not atomic, but each step can be recognised later, and undone: ``pyvenv.cfg`` is exchanged last, and until then
the former environment counts.
"""

import contextlib
import errno
import os
from collections.abc import Iterator

from envsync.formats.staging_marker import BUILT, FORMER, LOST_AND_FOUND, Marker, is_staging_dir_name
from envsync.model.dataclass import dataclass
from envsync.write.copy_up import copy_entries_up, exchange_up, finish_copy_up, swap_up
from envsync.write.directories import Root, flush_open, open_directory, open_in
from envsync.write.rename import Place, move
from envsync.write.staging import open_staging_dir, read_marker_of, update_marker
from envsync.write.swap import settle_exchange

NOT_RENAMED = frozenset({errno.EXDEV, errno.EBUSY})
"""Errors of rename(2) for a directory that cannot be moved: a mount that no table shows, a project quota."""
_LAST = "pyvenv.cfg"


@dataclass(frozen=True, slots=True)
class _Sides:
    """The three open directories between which entries move."""

    staging_dir: str
    end: str
    built: int
    place: int
    former: int

    def of(self, name: str) -> tuple[Place, Place, Place]:
        """Return where an entry may be: (built, in the environment, under its spare name)."""
        return (
            Place(self.built, name, f"{self.staging_dir}/{BUILT}"),
            Place(self.place, name, self.end),
            Place(self.former, name, f"{self.staging_dir}/{FORMER}"),
        )


@contextlib.contextmanager
def _open_sides(staging_dir: str, end: Root) -> Iterator[_Sides]:
    """Open the directories; that of the spare names is made, and removed at the end if it is empty."""
    with open_staging_dir(staging_dir) as top, open_in(top, BUILT) as built, open_directory(end) as place:
        with contextlib.suppress(FileExistsError):
            os.mkdir(FORMER, 0o700, dir_fd=top)
        with open_in(top, FORMER) as former:
            yield _Sides(staging_dir, end.path, built, place, former)
        with contextlib.suppress(OSError):
            os.rmdir(FORMER, dir_fd=top)


def swap_contents(staging_dir: str, root: Root) -> None:
    """Exchange the entries built in ``staging_dir``, which is inside ``root``, for those of ``root``.

    Raises ``OSError``; then the former entries are in place.
    """
    with open_directory(root):
        pass  # raises if it is another one
    copy_entries_up(staging_dir, f"{staging_dir}/{BUILT}")  # it changes their inodes
    with open_staging_dir(staging_dir) as top, open_in(top, BUILT) as built:
        new = {name: Place(built, name, staging_dir).inode() for name in os.listdir(built)}
    update_marker(staging_dir, contents=new)
    try:
        with _open_sides(staging_dir, root) as sides:
            for name in sorted({*new, *_entries(sides.place)}, key=lambda name: (name == _LAST, name)):
                _move(staging_dir, *sides.of(name))
            flush_open(sides.place)
            flush_open(sides.built)
    except OSError:
        undo_contents(staging_dir, root.path, even_if_complete=True)
        raise


def roll_back(staging_dir: str, end: Root, made: str, *, exchangeable: bool) -> None:
    """Exchange the environment at ``end`` for the generation in ``staging_dir``. Raises ``OSError``.

    ``made`` is the time of the new generation, ISO 8601. Until that is examined, it counts as irreplaceable.
    """
    update_marker(staging_dir, irreplaceable=True)
    if not exchangeable or not _try_swap(staging_dir, end):
        swap_contents(staging_dir, end)
    update_marker(staging_dir, made=made, contents=None, built=None, pin="")


def _try_swap(staging_dir: str, end: Root) -> bool:
    """Swap the directories as a whole; return ``False`` where the system refuses to rename one."""
    try:
        swap_up(staging_dir, end)
    except OSError as error:
        if error.errno not in NOT_RENAMED:
            raise
        return False
    return True


def end_rollback(staging_dir: str, end: str, made: str) -> str:
    """Undo an interrupted rollback to the generation in ``staging_dir``, or finish a completed one.

    Return the interpreter link to pin, which the marker keeps, if the exchange was not done; else an empty text. Raises
    ``OSError``.
    """
    settle_exchange(staging_dir, end)
    finish_copy_up(staging_dir, end)
    marker = read_marker_of(staging_dir)
    if marker is None:
        return ""
    done = _is_exchanged(staging_dir, end, marker)
    if marker.contents:
        undo_contents(staging_dir, end)
    if done:
        update_marker(staging_dir, made=made, irreplaceable=True, contents=None, built=None, pin="")
        return ""
    update_marker(staging_dir, contents=None, built=None)
    return marker.pin


def _is_exchanged(staging_dir: str, end: str, marker: Marker) -> bool:
    """Check whether the exchange that a marker records is done, after finishing an interrupted one in two steps."""
    if marker.contents:
        with open_directory(end) as directory:
            return Place(directory, _LAST, end).inode() == marker.contents.get(_LAST)
    with open_staging_dir(staging_dir) as top:
        built, former = Place(top, BUILT, staging_dir), Place(top, FORMER, staging_dir)
        if built.status() is None and former.status() is not None:
            move(former, built)  # interrupted after the second step
        return marker.built is not None and marker.built != built.inode()


def undo_contents(staging_dir: str, end: str, *, even_if_complete: bool = False) -> None:
    """Restore the former entries, if their exchange was interrupted. Raises ``OSError``."""
    finish_copy_up(staging_dir, end)
    marker = read_marker_of(staging_dir)
    if marker is None or not marker.contents:
        return
    new = marker.contents
    with _open_sides(staging_dir, Root(end)) as sides:
        interrupted = os.listdir(sides.former)
        if Place(sides.place, _LAST, end).inode() == new.get(_LAST) and not even_if_complete:
            for name in interrupted:
                built, _, spare = sides.of(name)
                move(spare, built)
            return
        for name in interrupted:
            _settle(*sides.of(name), new.get(name, 0))
        # pyvenv.cfg first: from then on the exchange counts as incomplete.
        names = sorted({*new, *os.listdir(sides.built)}, key=lambda name: (name != _LAST, name))
        for name in names:
            if name not in new or Place(sides.place, name, end).inode() == new[name]:
                _move(staging_dir, *sides.of(name))
    update_marker(staging_dir, contents=None)


def _settle(built: Place, place: Place, spare: Place, new: int) -> None:
    """Settle an interrupted exchange through ``spare``, so that no entry is left under its spare name."""
    if spare.inode() != new:  # the former entry: the exchange was under way
        if place.inode() == new:
            move(place, built)
        move(spare, place)
    elif place.inode() is None:  # the new entry: undoing it had begun
        move(spare, place)
    else:
        move(spare, built)


def _move(staging_dir: str, one: Place, other: Place, spare: Place) -> None:
    """Exchange two entries of which one may be missing."""
    here, there = one.status() is not None, other.status() is not None
    if here and there:
        exchange_up(staging_dir, one, other, spare)
    elif here:
        move(one, other)
    elif there:
        move(other, one)


def _entries(directory: int) -> list[str]:
    return [name for name in os.listdir(directory) if not is_staging_dir_name(name) and name != LOST_AND_FOUND]
