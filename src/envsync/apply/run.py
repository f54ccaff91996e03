"""Apply a plan: environments side by side, each under its lock, each failing for itself alone."""

import contextlib
import errno
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

from envsync import desired
from envsync.apply.carry_out import carry_out, clear_area, clear_away
from envsync.apply.outcome import EnvironmentReport, Outcome, Report, outcome_of
from envsync.apply.workshop import Workshop
from envsync.errors import EnvsyncError, Problem
from envsync.plan.actions import EnvironmentPlan, Link, Plan, Rollback, State
from envsync.write.locks import hold

__all__ = ["Progress", "Settings", "apply_plans"]

Again = Callable[[desired.Environment], EnvironmentPlan]
Progress = Callable[[EnvironmentReport], None]
"""Called in the caller's thread whenever an environment is done."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to apply."""

    cache: str
    """The cache folder."""
    locks: str
    """The folder of the lock files."""
    logs: str
    """The folder of the installers' logs."""
    jobs: int
    lock_timeout: float
    shelf: str
    """The folder of generations: the manifest's ``state-dir``."""


def apply_plans(plan: Plan, again: Again, settings: Settings, progress: Progress) -> Report:
    """Carry out a plan; ``again`` observes and decides one environment anew.

    An interruption lets the environments under way end, begins no other, and is told in the report.
    """
    for area, end in plan.strays:
        _clear_stray(area, end, settings)
    workshop = Workshop(settings.cache, settings.logs)
    reports: dict[str, EnvironmentReport] = {}
    interrupted = False
    executor = ThreadPoolExecutor(max_workers=max(1, settings.jobs), thread_name_prefix="envsync")
    futures: dict[Future[EnvironmentReport], EnvironmentPlan] = {}
    try:
        for one in plan.environments:
            if one.has_work:
                futures[executor.submit(_apply_one, one, again, settings, workshop)] = one
            else:
                reports[one.environment.name] = EnvironmentReport(one, outcome_of(one.state, ()))
        for future in as_completed(futures):
            report = future.result()
            reports[report.plan.environment.name] = report
            progress(report)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
    for future, one in futures.items():
        if one.environment.name not in reports:
            done = future.done() and not future.cancelled()
            reports[one.environment.name] = future.result() if done else EnvironmentReport(one, Outcome.SKIPPED)
    ordered = tuple(reports[one.environment.name] for one in plan.environments)
    return Report(plan.manifest, ordered, interrupted)


def _apply_one(plan: EnvironmentPlan, again: Again, settings: Settings, workshop: Workshop) -> EnvironmentReport:
    end = plan.world.folder.chain.end
    try:
        with hold(settings.locks, end, settings.lock_timeout), workshop.turn(plan):
            plan = again(plan.environment)  # the disk may have changed since, by another pass above all
            _check_end(plan, end)
            if plan.interrupted and plan.state is not State.CONFLICT:
                clear_away(plan, settings.shelf)
                plan = again(plan.environment)
            for action in plan.actions:
                carry_out(action, workshop)
            after = again(plan.environment)
            more = [action for action in after.actions if isinstance(action, Link)]
            if plan.actions and more:  # commands that are there only now
                for action in more:
                    carry_out(action, workshop)
                after = again(plan.environment)
        return _report(plan, after)
    except EnvsyncError as error:
        return EnvironmentReport(plan, Outcome.FAILED, error.problem)
    except OSError as error:
        return EnvironmentReport(plan, Outcome.FAILED, _problem(error))
    except Exception as error:  # noqa: BLE001  # a mistake of envsync's own, too, must stop only this environment
        hint = "This is a mistake in envsync: report it."
        return EnvironmentReport(
            plan, Outcome.FAILED, Problem("internal-error", f"{type(error).__name__}: {error}", hint)
        )


def _clear_stray(area: str, end: str, settings: Settings) -> None:
    """Clear away what an interrupted pass of another manifest left, unless that one is at work, or it cannot be."""
    with contextlib.suppress(EnvsyncError, OSError), hold(settings.locks, end, 0):
        clear_area(area, end, os.path.dirname(area))


def _check_end(plan: EnvironmentPlan, locked: str) -> None:
    end = plan.world.folder.chain.end
    if end != locked:
        message = f"{plan.environment.path} led to {locked}, and leads to {end} by now"
        raise EnvsyncError(Problem("changed-meanwhile", message, "Apply again."))


def _report(plan: EnvironmentPlan, after: EnvironmentPlan) -> EnvironmentReport:
    """Tell what was done, and do not call it done if there is drift still."""
    back = any(isinstance(action, Rollback) for action in plan.actions)  # what is wrong with the earlier one is known
    if plan.actions and not back and (after.drift or after.conflicts):
        left = "; ".join([drift.message for drift in after.drift] + [one.message for one in after.conflicts])
        problem = Problem(
            "not-converged", f"it was applied, and yet: {left}", f"See: envsync explain {plan.environment.name}"
        )
        return EnvironmentReport(plan, Outcome.FAILED, problem)
    return EnvironmentReport(
        replace(plan, notes=tuple(dict.fromkeys((*plan.notes, *after.notes)))), outcome_of(plan.state, plan.actions)
    )


def _problem(error: OSError) -> Problem:
    where = error.filename2 or error.filename
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
