"""Turn an error into the report of its environment, and end interrupted work."""

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, wait
from typing import Any

from envsync.model.plan import EnvironmentPlan
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.report import EnvironmentReport, Outcome
from envsync.model.termination import Terminated
from envsync.observe.processes import ending, winding_down
from envsync.observe.system_errors import explain


def failure(plan: EnvironmentPlan, error: Exception) -> EnvironmentReport:
    """Return the report of a failed environment; ``internal-error`` for an unexpected exception."""
    end = plan.world.directory.chain.end
    problem = error.problem if isinstance(error, EnvsyncError) else explain(error, end)
    return EnvironmentReport(plan, Outcome.FAILED, problem)


def check_end(plan: EnvironmentPlan, locked: str) -> None:
    """Raise ``EnvsyncError`` (``changed-meanwhile``) if an environment's end is not the one that is locked."""
    end = plan.world.directory.chain.end
    if end != locked:
        message = f"{plan.environment.path} led to {locked}, and now leads to {end}"
        raise EnvsyncError(Problem("changed-meanwhile", message, "Apply again."))


GRACE = 4.5
"""Seconds for the environments under way to be completed, where it is no person who waits."""


def finish_or_end(
    executor: Executor,
    futures: Iterable[Future[Any]],
    interruption: KeyboardInterrupt,
    report: Callable[[], None],
) -> None:
    """Wait for what was begun, at a signal other than Ctrl-C :data:`GRACE`; then end its programs, which undoes it.

    ``report`` says at once what is waited for. A second signal does not wait; a third changes nothing.
    """
    with contextlib.suppress(KeyboardInterrupt), winding_down():
        begun = [future for future in futures if not future.cancel()]
        report()
        wait(begun, timeout=GRACE if isinstance(interruption, Terminated) else None)
    with contextlib.suppress(KeyboardInterrupt), ending():
        executor.shutdown(wait=True, cancel_futures=True)
