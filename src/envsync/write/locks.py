"""Lock environments for one pass at a time (flock(2))."""

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator

from envsync.formats.staging_marker import lock_name
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.mounts import name_of
from envsync.observe.processes import handing_down, refuse_to_begin
from envsync.write.directories import make_private

_OTHERS = 0o077
"""The permission bits of group and others."""


@contextlib.contextmanager
def restrictive_umask() -> Iterator[None]:
    """Let this process, and those that it starts, make nothing that anybody may write to (umask(2))."""
    former = os.umask(_OTHERS)
    os.umask(former | stat.S_IWOTH)
    try:
        yield
    finally:
        os.umask(former)


def remove_others_write(place: str) -> None:
    """Remove the write permission of others from all files below ``place``. Raises ``OSError``.

    Files from an installer's cache may have it, whatever the umask.
    """
    for _, directories, files, here in os.fwalk(place, follow_symlinks=False):
        for name in (*directories, *files):
            mode = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
            if mode & stat.S_IWOTH and (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                with contextlib.suppress(PermissionError):  # another user's
                    os.chmod(name, stat.S_IMODE(mode) & ~stat.S_IWOTH, dir_fd=here)


_PAUSE = 0.05
"""Seconds between two attempts to lock."""


@contextlib.contextmanager
def hold(
    directory: str, end: str, timeout: float, waiting: Callable[[str], None] | None = None, *, begun: bool = False
) -> Iterator[None]:
    """Hold the lock of the environment at ``end``, waiting up to ``timeout`` seconds for another pass.

    ``waiting`` is called once where it has to wait, with who holds the lock. A process that winds down waits only for
    work that was ``begun``. The lock is the same through every mount. Lock files stay in ``directory``: after a
    deletion, two processes could hold one lock. Raises ``EnvsyncError`` (``locked``), which says who holds it,
    ``Interrupted``, or ``OSError``.
    """
    with _open(directory, name_of(end)) as descriptor:
        if waiting is not None and timeout and not _try(descriptor):
            waiting(_holder(descriptor))
        _wait(descriptor, end, time.monotonic() + timeout, timeout, begun=begun)
        _write_holder(descriptor)
        with handing_down(descriptor):
            yield


@contextlib.contextmanager
def hold_sources(directory: str, paths: Iterable[str], timeout: float) -> Iterator[None]:
    """Hold the locks of source directories, each once by any name, waiting up to ``timeout`` seconds in all.

    They exclude threads of this process, too. They are taken in one order, against deadlocks, and differ from the locks
    of environments at the same paths, which have to be taken before them. Raises ``EnvsyncError`` (``locked``), which
    says who holds one, or ``OSError``.
    """
    deadline = time.monotonic() + timeout
    with contextlib.ExitStack() as stack:
        for name, path in sorted({name_of(os.path.realpath(one)): os.path.realpath(one) for one in paths}.items()):
            descriptor = stack.enter_context(_open(directory, f"source {name}"))
            _wait(descriptor, path, deadline, timeout)
            _write_holder(descriptor)
        yield


@contextlib.contextmanager
def hold_watch(directory: str, manifest: str) -> Iterator[None]:
    """Hold the lock of a manifest's watcher, for its path as opened and for its real path.

    Raises ``EnvsyncError`` (``already-watched``), which says who holds it, or ``OSError``.
    """
    with contextlib.ExitStack() as stack:
        for name in dict.fromkeys((manifest, os.path.realpath(manifest))):
            descriptor = stack.enter_context(_open(directory, f"watch {name}"))
            if not _try(descriptor):
                message = f"{manifest} is watched already, by {_holder(descriptor)}"
                hint = "Stop that watcher first, to use another."
                raise EnvsyncError(Problem("already-watched", message, hint))
            _write_holder(descriptor)
        yield


@contextlib.contextmanager
def _open(directory: str, key: str) -> Iterator[int]:
    make_private(directory)
    descriptor = os.open(f"{directory}/{lock_name(key)}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a daemon may have inherited it
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_holder(descriptor: int) -> None:
    text = f"process {os.getpid()}".encode()
    os.pwrite(descriptor, text, 0)
    os.ftruncate(descriptor, len(text))  # afterwards: freeing the block first is slow


def _holder(descriptor: int) -> str:
    text = os.pread(descriptor, 200, 0).decode(errors="replace")
    number = text.removeprefix("process ")
    if number.isdecimal() and not _lives(int(number)):
        return f"a program that {text} started, and that is still running"
    return text or "another process"


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _wait(descriptor: int, end: str, deadline: float, timeout: float, *, begun: bool = False) -> None:
    while not _try(descriptor):
        if not begun:
            refuse_to_begin()
        if time.monotonic() >= deadline:
            message = f"{end} is locked by {_holder(descriptor)}; gave up after {timeout:g} s"
            hint = "Wait until it has ended, or allow more time with --lock-timeout SECONDS."
            raise EnvsyncError(Problem("locked", message, hint))
        time.sleep(_PAUSE)
