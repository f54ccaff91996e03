"""Copy a directory up out of a lower layer of an overlay, where a directory cannot be renamed (EXDEV).

A copy with the same files takes its place, and can be renamed from then on. That takes two steps: the original is
emptied, file by file, and the copy renamed to its name. The marker of the staging directory that holds the copy says
so, and the next pass finishes what was interrupted.
"""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator

from envsync.formats.staging_marker import BUILT, PREFIX
from envsync.observe.mounts import in_lower_layer
from envsync.write.directories import Root, flush_open, open_directory, open_parent
from envsync.write.flush import flush
from envsync.write.rename import Place, exchange_in_steps, move
from envsync.write.staging import read_marker_of, remove_built, remove_scratch, update_marker
from envsync.write.swap import swap
from envsync.write.trees import make_scratch

_COPY = "copied-up"
"""The name in a staging directory of the copy, once it is complete."""
_TRIES = 10
_LAST = "pyvenv.cfg"


def swap_up(staging_dir: str, end: Root) -> None:
    """Exchange as :func:`envsync.write.swap.swap` does, copied up if necessary. Raises ``OSError``."""
    current = end

    def exchange() -> None:
        swap(staging_dir, current)

    def replaced(place: str) -> None:
        nonlocal current
        if place == end.path:
            found = os.lstat(place)
            current = Root(place, (found.st_dev, found.st_ino))

    _exchange(exchange, staging_dir, (Root(end.path, end.identity), Root(f"{staging_dir}/{BUILT}")), replaced)


def exchange_up(staging_dir: str, one: Place, other: Place, spare: Place) -> None:
    """Call :func:`envsync.write.rename.exchange_in_steps`, copying up if necessary. Raises ``OSError``."""
    _exchange(
        lambda: exchange_in_steps(one, other, spare), staging_dir, (Root(other.path), Root(one.path)), lambda _: None
    )


def copy_entries_up(staging_dir: str, directory: str) -> None:
    """Copy up the entries of a directory that cannot be renamed. Raises ``OSError``."""
    for name in os.listdir(directory):
        place = f"{directory}/{name}"
        if _can_be_copied_up(place):
            _copy_up(staging_dir, Root(place))


def move_up(staging_dir: str, source: Place, target: Place) -> None:
    """Rename an entry, copied up if necessary. Raises ``OSError``."""
    _exchange(lambda: move(source, target), staging_dir, (Root(source.path),), lambda _: None)


def _exchange(
    exchange: Callable[[], None], staging_dir: str, directories: tuple[Root, ...], replaced: Callable[[str], None]
) -> None:
    for root in directories:
        try:
            exchange()
        except OSError as error:
            if error.errno != errno.EXDEV or not _can_be_copied_up(root.path):
                raise
            _copy_up(staging_dir, root)
            replaced(root.path)
        else:
            return
    exchange()


def _can_be_copied_up(place: str) -> bool:
    return not os.path.islink(place) and os.path.isdir(place) and in_lower_layer(place)


def _copy_up(staging_dir: str, place: Root) -> None:
    _try_rename(staging_dir, os.path.dirname(place.path))
    scratch = make_scratch(staging_dir)
    try:
        copy = f"{scratch}/{_COPY}"
        os.mkdir(copy, 0o700)
        with open_directory(place) as source, open_directory(copy) as target:
            _copy_entries(source, target)
            _copy_attributes(source, target)
        flush([staging_dir])
        update_marker(staging_dir, copied=place.path, built=None)  # a copy has another inode
        _rename(copy, f"{staging_dir}/{_COPY}")
        remove_scratch(staging_dir)
    except OSError:
        if not os.path.isdir(f"{staging_dir}/{_COPY}"):
            update_marker(staging_dir, copied="")
            remove_scratch(staging_dir)
            raise
    try:
        _take_place(staging_dir, place.path)
    except OSError:
        _take_place(staging_dir, place.path)  # what is left there is not an environment: try again


def _try_rename(staging_dir: str, parent: str) -> None:
    """Raise ``OSError``, before anything is deleted, if a new directory cannot be renamed into ``parent``."""
    scratch, exchange_check = make_scratch(staging_dir), f"{parent}/{PREFIX}{os.urandom(8).hex()}"
    try:
        _rename(scratch, exchange_check)
    except OSError:
        remove_scratch(staging_dir)
        raise
    # Another pass may have removed it as interrupted staging.
    with contextlib.suppress(FileNotFoundError), open_parent(exchange_check) as (directory, name):
        os.rmdir(name, dir_fd=directory)


