"""Replace a directory by a symlink to its new place; remove environments, moved aside before they are deleted."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from dataclasses import replace

from envsync.formats.shebang import launched
from envsync.formats.staging_marker import BUILT, FORMER, Marker, parent_of
from envsync.observe.mounts import mounts_in
from envsync.write.copy_up import exchange_up, move_up
from envsync.write.directories import Root, flush_open, kind_of, open_directory, open_parent, read_in
from envsync.write.flush import flush
from envsync.write.rename import Place, move
from envsync.write.staging import (
    keep_as_generation,
    make_staging_dir,
    open_staging_dir,
    remove_staging_dir,
    update_marker,
)
from envsync.write.swap import settle_exchange
from envsync.write.trees import link_tree


def replace_by_link(former: Root, text: str, marker: Marker, staging_parent: str, check: Callable[[str], None]) -> None:
    """Exchange a directory for a symlink to ``text``, and delete the directory.

    The target of ``text`` must be complete: at every instant one of the two is there. ``marker`` must have ``discard``
    set. ``check`` is called with the directory's new path, and raises if something was written into it up to the last
    instant. Raises that or ``OSError``; then the directory is in place.
    """
    staging_dir = make_staging_dir(staging_parent, marker)
    try:
        with open_staging_dir(staging_dir) as top, open_parent(former.path) as (parent, name):
            link, spare = Place(top, BUILT, staging_dir), Place(top, FORMER, staging_dir)
            place = Place(parent, name, os.path.dirname(former.path))
            os.symlink(text, BUILT, dir_fd=top)
            with open_directory(former):
                pass  # raises if it is another one
            exchange_up(staging_dir, link, place, spare)
            try:
                check(link.path)
                flush_open(parent)
            except BaseException:
                exchange_up(staging_dir, link, place, spare)
                raise
    finally:
        _take_out_link(staging_dir)
        remove_staging_dir(staging_dir, marker.end)


def _take_out_link(staging_dir: str) -> None:
    with contextlib.suppress(FileNotFoundError), open_staging_dir(staging_dir) as top:
        if kind_of(BUILT, top) == stat.S_IFLNK:
            os.unlink(BUILT, dir_fd=top)


def move_generation(generation: str, generations_dir: str) -> None:
    """Move a generation into ``generations_dir``, on the same file system. Raises ``OSError``."""
    real = os.path.realpath(generations_dir)
    with open_parent(generation) as (parent, name), open_directory(real) as generations:
        move(Place(parent, name, os.path.dirname(generation)), Place(generations, name, real))


def assign_generation(staging_dir: str, marker: Marker, end: str, generations_dir: str) -> None:
    """Assign a generation to the environment at ``end``, copied if on another file system. Raises ``OSError``."""
    beside = parent_of(end)
    if os.stat(staging_dir).st_dev == os.stat(beside).st_dev:
        update_marker(staging_dir, end=end)
        if os.path.dirname(staging_dir) not in {os.path.realpath(beside), os.path.realpath(generations_dir)}:
            move_generation(staging_dir, beside)
        return
    copy = make_staging_dir(beside, replace(marker, kind="staging", end=end, discard=True))
    try:
        link_tree(Root(f"{staging_dir}/{BUILT}"), f"{copy}/{BUILT}")
        flush([copy])
        update_marker(copy, kind="generation", discard=False)
    except BaseException:
        remove_staging_dir(copy, end)
        raise
    remove_staging_dir(staging_dir, marker.end)


def finish_replacement(
    staging_dir: str, marker: Marker, made: str, generations_dir: str, is_copied: Callable[[str], bool]
) -> None:
    """Finish an interrupted :func:`replace_by_link`: remove its staging directory, and in it the former directory.

    A former directory that is not ``is_copied``, since something was written into it at the last instant, becomes a
    generation of the environment that was moved. ``made`` is its time, ISO 8601. Raises ``OSError``.
    """
    settle_exchange(staging_dir, marker.end)
    former = f"{staging_dir}/{BUILT}"
    if os.path.isdir(former) and not os.path.islink(former) and not is_copied(former):
        update_marker(staging_dir, end=marker.moves_to, discard=False)
        keep_as_generation(staging_dir, made, generations_dir, irreplaceable=True)
    else:
        remove_staging_dir(staging_dir, marker.end)


def remove_environment(end: Root, name: str, path: str) -> None:
    """Remove an environment that envsync made, if it is still the one that was observed. Raises ``OSError``."""
    if mounts_in(end.path):
        raise OSError(errno.EBUSY, "something is mounted inside it", end.path)
    parent = os.path.dirname(end.path)
    staging_dir = make_staging_dir(parent, Marker(name, path, end.path, discard=True))
    try:
        with open_staging_dir(staging_dir) as top, open_parent(end.path) as (directory, last):
            with open_directory(end):
                pass  # raises if it is another one
            move_up(staging_dir, Place(directory, last, parent), Place(top, BUILT, staging_dir))
            flush_open(directory)
    finally:
        remove_staging_dir(staging_dir, end.path)


def remove_link(link: str, text: str, identity: tuple[int, int] | None) -> None:
    """Remove a symlink to ``text``, or envsync's script that runs it, if it is still the one that was observed.

    Raises ``OSError`` (``ESTALE`` where it is not).
    """
    above, _, name = link.rpartition("/")
    with open_parent(f"{os.path.realpath(above)}/{name}") as (directory, last):
        try:
            found = os.stat(last, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISLNK(found.st_mode):
            held = os.readlink(last, dir_fd=directory)
        else:
            held = launched(read_in(directory, last).decode("utf-8", "surrogateescape")) or ""
        if not held or held != text or (found.st_dev, found.st_ino) != identity:
            raise OSError(errno.ESTALE, "something else has taken its place", link)
        os.unlink(last, dir_fd=directory)
        flush_open(directory)
