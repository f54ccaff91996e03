"""Make, mark and delete staging directories; the only module that deletes trees."""

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
from envsync.model.environment import is_stray_file
from envsync.observe.mounts import mounts_in
from envsync.write.directories import Root, kind_of, open_directory, open_in, open_parent, replace_in, replace_unflushed
from envsync.write.files import make_directories
from envsync.write.rename import Place, move


def make_staging_dir(parent: str, marker: Marker) -> str:
    """Make a marked, hidden staging directory in ``parent``, and return its path. Raises ``OSError``."""
    text = staging_marker.write_marker(marker).encode(errors="surrogateescape")

    def mark(directory: int) -> None:
        replace_in(directory, MARKER, text, 0o644)
        # A staging directory beside a project's .venv is in its repository: keep it out of `git status`.
        replace_unflushed(directory, ".gitignore", b"*\n")

    return _make(parent, marker.end, mark)


def make_brief_staging_dir(parent: str, marker: Marker) -> str:
    """Make a short-lived staging directory, and return its path; the caller flushes it before putting anything in it.

    :func:`ignore_staging_dir` keeps it out of `git status` once an environment is in it. Raises ``OSError``.
    """
    text = staging_marker.write_marker(marker).encode(errors="surrogateescape")
    return _make(parent, marker.end, lambda directory: replace_unflushed(directory, MARKER, text))


def ignore_staging_dir(staging_dir: str, name: str) -> None:
    """Let git ignore a staging directory, by the ``.gitignore`` of the environment ``name`` in it, if it has one.

    A hard link is made and removed faster than a file.
    """
    with contextlib.suppress(OSError), open_staging_dir(staging_dir) as top, open_in(top, name) as built:
        os.link(".gitignore", ".gitignore", src_dir_fd=built, dst_dir_fd=top, follow_symlinks=False)


def _make(parent: str, end: str, mark: Callable[[int], None]) -> str:
    while True:
        staging_dir = f"{parent.rstrip('/')}/{staging_marker.PREFIX}{os.urandom(8).hex()}"
        with open_parent(staging_dir) as (top, name):
            os.mkdir(name, 0o700, dir_fd=top)
        try:
            with open_staging_dir(staging_dir) as directory:
                # Until it is marked, only this lock distinguishes it from one that a killed pass left.
                fcntl.flock(directory, fcntl.LOCK_EX)
                mark(directory)
        except FileNotFoundError:
            continue  # another pass has removed it before the lock
        except OSError:
            remove_staging_dir(staging_dir, end)
            raise
        return staging_dir


@contextlib.contextmanager
def open_staging_dir(staging_dir: str) -> Iterator[int]:
    """Open a staging directory by its real path; yields the descriptor. Raises ``OSError``, for another user's too."""
    with open_directory(staging_dir) as directory:
        if os.fstat(directory).st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "it belongs to another user", staging_dir)
        yield directory


def read_marker_of(staging_dir: str) -> Marker | None:
    """Return a staging directory's marker; ``None`` where it has none, or is gone. Raises ``OSError``."""
    with contextlib.suppress(FileNotFoundError), open_directory(staging_dir) as directory:
        return _read_marker(directory)
    return None


def update_marker(staging_dir: str, **changes: object) -> None:
    """Change fields of a staging directory's marker, in one step. Raises ``OSError``."""
    with open_staging_dir(staging_dir) as directory:
        marker = _read_marker(directory)
        if marker is not None:
            text = staging_marker.write_marker(replace(marker, **changes))  # type: ignore[arg-type]
            replace_in(directory, MARKER, text.encode(errors="surrogateescape"), 0o644)


def holds_former(staging_dir: str, end: str) -> bool:
    """Check whether a staging directory holds the former environment of ``end``, already exchanged."""
    marker = read_marker_of(staging_dir)
    if marker is None or marker.discard or not _is_worth_keeping(f"{staging_dir}/{BUILT}"):
        return False
    if marker.contents:
        return _inode(f"{end}/pyvenv.cfg") == marker.contents.get("pyvenv.cfg")
    return marker.built is not None and marker.built != _inode(f"{staging_dir}/{BUILT}")


def _is_worth_keeping(former: str) -> bool:
    """Check whether a directory is an environment, or holds more than stray files."""
    if _inode(f"{former}/pyvenv.cfg") is not None:
        return True
    try:
        return not os.path.islink(former) and not all(map(is_stray_file, os.listdir(former)))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _inode(place: str) -> int | None:
    try:
        return os.lstat(place).st_ino
    except FileNotFoundError:
        return None


def keep_as_generation(staging_dir: str, made: str, generations_dir: str, *, irreplaceable: bool) -> None:
    """Turn a staging directory that holds a former environment into a generation. Raises ``OSError``.

    ``made`` is the time, ISO 8601; ``irreplaceable`` whether it holds what no installer can restore. It is moved to
    ``generations_dir``, a real path, if that is on the same file system.
    """
    update_marker(staging_dir, kind="generation", made=made, irreplaceable=irreplaceable, contents=None, built=None)
    with contextlib.suppress(OSError):
        make_directories(generations_dir)
        with open_parent(staging_dir) as (parent, name), open_directory(generations_dir) as generations:
            if (
                os.path.dirname(staging_dir) != generations_dir
                and os.fstat(parent).st_dev == os.fstat(generations).st_dev
            ):
                move(Place(parent, name, os.path.dirname(staging_dir)), Place(generations, name, generations_dir))


