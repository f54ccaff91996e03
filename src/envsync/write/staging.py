"""Staging areas: make them, mark them, and delete them again; the only place that deletes."""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from envsync.formats import staging_marker
from envsync.formats.staging_marker import BUILT, FORMER, MARKER, SCRATCH, Marker
from envsync.model.environment import is_stray
from envsync.observe.mounts import mounts_in
from envsync.write.directories import Root, kind_of, make_way, open_folder, open_in, open_parent, put_in, replace_in
from envsync.write.rename import Place, move


def make_area(parent: str, marker: Marker) -> str:
    """Make a marked, hidden staging area in ``parent`` and return its path."""
    text = staging_marker.write_marker(marker).encode(errors="surrogateescape")

    def mark(folder: int) -> None:
        replace_in(folder, MARKER, text, 0o644)
        # An area beside a project's .venv is in its repository: keep it out of `git status`.
        put_in(folder, ".gitignore", b"*\n")

    return _make(parent, marker.end, mark)


def make_brief_area(parent: str, marker: Marker) -> str:
    """Make one that is there for a moment only; the caller flushes it before anything comes into it.

    :func:`ignore_area` keeps it out of `git status` once an environment is in it.
    """
    text = staging_marker.write_marker(marker).encode(errors="surrogateescape")
    return _make(parent, marker.end, lambda folder: put_in(folder, MARKER, text))


def ignore_area(area: str, name: str) -> None:
    """Let git ignore an area by the ``.gitignore`` of the environment in it that is called ``name``, if it has one.

    A second name of that file is made and removed faster than a file.
    """
    with contextlib.suppress(OSError), open_area(area) as top, open_in(top, name) as built:
        os.link(".gitignore", ".gitignore", src_dir_fd=built, dst_dir_fd=top, follow_symlinks=False)


def _make(parent: str, end: str, mark: Callable[[int], None]) -> str:
    while True:
        name = f"{staging_marker.PREFIX}{os.urandom(8).hex()}"
        area = f"{parent.rstrip('/')}/{name}"
        with open_folder(parent) as top:
            os.mkdir(name, 0o700, dir_fd=top)
        try:
            with open_area(area) as folder:
                # Until it is marked, only this lock tells it from one that a killed pass left.
                fcntl.flock(folder, fcntl.LOCK_EX)
                mark(folder)
        except FileNotFoundError:
            continue  # another pass was quicker, and has cleared it away
        except OSError:
            remove_area(area, end)
            raise
        return area


@contextlib.contextmanager
def open_area(area: str) -> Iterator[int]:
    """Open a staging area by its real path. Raises ``OSError``, for another user's too."""
    with open_folder(area) as directory:
        if os.fstat(directory).st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "it belongs to another user", area)
        yield directory


def read_area(area: str) -> Marker | None:
    """Read what an area is for; ``None`` where it is not marked, or gone by now."""
    with contextlib.suppress(FileNotFoundError), open_folder(area) as folder:
        return _read_marker(folder)
    return None


def remark(area: str, **changes: object) -> None:
    """Change what an area's marker says, in one step."""
    with open_area(area) as folder:
        marker = _read_marker(folder)
        if marker is not None:
            text = staging_marker.write_marker(replace(marker, **changes))  # type: ignore[arg-type]
            replace_in(folder, MARKER, text.encode(errors="surrogateescape"), 0o644)


def holds_former(area: str, end: str) -> bool:
    """Tell whether an area holds the former environment already: its exchange was the last thing that happened."""
    marker = read_area(area)
    if marker is None or marker.discard or not _holds_something(f"{area}/{BUILT}"):
        return False
    if marker.contents:
        return _inode(f"{end}/pyvenv.cfg") == marker.contents.get("pyvenv.cfg")
    return marker.built is not None and marker.built != _inode(f"{area}/{BUILT}")


def _holds_something(former: str) -> bool:
    """Check whether a folder is an environment, or holds more than the stray files that one was created beside."""
    if _inode(f"{former}/pyvenv.cfg") is not None:
        return True
    try:
        return not os.path.islink(former) and not all(map(is_stray, os.listdir(former)))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _inode(place: str) -> int | None:
    try:
        return os.lstat(place).st_ino
    except FileNotFoundError:
        return None


def keep_as_generation(area: str, made: str, shelf: str, *, loose: bool) -> None:
    """Turn an area that holds a former environment into a generation.

    ``loose`` says whether it holds what no installer brings back. It is moved to the directory ``shelf``, given by its
    real path, if that is on the same file system, else it stays where it is.
    """
    remark(area, kind="generation", made=made, loose=loose, contents=None, built=None)
    with contextlib.suppress(OSError):
        make_way(shelf)
        with open_parent(area) as (parent, name), open_folder(shelf) as generations:
            if os.path.dirname(area) != shelf and os.fstat(parent).st_dev == os.fstat(generations).st_dev:
                move(Place(parent, name, os.path.dirname(area)), Place(generations, name, shelf))


