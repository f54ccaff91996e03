"""Turn what stops one environment into its report, and end work early."""

import contextlib
from collections.abc import Iterable
from concurrent.futures import Executor, Future, wait
from typing import Any

from envsync.model.plan import EnvironmentPlan
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.report import EnvironmentReport, Outcome
from envsync.model.termination import Terminated
from envsync.observe.processes import ending
from envsync.observe.system_errors import explain


def failure(plan: EnvironmentPlan, error: Exception) -> EnvironmentReport:
    """Report an environment as failed; a mistake of envsync's own is told as one."""
    end = plan.world.directory.chain.end
    problem = error.problem if isinstance(error, EnvsyncError) else explain(error, end)
    return EnvironmentReport(plan, Outcome.FAILED, problem)


def check_end(plan: EnvironmentPlan, locked: str) -> None:
    """Raise ``EnvsyncError`` where an environment is elsewhere by now than the end that is locked."""
    end = plan.world.directory.chain.end
    if end != locked:
        message = f"{plan.environment.path} led to {locked}, and leads to {end} by now"
        raise EnvsyncError(Problem("changed-meanwhile", message, "Apply again."))


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