def remove_superseded(generations: tuple[str, ...], end: str) -> None:
    """Delete generations, except irreplaceable ones; a failure only wastes disk space."""
    for generation in generations:
        with contextlib.suppress(OSError):
            marker = read_marker_of(generation)
            if marker is not None and not marker.irreplaceable:
                remove_staging_dir(generation, end)


def remove_staging_dir(staging_dir: str, end: str) -> None:
    """Delete a staging directory with what envsync put into it. Raises ``OSError``.

    It checks what it deletes: name, owner, and a marker for the environment at ``end``, from an open directory and
    never through a link. Without a marker, only an empty staging directory is deleted. What is not envsync's stays, and
    the staging directory with it.
    """
    if not staging_marker.is_staging_dir_name(os.path.basename(staging_dir)):
        raise ValueError(f"{staging_dir} is not a staging directory")
    with contextlib.suppress(FileNotFoundError), open_staging_dir(staging_dir) as directory:
        fcntl.flock(directory, fcntl.LOCK_EX)
        marker = _read_marker(directory)
        if marker is not None and marker.end != end:
            return  # since it was found, another environment is being built in it
        if marker is not None and marker.copied:
            return  # it holds the only complete copy of what could not be renamed: the next pass restores that
        own = [
            name for name in os.listdir(directory) if staging_marker.is_built_name(name) or name in {FORMER, SCRATCH}
        ]
        if marker is not None and own:
            if mounts_in(os.path.realpath(staging_dir)):
                raise OSError(errno.EBUSY, "something is mounted inside it", staging_dir)
            _remove_contents(directory, own)
        names = os.listdir(directory)
        partial = [
            name
            for name in names
            if staging_marker.is_staging_dir_name(name) and kind_of(name, directory) == stat.S_IFREG
        ]
        if marker is not None or len(partial) == len(names):
            for name in (*partial, "locked.txt", ".gitignore", MARKER):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=directory)
        with contextlib.suppress(OSError), open_parent(staging_dir) as (parent, name):
            os.rmdir(name, dir_fd=parent)


def remove_scratch(staging_dir: str) -> None:
    """Delete the scratch directory in a staging directory of this pass. Raises ``OSError``."""
    with open_staging_dir(staging_dir) as directory:
        if _read_marker(directory) is not None and kind_of(SCRATCH, directory) == stat.S_IFDIR:
            _remove_tree(SCRATCH, directory)


def remove_built(staging_dir: str, name: str) -> None:
    """Delete an environment in a staging directory of this pass. Raises ``OSError``."""
    with open_staging_dir(staging_dir) as directory:
        built = staging_marker.is_built_name(name) and kind_of(name, directory) == stat.S_IFDIR
        if built and _read_marker(directory) is not None:
            _remove_tree(name, directory)


def remove_entries(staging_dir: str, files: Iterable[str], directories: Iterable[str]) -> None:
    """Delete entries of the environment that this pass builds; no link is followed. Raises ``OSError``."""
    with open_staging_dir(staging_dir) as directory:
        if _read_marker(directory) is None:
            raise FileNotFoundError(errno.ENOENT, "it is not a staging directory", staging_dir)
    for relative in files:
        with contextlib.suppress(FileNotFoundError), _open_built(staging_dir, relative) as directory:
            os.unlink(os.path.basename(relative), dir_fd=directory)
    for relative in directories:
        with contextlib.suppress(FileNotFoundError), _open_built(staging_dir, relative) as directory:
            name = os.path.basename(relative)
            if kind_of(name, directory) == stat.S_IFDIR:
                _remove_tree(name, directory)
            else:
                os.unlink(name, dir_fd=directory)


def _open_built(staging_dir: str, relative: str) -> contextlib.AbstractContextManager[int]:
    return open_directory(staging_dir, os.path.dirname(f"{BUILT}/{relative}"))


def remove_partial_files(root: Root, relatives: tuple[str, ...]) -> None:
    """Delete the partial files that a killed pass left inside an environment. Raises ``OSError``."""
    for relative in relatives:
        name = os.path.basename(relative)
        with open_directory(root, os.path.dirname(relative)) as directory, contextlib.suppress(FileNotFoundError):
            if staging_marker.is_staging_dir_name(name) and kind_of(name, directory) in {stat.S_IFREG, stat.S_IFLNK}:
                os.unlink(name, dir_fd=directory)


def _remove_contents(directory: int, names: Iterable[str]) -> None:
    for name in names:
        kind = kind_of(name, directory)
        if kind == stat.S_IFDIR:
            _remove_tree(name, directory)
        elif kind == stat.S_IFLNK:  # one that was to be exchanged for a directory
            os.unlink(name, dir_fd=directory)


def _remove_tree(name: str, directory: int) -> None:
    # A directory without write permission would stop the removal.
    for _, directories, _, here in os.fwalk(name, dir_fd=directory, follow_symlinks=False):
        for inner in directories:
            mode = os.stat(inner, dir_fd=here, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:  # noqa: PLR2004  # rwx for the owner
                os.chmod(inner, 0o700, dir_fd=here)
    shutil.rmtree(name, dir_fd=directory)


def _read_marker(directory: int) -> Marker | None:
    try:
        descriptor = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return None
    with open(descriptor, encoding="utf-8", errors="surrogateescape") as file:
        return staging_marker.read_marker(file.read(65536))
