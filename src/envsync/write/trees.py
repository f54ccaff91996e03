"""Write whole trees into a staging directory; the caller flushes them."""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Container, Iterable, Iterator

from envsync.formats.shebang import is_python_name
from envsync.formats.staging_marker import BUILT, LOST_AND_FOUND, SCRATCH, Marker, is_staging_dir_name
from envsync.model.dataclass import dataclass
from envsync.write.directories import Root, open_directory, open_in
from envsync.write.staging import make_staging_dir, open_staging_dir, remove_staging_dir


def copy_beside(staging_dir: str, parent: str, marker: Marker) -> str:
    """Copy the environment built in a staging directory into a new one in ``parent``, and return its path.

    Modes and modification times stay. Raises ``OSError``; then nothing of it is left.
    """
    new = make_staging_dir(parent, marker)
    try:
        with open_staging_dir(staging_dir) as source, open_staging_dir(new) as target:
            _copy_directory(BUILT, source, target)
    except BaseException:
        remove_staging_dir(new, marker.end)
        raise
    return new


def _copy_directory(name: str, source: int, target: int) -> None:
    os.mkdir(name, 0o700, dir_fd=target)
    with open_in(source, name) as here, open_in(target, name) as there:
        for inner in os.listdir(here):
            mode = os.stat(inner, dir_fd=here, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                _copy_directory(inner, here, there)
            elif stat.S_ISLNK(mode):
                os.symlink(os.readlink(inner, dir_fd=here), inner, dir_fd=there)
            elif stat.S_ISREG(mode):
                _copy_file(inner, inner, source=here, target=there)
        os.fchmod(there, stat.S_IMODE(os.fstat(here).st_mode))


_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_CHUNK = 1 << 20
"""Bytes that are copied at once."""


def _copy_file(name: str, new: str, *, source: int | None = None, target: int | None = None) -> None:
    """Copy a regular file, with its mode and its times, to where nothing is; ``source`` and ``target`` as ``dir_fd``.

    Half the system calls of ``shutil.copy2``, which looks first whether both are one file. Raises ``OSError``.
    """
    original = os.open(name, _READ, dir_fd=source)
    try:
        status = os.fstat(original)
        copy = os.open(new, _NEW, 0o600, dir_fd=target)
        try:
            while content := os.read(original, _CHUNK):
                _write(copy, content)
            os.fchmod(copy, stat.S_IMODE(status.st_mode))
            os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(copy)
    finally:
        os.close(original)


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


_NOT_LINKED = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV, errno.EACCES})
"""Errors of link(2) for which a file is copied instead."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A directory, or with ``link`` a symlink, or with ``content`` a file."""

    relative: str
    """Its path relative to the tree."""
    link: str | None = None
    content: bytes | None = None
    mode: int = 0o644


def make_scratch(staging_dir: str) -> str:
    """Make the scratch directory in a staging directory, and return its path. Raises ``OSError``."""
    scratch = f"{staging_dir}/{SCRATCH}"
    os.mkdir(scratch, 0o700)
    return scratch


def write_tree(place: str, entries: Iterable[Entry]) -> None:
    """Make the directory ``place`` with all its entries, directories before what is in them. Raises ``OSError``."""
    os.mkdir(place)
    for entry in entries:
        path = f"{place}/{entry.relative}"
        if entry.link is not None:
            os.symlink(entry.link, path)
        elif entry.content is not None:
            descriptor = os.open(path, _NEW, entry.mode)
            try:
                _write(descriptor, entry.content)
            finally:
                os.close(descriptor)
        else:
            os.mkdir(path)


def contents_of(place: str) -> dict[str, tuple[int, int, int]]:
    """Return (inode, size in bytes, modification time in nanoseconds) by relative path, except byte code.

    They are zero for directories; a new hard link to a file changes none of them. Raises ``OSError``.
    """
    found: dict[str, tuple[int, int, int]] = {}
    for directory, directories, names in os.walk(place):
        left_out = {"__pycache__", LOST_AND_FOUND} if directory == place else {"__pycache__"}
        directories[:] = [name for name in directories if name not in left_out and not is_staging_dir_name(name)]
        for name in (*directories, *names):
            if not is_staging_dir_name(name) and not name.endswith(".pyc"):
                status = os.lstat(f"{directory}/{name}")
                is_directory = stat.S_ISDIR(status.st_mode)
                facts = (0, 0, 0) if is_directory else (status.st_ino, status.st_size, status.st_mtime_ns)
                found[f"{directory}/{name}"[len(place) + 1 :]] = facts
    return found


def link_tree(source: Root, place: str) -> None:
    """Make the directory ``place`` with the content of ``source``, by hard links to most files.

    Files that installers write in place are copied: all others must be replaced to be changed. Staging directories are
    left out. Raises ``OSError``.
    """
    os.mkdir(place)
    with open_directory(source) as directory:
        for inside, directories, names, here in os.fwalk(".", dir_fd=directory, follow_symlinks=False):
            target = os.path.normpath(f"{place}/{inside}")
            left_out = {LOST_AND_FOUND} if inside == "." else set()
            directories[:] = [name for name in directories if name not in left_out and not is_staging_dir_name(name)]
            for name in (*directories, *names):
                mode = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    os.mkdir(f"{target}/{name}")
                    os.chmod(f"{target}/{name}", stat.S_IMODE(mode))
                elif not is_staging_dir_name(name):
                    original = f"{source.path}/{inside}/{name}"
                    copied = stat.S_ISREG(mode) and _is_edited(os.path.normpath(inside), name)
                    (_copy if copied else _link)(name, here, original, f"{target}/{name}")


