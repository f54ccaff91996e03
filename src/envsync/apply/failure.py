"""What stops one environment, as its report: whatever it is, it stops only that one."""

from envsync.apply.outcome import EnvironmentReport, Outcome
from envsync.errors import EnvsyncError, Problem
from envsync.observe.trouble import explain
from envsync.plan.actions import EnvironmentPlan

__all__ = ["check_end", "failure"]


def failure(plan: EnvironmentPlan, error: Exception) -> EnvironmentReport:
    """Report an environment as failed; a mistake of envsync's own is told as one."""
    end = plan.world.folder.chain.end
    problem = error.problem if isinstance(error, EnvsyncError) else explain(error, end)
    return EnvironmentReport(plan, Outcome.FAILED, problem)


def check_end(plan: EnvironmentPlan, locked: str) -> None:
    """Raise ``EnvsyncError`` where an environment is elsewhere by now than the end that is locked."""
    end = plan.world.folder.chain.end
    if end != locked:
        message = f"{plan.environment.path} led to {locked}, and leads to {end} by now"
        raise EnvsyncError(Problem("changed-meanwhile", message, "Apply again."))