def remove_superseded(generations: tuple[str, ...], end: str) -> None:
    """Delete generations, but for those that hold what no installer brings back; failing to costs only room."""
    for generation in generations:
        with contextlib.suppress(OSError):
            marker = read_area(generation)
            if marker is not None and not marker.loose:
                remove_area(generation, end)


def remove_area(area: str, end: str) -> None:
    """Delete a staging area with what envsync put into it; the only function that deletes a tree.

    It proves what it deletes: the name, the owner, the marker that says it was made for the environment at ``end``,
    from an open folder and never through a link. Without a marker nothing is deleted but an empty area. Anything
    foreign in it stays, and the area with it.
    """
    if not staging_marker.is_area_name(os.path.basename(area)):
        raise ValueError(f"{area} is no staging area")
    with contextlib.suppress(FileNotFoundError), open_area(area) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        marker = _read_marker(folder)
        if marker is not None and marker.end != end:
            return  # it was not marked yet when it was found: another environment is being built in it
        if marker is not None and marker.copied:
            return  # it holds the only whole copy of what could not be renamed: the next pass brings that to its place
        own = [name for name in os.listdir(folder) if staging_marker.is_built_name(name) or name in {FORMER, SCRATCH}]
        if marker is not None and own:
            if mounts_in(os.path.realpath(area)):
                raise OSError(errno.EBUSY, "something is mounted in it", area)
            _remove_contents(folder, own)
        names = os.listdir(folder)
        halves = [name for name in names if staging_marker.is_area_name(name) and kind_of(name, folder) == stat.S_IFREG]
        if marker is not None or len(halves) == len(names):
            for name in (*halves, "locked.txt", ".gitignore", MARKER):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
        with contextlib.suppress(OSError), open_parent(area) as (parent, name):
            os.rmdir(name, dir_fd=parent)


def remove_scratch(area: str) -> None:
    """Delete the throw-away work in a staging area of this pass."""
    with open_area(area) as folder:
        if _read_marker(folder) is not None and kind_of(SCRATCH, folder) == stat.S_IFDIR:
            _remove_tree(SCRATCH, folder)


def remove_built(area: str, name: str) -> None:
    """Delete one of the environments in a staging area of this pass."""
    with open_area(area) as folder:
        built = staging_marker.is_built_name(name) and kind_of(name, folder) == stat.S_IFDIR
        if built and _read_marker(folder) is not None:
            _remove_tree(name, folder)


def take_out(area: str, files: Iterable[str], folders: Iterable[str]) -> None:
    """Delete entries of the environment that is being built in a staging area of this pass; no link is followed."""
    with open_area(area) as folder:
        if _read_marker(folder) is None:
            raise FileNotFoundError(errno.ENOENT, "it is no staging area", area)
    for relative in files:
        with contextlib.suppress(FileNotFoundError), _open_built(area, relative) as folder:
            os.unlink(os.path.basename(relative), dir_fd=folder)
    for relative in folders:
        with contextlib.suppress(FileNotFoundError), _open_built(area, relative) as folder:
            name = os.path.basename(relative)
            if kind_of(name, folder) == stat.S_IFDIR:
                _remove_tree(name, folder)
            else:
                os.unlink(name, dir_fd=folder)


def _open_built(area: str, relative: str) -> contextlib.AbstractContextManager[int]:
    return open_folder(area, os.path.dirname(f"{BUILT}/{relative}"))


def remove_debris(root: Root, relatives: tuple[str, ...]) -> None:
    """Delete the half-written files that a killed pass left inside an environment, by their names and kind."""
    for relative in relatives:
        name = os.path.basename(relative)
        with open_folder(root, os.path.dirname(relative)) as folder, contextlib.suppress(FileNotFoundError):
            if staging_marker.is_area_name(name) and kind_of(name, folder) in {stat.S_IFREG, stat.S_IFLNK}:
                os.unlink(name, dir_fd=folder)


def _remove_contents(folder: int, names: Iterable[str]) -> None:
    for name in names:
        kind = kind_of(name, folder)
        if kind == stat.S_IFDIR:
            _remove_tree(name, folder)
        elif kind == stat.S_IFLNK:  # one that was to be exchanged for a folder
            os.unlink(name, dir_fd=folder)


def _remove_tree(name: str, folder: int) -> None:
    # A folder without write permission inside would stop the removal: its owner may change that.
    for _, folders, _, here in os.fwalk(name, dir_fd=folder, follow_symlinks=False):
        for inner in folders:
            mode = os.stat(inner, dir_fd=here, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:  # noqa: PLR2004  # rwx for the owner
                os.chmod(inner, 0o700, dir_fd=here)
    shutil.rmtree(name, dir_fd=folder)


def _read_marker(folder: int) -> Marker | None:
    try:
        descriptor = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    with open(descriptor, encoding="utf-8", errors="surrogateescape") as file:
        return staging_marker.read_marker(file.read(65536))
