"""Changes in directories as the kernel reports them: inotify(7) on Linux, watchfiles elsewhere."""

import contextlib
import ctypes
import errno
import os
import select
import struct
import time
from collections.abc import Container, Iterable

from envsync.model.system import c_library
from envsync.watch.signals import Flag

_MODIFY, _ATTRIB, _CLOSE_WRITE = 0x2, 0x4, 0x8
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF = 0x400, 0x800
_ONLYDIR = 0x01000000
_ENTRIES = _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
_ALL = _ENTRIES | _MODIFY | _CLOSE_WRITE
_MASK_ADD = 0x20000000
_OVERFLOW = 0x4000
_HEAD = struct.Struct("iIII")
_SIZE = 65536
"""Bytes to read at once: about a thousand events."""
_GATHERING = 0.01
"""Seconds to wait for the further events of one change."""


class Inotify:
    """Watches directories, not what is below them."""

    def __init__(self, flag: Flag) -> None:
        """Take the flag that interrupts waiting. Raises ``OSError``."""
        self._flag = flag
        self._library = c_library()
        self._descriptor = self._call("inotify_init1", os.O_CLOEXEC | os.O_NONBLOCK)
        self._directories: dict[int, list[str]] = {}
        """Paths by watch descriptor: one directory by several names has one descriptor."""
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        self._poll.register(flag, select.POLLIN)

    def watch(self, directories: Iterable[str], upper: Container[str]) -> None:
        """Watch exactly these directories, and drop pending events; of the ``upper`` ones watch only the entries.

        Raises ``OSError``.
        """
        former, self._directories = self._directories, {}
        for directory in directories:
            watch = self._add(directory, _ENTRIES if directory in upper else _ALL, former)
            self._directories.setdefault(watch, []).append(directory)
        self._remove(former.keys() - self._directories.keys())
        with contextlib.suppress(BlockingIOError):
            while os.read(self._descriptor, _SIZE):
                pass

    def wait(self, timeout: float) -> list[str] | None:
        """Return the changed paths, after at most ``timeout`` seconds; ``None`` if events were lost."""
        ready = {descriptor for descriptor, _ in self._poll.poll(max(0, int(timeout * 1000) + 1))}
        if self._descriptor not in ready:
            return []
        self._flag.wait(_GATHERING)
        paths: dict[str, None] = {}
        with contextlib.suppress(BlockingIOError):
            while True:
                content = os.read(self._descriptor, _SIZE)
                at = 0
                while at < len(content):
                    watch, mask, _, length = _HEAD.unpack_from(content, at)
                    at += _HEAD.size + length
                    if mask & _OVERFLOW:
                        return None
                    name = os.fsdecode(content[at - length : at].rstrip(b"\0"))
                    paths |= dict.fromkeys(_path(directory, name) for directory in self._directories.get(watch, ()))
        return list(paths)

    def close(self) -> None:
        """Stop watching."""
        os.close(self._descriptor)

    def _add(self, directory: str, mask: int, former: dict[int, list[str]]) -> int:
        try:
            return self._call(
                "inotify_add_watch", self._descriptor, os.fsencode(directory), mask | _ONLYDIR | _MASK_ADD
            )
        except OSError as error:
            if error.errno != errno.ENOSPC or not former:
                raise
        self._remove(former.keys() - self._directories.keys())  # room for the new ones
        former.clear()
        return self._add(directory, mask, former)

    def _remove(self, watches: Iterable[int]) -> None:
        for watch in watches:
            with contextlib.suppress(OSError):  # the directory was deleted, and its watch with it
                self._call("inotify_rm_watch", self._descriptor, watch)

    def _call(self, function: str, *arguments: int | bytes) -> int:
        result: int = getattr(self._library, function)(*arguments)
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result


def _path(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}" if name else directory


_STEP = 0.08
"""Seconds between two looks of watchfiles at its events: the latency of a change, and the cost of idling."""
_DEBOUNCE = 0.2
"""Seconds for which watchfiles gathers changes."""
_CLOSING = 1.0
"""Seconds that watchfiles may take to close."""


class FsEvents:
    """Watches directories by watchfiles."""

    def __init__(self, flag: Flag) -> None:
        """Take the flag that interrupts waiting."""
        from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError  # noqa: PLC0415  # not on Linux

        self._flag = flag
        self._start = RustNotify
        self._error = WatchfilesRustInternalError
        self._notify: RustNotify | None = None

    def watch(self, directories: Iterable[str], upper: Container[str]) -> None:
        """Watch exactly these directories, and drop pending events; of the ``upper`` ones watch only the entries.

        Raises ``OSError``.
        """
        del upper  # FSEvents makes no difference
        deadline = time.monotonic() + (_CLOSING if self._notify else 0)
        self.close()
        while True:
            try:
                self._notify = self._start(list(directories), False, False, 0, False, False)
            except (FileNotFoundError, PermissionError):
                raise
            except (OSError, self._error) as error:
                if time.monotonic() >= deadline:
                    raise OSError(str(error)) from error
                time.sleep(_STEP)
            else:
                return

    def wait(self, timeout: float) -> list[str] | None:
        """Return the changed paths, after at most ``timeout`` seconds; ``None`` if events were lost."""
        if self._notify is None:
            return []
        step = min(_STEP, timeout)
        try:
            raw = self._notify.watch(_ms(_DEBOUNCE), _ms(step), _ms(timeout), self._flag)
        except self._error:  # a name that is not UTF-8
            return None
        return [] if isinstance(raw, str) else [path for _, path in raw]

    def close(self) -> None:
        """Stop watching."""
        if self._notify is not None:
            with contextlib.suppress(RuntimeError):
                self._notify.close()
            self._notify = None


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))
