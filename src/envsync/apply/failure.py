"""What stops one environment, as its report: whatever it is, it stops only that one."""

import errno

from envsync.apply.outcome import EnvironmentReport, Outcome
from envsync.errors import EnvsyncError, Problem
from envsync.plan.actions import EnvironmentPlan

__all__ = ["check_end", "failure"]


def failure(plan: EnvironmentPlan, error: Exception) -> EnvironmentReport:
    """Report an environment as failed; a mistake of envsync's own is told as one."""
    match error:
        case EnvsyncError():
            problem = error.problem
        case OSError():
            problem = _problem(error, plan.world.folder.chain.end)
        case _:
            hint = "This is a mistake in envsync: report it."
            problem = Problem("internal-error", f"{type(error).__name__}: {error}", hint)
    return EnvironmentReport(plan, Outcome.FAILED, problem)


def check_end(plan: EnvironmentPlan, locked: str) -> None:
    """Raise ``EnvsyncError`` where an environment is elsewhere by now than the end that is locked."""
    end = plan.world.folder.chain.end
    if end != locked:
        message = f"{plan.environment.path} led to {locked}, and leads to {end} by now"
        raise EnvsyncError(Problem("changed-meanwhile", message, "Apply again."))


def _problem(error: OSError, end: str) -> Problem:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    where = error.filename2 or error.filename or (end if full else None)
    place = f" ({where if isinstance(where, str) else '...'})" if where is not None else ""
    code, hint = {
        errno.ENOSPC: ("disk-full", "Make room, then apply again."),
        errno.EDQUOT: ("disk-full", "Your quota is used up: make room, then apply again."),
        errno.EACCES: ("not-writable", "Make it writable for you, then apply again."),
        errno.EPERM: ("not-writable", "Make it writable for you, then apply again."),
        errno.EROFS: ("not-writable", "The file system is mounted read-only."),
        errno.EIO: ("io-error", "The disk or its connection fails: see the system's log."),
    }.get(error.errno or 0, ("system-error", "Apply again when that is mended."))
    return Problem(code, f"{error.strerror or error}{place}", hint)