def paths_in(place: str) -> Iterator[str]:
    """Yield the relative path of every file, symlink and directory in a tree of this pass. Raises ``OSError``."""
    for directory, directories, names in os.walk(place):
        for name in (*directories, *names):
            yield f"{directory}/{name}"[len(place) + 1 :]


def add_tree(source: str, place: str, *, without: Container[str] = frozenset(), inside: str = "") -> None:
    """Add to the directory ``place``, made if need be, all that a tree of this pass holds and ``place`` does not.

    A file that has several links, as installers make them from their caches, becomes a further link; any other becomes
    a copy.
    ``without`` are relative paths of files and symlinks that are left out. Raises ``OSError``.
    """
    with contextlib.suppress(FileExistsError):
        os.mkdir(place)
    with os.scandir(source) as entries:
        for entry in entries:
            relative, target = f"{inside}{entry.name}", f"{place}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                add_tree(entry.path, target, without=without, inside=f"{relative}/")
            elif relative not in without:
                with contextlib.suppress(FileExistsError):
                    _add(entry, target, inside)


def _add(entry: os.DirEntry[str], target: str, inside: str) -> None:
    if entry.is_symlink():
        os.symlink(os.readlink(entry.path), target)
        return
    linked = entry.stat(follow_symlinks=False).st_nlink > 1
    if linked and not _is_edited(inside.rstrip("/"), entry.name):
        try:
            os.link(entry.path, target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NOT_LINKED:
                raise
        else:
            return
    if not entry.is_file(follow_symlinks=False):
        raise OSError(errno.EINVAL, "it is neither a file, a directory nor a symlink", entry.path)
    _copy_file(entry.path, target)


def _is_edited(inside: str, name: str) -> bool:
    """Check whether installers write into a file: scripts, settings, and the lists of ``setup.py develop``."""
    if os.path.basename(inside) in {"site-packages", "dist-packages"}:
        return name.endswith((".pth", ".egg-link"))
    return name == "pyvenv.cfg" if inside == "." else inside == "bin" and not is_python_name(name)


def _copy(name: str, directory: int, original: str, copy: str) -> None:
    """Copy a file with its mode, its times and, where one may, its owner."""
    shutil.copy2(original, copy, follow_symlinks=False)
    found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(PermissionError):  # only root may give files away
            os.chown(copy, found.st_uid, found.st_gid, follow_symlinks=False)
            os.chmod(copy, stat.S_IMODE(found.st_mode))  # chown(2) clears the set-user-ID bit


def copy_into(source: Root, target: Root, relatives: Iterable[str], *, over: bool = False) -> None:
    """Copy files, symlinks and whole directories to the same relative paths in another tree.

    Existing entries stay, except files with ``over``. Symlinks are copied, never followed; byte code, sockets, pipes
    and devices are left out. Raises ``OSError``.
    """
    for relative in relatives:
        inside, _, name = relative.rpartition("/")
        with open_directory(source, inside) as here:
            if stat.S_ISDIR(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
                for within, directories, names, deeper in os.fwalk(name, dir_fd=here, follow_symlinks=False):
                    directories[:] = [one for one in directories if one != "__pycache__"]
                    for one in (*directories, *names):
                        _bring(one, deeper, target, f"{inside}/{within}".lstrip("/"), over=over)
            else:
                _bring(name, here, target, inside, over=over)


def _bring(name: str, here: int, target: Root, inside: str, *, over: bool) -> None:
    status = os.stat(name, dir_fd=here, follow_symlinks=False)
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)) or name.endswith(".pyc"):
        return
    # A file or link of the new tree in its place, or on the way to it, stays.
    with contextlib.suppress(FileExistsError, NotADirectoryError), _made_way(target, inside) as there:
        if over and stat.S_ISREG(status.st_mode):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=there)
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(name, dir_fd=here), name, dir_fd=there)
            return
        _copy_file(name, name, source=here, target=there)


@contextlib.contextmanager
def _made_way(root: Root, inside: str) -> Iterator[int]:
    _make_way(root, inside)
    try:
        directory = open_directory(root, inside)
        with directory as descriptor:
            yield descriptor
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link is on the way
            raise NotADirectoryError(*error.args) from error
        raise


def move_files(source: str, target: Root, relatives: Iterable[str]) -> None:
    """Move files to the same relative paths in another tree, replacing files; no link is followed.

    Raises ``OSError``.
    """
    for relative in relatives:
        inside, _, name = relative.rpartition("/")
        _make_way(target, inside)
        with open_directory(target, inside) as directory:
            os.rename(f"{source}/{relative}", name, dst_dir_fd=directory)


def _make_way(root: Root, inside: str) -> None:
    parts = inside.split("/") if inside else []
    for depth, name in enumerate(parts):
        with contextlib.suppress(FileExistsError), open_directory(root, "/".join(parts[:depth])) as directory:
            os.mkdir(name, dir_fd=directory)


def _link(name: str, directory: int, original: str, copy: str) -> None:
    try:
        os.link(name, copy, src_dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        # Another's file that the kernel protects, or a file system without hard links.
        if error.errno not in _NOT_LINKED:
            raise
        _copy(name, directory, original, copy)