def finish_copy_up(staging_dir: str, end: str) -> None:
    """Finish an interrupted copy: it is complete, so what is left of the original is removed. Raises ``OSError``.

    If something else has come to the place of the original meanwhile, the copy becomes what was built in the staging
    directory.
    """
    marker = read_marker_of(staging_dir)
    if marker is None or not marker.copied:
        return
    place, copy = marker.copied, f"{staging_dir}/{_COPY}"
    if os.path.isdir(copy) and (place in {end, f"{staging_dir}/{BUILT}"} or os.path.dirname(place) == end):
        if _is_rest_of(place, copy):
            _take_place(staging_dir, place)
        else:
            remove_built(staging_dir, BUILT)
            _rename(copy, f"{staging_dir}/{BUILT}")
            update_marker(staging_dir, built=0, contents=None)  # what is in the staging directory is not what was built
    update_marker(staging_dir, copied="")


def _is_rest_of(place: str, copy: str) -> bool:
    """Check whether what is at ``place`` is the rest of the directory that was copied."""
    try:
        found = os.lstat(place)
    except FileNotFoundError:
        return True
    if not stat.S_ISDIR(found.st_mode):
        return False
    try:
        return _is_same(os.lstat(f"{place}/{_LAST}"), os.lstat(f"{copy}/{_LAST}"))
    except FileNotFoundError:  # it is the last one to go
        return not os.path.lexists(f"{place}/{_LAST}")


def _take_place(staging_dir: str, place: str) -> None:
    """Remove a directory of which a staging directory holds a complete copy, and rename that to its place.

    Only what the copy holds is deleted; what has been added meanwhile is moved into it. Raises ``OSError``.
    """
    copy = f"{staging_dir}/{_COPY}"
    for _ in range(_TRIES):
        try:
            with open_directory(place) as source, open_directory(copy) as target:
                _remove_copied(source, target)
            with open_parent(place) as (directory, name):
                os.rmdir(name, dir_fd=directory)
        except FileNotFoundError:
            break
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
        else:
            break
    _rename(copy, place)
    update_marker(staging_dir, copied="")


def _rename(source: str, target: str) -> None:
    """Rename a directory, flushed. Raises ``OSError``."""
    with open_parent(source) as (here, name), open_parent(target) as (there, new):
        move(Place(here, name, os.path.dirname(source)), Place(there, new, os.path.dirname(target)))
        flush_open(there)


def _copy_entries(source: int, target: int) -> None:
    for name in os.listdir(source):
        if stat.S_ISDIR(os.stat(name, dir_fd=source, follow_symlinks=False).st_mode):
            os.mkdir(name, 0o700, dir_fd=target)
            with _inner(name, source) as below, _inner(name, target) as copy:
                _copy_entries(below, copy)
                _copy_attributes(below, copy)
        else:
            _copy_entry(name, source, target)


def _copy_entry(name: str, source: int, target: int) -> None:
    """Hard-link a file, which keeps its inode; copy another user's file that the kernel protects."""
    try:
        os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EMLINK, errno.ENOTSUP}:
            raise
        original = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=source)
        with open(original, "rb") as content:
            new = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=target)
            with open(new, "wb") as file:
                shutil.copyfileobj(content, file)
                file.flush()
                shutil.copystat(original, new)  # type: ignore[arg-type]


def _copy_attributes(source: int, target: int) -> None:
    found, new = os.fstat(source), os.fstat(target)
    if (found.st_uid, found.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(target, found.st_uid, found.st_gid)
    shutil.copystat(source, target)  # type: ignore[arg-type]  # what os takes


def _remove_copied(source: int, target: int) -> None:
    for name in sorted(os.listdir(source), key=lambda name: (name == _LAST, name)):
        found = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, stat.S_IMODE(found.st_mode), dir_fd=target)
            with _inner(name, source) as below, _inner(name, target) as copy:
                _remove_copied(below, copy)
            os.rmdir(name, dir_fd=source)
        elif _is_copied(name, found, target):
            os.unlink(name, dir_fd=source)
        else:
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)


def _is_copied(name: str, found: os.stat_result, target: int) -> bool:
    try:
        return _is_same(found, os.stat(name, dir_fd=target, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    return os.path.samestat(one, other) or (
        (stat.S_IFMT(one.st_mode), one.st_size, one.st_mtime_ns)
        == (stat.S_IFMT(other.st_mode), other.st_size, other.st_mtime_ns)
    )


@contextlib.contextmanager
def _inner(name: str, directory: int) -> Iterator[int]:
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
