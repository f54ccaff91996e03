"""Copy what was built elsewhere into a staging directory beside its end, by open directories alone.

Others may be able to write to the directory that holds the end: whatever they put in the place of something on the way,
nothing is written through it.
"""

import os
import shutil
import stat

from envsync.areas import BUILT, Marker
from envsync.write.area import make_area, open_area, remove_area
from envsync.write.handles import open_in

__all__ = ["copy_beside"]


def copy_beside(area: str, parent: str, marker: Marker) -> str:
    """Copy the environment built in a staging directory into a new one in ``parent``, and return that one.

    Modes and times of modification stay. Raises ``OSError``; then nothing of it is left.
    """
    new = make_area(parent, marker)
    try:
        with open_area(area) as source, open_area(new) as target:
            _copy_directory(BUILT, source, target)
    except BaseException:
        remove_area(new, marker.end)
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
                _copy_file(inner, here, there)
        os.fchmod(there, stat.S_IMODE(os.fstat(here).st_mode))


def _copy_file(name: str, source: int, target: int) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(os.open(name, flags, dir_fd=source), "rb") as content:
        status = os.fstat(content.fileno())
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with open(os.open(name, flags, 0o600, dir_fd=target), "wb") as file:
            shutil.copyfileobj(content, file)
            file.flush()
            os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
            os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
