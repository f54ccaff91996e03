"""Progress of work that takes longer than a second, on a terminal; nothing anywhere else."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from envsync.apply.outcome import EnvironmentReport

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["ProgressDisplay"]

_DELAY = 1.0
"""Seconds of work before anything is shown."""


class ProgressDisplay:
    """Counts the environments that are done; it goes to standard error and clears itself away."""

    def __init__(self, total: int, *, shown: bool) -> None:
        """Take how many environments there are to work on."""
        self._total = total
        self._shown = shown and sys.stderr.isatty()
        self._began = time.monotonic()
        self._done = 0
        self._display: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._display is not None:
            self._display[0].stop()

    def tick(self, report: EnvironmentReport) -> None:
        """Count one environment."""
        self._done += 1
        if self._shown and self._display is None and time.monotonic() - self._began > _DELAY:
            self._display = self._begin()
        if self._display is not None:
            progress, task = self._display
            progress.update(task, completed=self._done, description=report.plan.environment.name)

    def _begin(self) -> tuple["Progress", "TaskID"]:
        from rich.console import Console  # noqa: PLC0415  # only on a terminal, and only for long work
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
        )
        progress = Progress(*columns, console=Console(stderr=True), transient=True)
        progress.start()
        return progress, progress.add_task("", total=self._total)
