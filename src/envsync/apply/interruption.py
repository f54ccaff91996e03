"""End work early: no further environment is begun, and those under way are completed or undone."""

import contextlib
from collections.abc import Iterable
from concurrent.futures import Executor, Future, wait
from typing import Any

from envsync.processes import ending
from envsync.termination import Terminated

__all__ = ["GRACE", "wind_up"]

GRACE = 4.5
"""Seconds that the environments under way get to be completed."""


def wind_up(executor: Executor, futures: Iterable[Future[Any]], interruption: KeyboardInterrupt) -> None:
    """Let what was begun be completed; what takes too long is undone, by ending the programs that it waits for.

    Whoever presses Ctrl-C, or asks a second time, does not want to wait.
    """
    begun = [future for future in futures if not future.cancel()]
    with contextlib.suppress(KeyboardInterrupt):
        wait(begun, timeout=GRACE if isinstance(interruption, Terminated) else 0)
    with ending():
        executor.shutdown(wait=True, cancel_futures=True)
