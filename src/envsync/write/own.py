"""Keep others out: envsync's own directories are their user's alone, and nothing is made that anybody may write to."""

import contextlib
import os
import stat
from collections.abc import Iterator

__all__ = ["make_own", "narrow", "not_for_all"]

_OTHERS = 0o077


def make_own(directory: str) -> None:
    """Make a directory of envsync's own, and those above it, for its user alone; one that is wider is narrowed.

    One behind a symlink stays as it is. Raises ``OSError``.
    """
    try:
        os.mkdir(directory, 0o700)
    except FileNotFoundError:
        make_own(os.path.dirname(directory))
        with contextlib.suppress(FileExistsError):  # another pass was quicker
            os.mkdir(directory, 0o700)
    except FileExistsError:
        if not os.path.isdir(directory):
            raise
        _narrow(directory)


def _narrow(directory: str) -> None:
    with contextlib.suppress(OSError):  # a link, or gone again
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if found.st_mode & _OTHERS and found.st_uid == os.geteuid():
                os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & ~_OTHERS)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def not_for_all() -> Iterator[None]:
    """Let nothing be made meanwhile that anybody may write to, by this process or those that it starts (umask(2))."""
    former = os.umask(_OTHERS)
    os.umask(former | stat.S_IWOTH)
    try:
        yield
    finally:
        os.umask(former)


def narrow(place: str) -> None:
    """Take from all that is in an environment that is being built the right of anybody to write to it.

    Files that come from an installer's cache may be older than this rule.
    """
    for _, folders, files, here in os.fwalk(place, follow_symlinks=False):
        for name in (*folders, *files):
            mode = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
            if mode & stat.S_IWOTH and (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                with contextlib.suppress(PermissionError):  # another user's
                    os.chmod(name, stat.S_IMODE(mode) & ~stat.S_IWOTH, dir_fd=here)
