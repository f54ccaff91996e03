"""Hold one pass at a time for each environment (flock(2))."""

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator

from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.locks import lock_name
from envsync.observe.mounts import name_of
from envsync.observe.processes import handing_down
from envsync.write.directories import make_own

_OTHERS = 0o077


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
    for _, directories, files, here in os.fwalk(place, follow_symlinks=False):
        for name in (*directories, *files):
            mode = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
            if mode & stat.S_IWOTH and (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                with contextlib.suppress(PermissionError):  # another user's
                    os.chmod(name, stat.S_IMODE(mode) & ~stat.S_IWOTH, dir_fd=here)


_PAUSE = 0.05
"""Seconds between two tries."""


@contextlib.contextmanager
def hold(directory: str, end: str, timeout: float) -> Iterator[None]:
    """Hold the lock of the environment at ``end``, waiting for another pass up to ``timeout`` seconds.

    It is one lock through whatever mount the environment is reached. The lock files lie in ``directory`` and stay
    there: one that is deleted would be two locks for whoever waits. Raises ``EnvsyncError`` (``locked``), which says
    who holds it, or ``OSError``.
    """
    with _open(directory, name_of(end)) as descriptor:
        _wait(descriptor, end, timeout)
        _sign(descriptor)
        with handing_down(descriptor):
            yield


@contextlib.contextmanager
def hold_all(directory: str, paths: Iterable[str], timeout: float) -> Iterator[None]:
    """Hold the locks of several source directories, each once however it is named, waiting up to ``timeout`` seconds.

    They exclude threads of this process as well as other processes. All take them in one order, so that none waits for
    one that waits for it. They are not the locks of environments at the same paths: who holds one of those may take
    these, not the other way around. Raises ``EnvsyncError`` (``locked``), which says who holds one, or ``OSError``.
    """
    deadline = time.monotonic() + timeout
    with contextlib.ExitStack() as stack:
        for name, path in sorted({name_of(os.path.realpath(one)): os.path.realpath(one) for one in paths}.items()):
            descriptor = stack.enter_context(_open(directory, f"source {name}"))
            _wait(descriptor, path, timeout, deadline)
            _sign(descriptor)
        yield


@contextlib.contextmanager
def hold_watch(directory: str, manifest: str) -> Iterator[None]:
    """Hold what only one watcher of a manifest can: by its path as opened, and by the file that it leads to.

    Raises ``EnvsyncError`` (``already-watched``), which says who does, or ``OSError``.
    """
    with contextlib.ExitStack() as stack:
        for name in dict.fromkeys((manifest, os.path.realpath(manifest))):
            descriptor = stack.enter_context(_open(directory, f"watch {name}"))
            if not _try(descriptor):
                message = f"{manifest} is watched already, by {_holder(descriptor)}"
                hint = "One watcher is enough. To use this one instead, stop that one first."
                raise EnvsyncError(Problem("already-watched", message, hint))
            _sign(descriptor)
        yield


@contextlib.contextmanager
def _open(directory: str, key: str) -> Iterator[int]:
    make_own(directory)
    descriptor = os.open(f"{directory}/{lock_name(key)}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a program that it was handed down to may have left a daemon behind
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(descriptor: int) -> None:
    text = f"process {os.getpid()}".encode()
    os.pwrite(descriptor, text, 0)
    os.ftruncate(descriptor, len(text))  # afterwards: to free the file's block would cost more than all the rest


def _holder(descriptor: int) -> str:
    text = os.pread(descriptor, 200, 0).decode(errors="replace")
    number = text.removeprefix("process ")
    if number.isdecimal() and not _lives(int(number)):
        return f"a program that {text} had started, which goes on without it"
    return text or "another process"


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _wait(descriptor: int, end: str, timeout: float, deadline: float | None = None) -> None:
    deadline = time.monotonic() + timeout if deadline is None else deadline
    while not _try(descriptor):
        if time.monotonic() >= deadline:
            message = f"{end} is locked by {_holder(descriptor)}; gave up after {timeout:g} seconds"
            hint = "Let it end, or wait longer with --lock-timeout."
            raise EnvsyncError(Problem("locked", message, hint))
        time.sleep(_PAUSE)
