"""When to repeat a failed installation without the installer's cache, which a loss of power may have damaged.

An installer does not say whether its cache was at fault: uv exits with 1 for a package that does not exist, and for a
damaged clone in its cache. So the answer is to try; but what fails without the cache as well fails for another reason,
and must not take twice the time again and again.
"""

import contextlib
import threading
import time

from envsync.sealed import read_sealed, seal, unseal
from envsync.write.files import write_cache

__all__ = ["Retries"]

_PAUSE = 3600.0
"""Seconds until a further attempt for the same environment."""
_CODES = frozenset({"install-failed", "package-missing", "not-converged"})
"""Failures that a damaged cache can lead to."""


class Retries:
    """Knows which attempts without a cache were in vain: in this pass, and of late."""

    def __init__(self, cache: str | None) -> None:
        """Take the directory of caches, ``None`` to remember nothing of earlier passes."""
        self._file = f"{cache}/retries" if cache else None
        self._in_vain = False
        self._lock = threading.Lock()

    def is_worthwhile(self, end: str, code: str) -> bool:
        """Check whether to try again for the environment at ``end``, which has failed with a code."""
        return code in _CODES and not self._in_vain and time.time() - self._read().get(end, 0.0) > _PAUSE

    def note_failure(self, end: str) -> None:
        """Remember that an attempt without a cache has failed as well."""
        with self._lock:
            self._in_vain = True
            if self._file is not None:
                now = time.time()
                times = {one: at for one, at in self._read().items() if now - at < _PAUSE}
                with contextlib.suppress(OSError):
                    write_cache(self._file, seal([{**times, end: now}]))

    def _read(self) -> dict[str, float]:
        if self._file is None:
            return {}
        try:
            (times,) = unseal(read_sealed(self._file))
            return {str(end): min(float(at), time.time()) for end, at in times.items()}
        except Exception:  # noqa: BLE001  # whatever is wrong with it, an attempt costs only time
            return {}
