"""What changes in directories on systems other than Linux, by watchfiles."""

import contextlib
import time
from collections.abc import Container, Iterable

from envsync.watch.control import Flag

__all__ = ["FsEvents"]

_STEP = 0.08
"""Seconds between two looks of watchfiles at what it was told: what a change may wait, and what idling costs."""
_DEBOUNCE = 0.2
"""Seconds that a storm of changes is waited for, to take it as one."""
_LETTING_GO = 1.0
"""Seconds until what watchfiles has closed is closed."""


class FsEvents:
    """Watches directories."""

    def __init__(self, flag: Flag) -> None:
        """Take the flag that ends any waiting."""
        from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError  # noqa: PLC0415  # not on Linux

        self._flag = flag
        self._start = RustNotify
        self._error = WatchfilesRustInternalError
        self._notify: RustNotify | None = None

    def watch(self, folders: Iterable[str], upper: Container[str]) -> None:
        """Watch these directories and no others, and forget what was heard; of the ``upper`` ones only the entries.

        Raises ``OSError``.
        """
        del upper  # it tells all of them the same
        patience = time.monotonic() + (_LETTING_GO if self._notify else 0)
        self.close()
        while True:
            try:
                self._notify = self._start(list(folders), False, False, 0, False, False)
            except (FileNotFoundError, PermissionError):
                raise
            except (OSError, self._error) as error:
                if time.monotonic() >= patience:
                    raise OSError(str(error)) from error
                time.sleep(_STEP)
            else:
                return

    def wait(self, timeout: float) -> list[str] | None:
        """Return the paths that have changed, after at most so many seconds; ``None`` where some were lost."""
        if self._notify is None:
            return []
        step = min(_STEP, timeout)
        try:
            raw = self._notify.watch(_ms(_DEBOUNCE), _ms(step), _ms(timeout), self._flag)
        except self._error:  # a name that is no UTF-8 is all that it can say of it
            return None
        return [] if isinstance(raw, str) else [path for _, path in raw]

    def close(self) -> None:
        """Watch nothing any more."""
        if self._notify is not None:
            with contextlib.suppress(RuntimeError):
                self._notify.close()
            self._notify = None


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))
