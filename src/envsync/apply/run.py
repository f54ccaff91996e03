"""Apply a plan: environments side by side, each under its lock, each failing for itself alone."""

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import partial

from envsync.apply.again import DecideAgain
from envsync.apply.batch import is_plain
from envsync.apply.batches import Batches
from envsync.apply.build import EnvironmentBuilder
from envsync.apply.failure import check_end, failure, finish_or_end
from envsync.apply.move import finish_move
from envsync.apply.progress import Follower, following
from envsync.apply.prune import clear_interrupted
from envsync.apply.settings import Settings
from envsync.apply.steps import carry_out, clear_away
from envsync.model.plan import Action, EnvironmentPlan, Install, Link, Plan, State
from envsync.model.problems import EnvsyncError
from envsync.model.report import EnvironmentReport, Outcome, Report, outcome_of, report_of
from envsync.observe.processes import Interrupted, refuse_to_begin
from envsync.write.locks import hold, restrictive_umask


@restrictive_umask()
def apply_plans(plan: Plan, again: DecideAgain, settings: Settings, follower: Follower) -> Report:
    """Carry out a plan; ``again`` observes and decides one environment again.

    Meanwhile nothing is made that anybody may write to, whatever the process's umask. An interruption begins no other
    environment, completes those under way or undoes them, and is part of the report.
    """
    _clear_foreign(plan, settings)
    progress = following(follower)
    env_builder = EnvironmentBuilder(settings, progress, plan.environments)
    working = [one for one in plan.environments if one.has_work]
    reports = {one.environment.name: _untouched(one) for one in plan.environments if not one.has_work}
    batches = Batches([one for one in working if is_plain(one)], again, settings, env_builder)
    interrupted = False
    executor = ThreadPoolExecutor(max_workers=settings.side_by_side, thread_name_prefix="envsync")

    def work(apply: Callable[[], list[EnvironmentReport]]) -> list[EnvironmentReport]:
        done = [_remarked(one, env_builder) for one in apply()]
        reports.update({report.plan.environment.name: report for report in done})
        return done

    futures: list[Future[list[EnvironmentReport]]] = []
    try:
        batches.begin()
        tasks = _tasks(working, batches, again, settings, env_builder)
        futures += (executor.submit(work, task) for task in tasks)
        for future in as_completed(futures):
            for report in future.result():
                progress.done(report)
    except KeyboardInterrupt as interruption:
        interrupted = True
        under_way = tuple(name for name in [*env_builder.begun] if name not in reports)
        finish_or_end(executor, futures, interruption, lambda: progress.interrupted(under_way))
    finally:
        interrupted |= _is_interrupted(partial(executor.shutdown, cancel_futures=True))
        interrupted |= _is_interrupted(batches.close)
        env_builder.close()
    each = (reports.get(one.environment.name, EnvironmentReport(one, Outcome.INTERRUPTED)) for one in plan.environments)
    return Report(plan.manifest, tuple(each), interrupted)


def _is_interrupted(step: Callable[[], None]) -> bool:
    """Take a step, and return whether it was interrupted: what was done is reported, however often the user asks."""
    try:
        step()
    except KeyboardInterrupt:
        return True
    return False


def _untouched(plan: EnvironmentPlan) -> EnvironmentReport:
    return EnvironmentReport(plan, outcome_of(plan.state, ()))


def _clear_foreign(plan: Plan, settings: Settings) -> None:
    for staging_dir, end in plan.foreign_staging:
        with contextlib.suppress(EnvsyncError, OSError):  # its own pass is at work, or it cannot be
            clear_interrupted(staging_dir, end, settings)


def _remarked(report: EnvironmentReport, env_builder: EnvironmentBuilder) -> EnvironmentReport:
    """Add to a report what came up while its environment was built, and which versions have changed."""
    name = report.plan.environment.name
    if report.outcome is not Outcome.FAILED:
        report = replace(report, packages=env_builder.changes.get(name, report.packages))
    remarks = env_builder.remarks.get(name)
    if not remarks:
        return report
    notes = tuple(dict.fromkeys((*report.plan.notes, *remarks)))
    return replace(report, plan=replace(report.plan, notes=notes))


def _tasks(
    plans: list[EnvironmentPlan],
    batches: Batches,
    again: DecideAgain,
    settings: Settings,
    env_builder: EnvironmentBuilder,
) -> Iterator[Callable[[], list[EnvironmentReport]]]:
    """Yield what carries out plans and reports: plain ones many at once, every other by itself."""

    def alone(plan: EnvironmentPlan) -> list[EnvironmentReport]:
        return [_apply_one(plan, again, settings, env_builder)]

    def batch(number: int, group: list[EnvironmentPlan]) -> list[EnvironmentReport]:
        try:
            reports = batches.create(number)
        except Interrupted:
            return [EnvironmentReport(plan, Outcome.INTERRUPTED) for plan in group]
        both = zip(group, reports, strict=True)
        return [report or _apply_one(plan, again, settings, env_builder) for plan, report in both]

    yield from (partial(alone, plan) for plan in plans if not is_plain(plan))
    yield from (partial(batch, number, group) for number, group in enumerate(batches.batches))


def _apply_one(
    plan: EnvironmentPlan, again: DecideAgain, settings: Settings, env_builder: EnvironmentBuilder
) -> EnvironmentReport:
    try:
        if plan.world.directory.moving_to and plan.state is not State.CONFLICT:
            finish_move(plan.environment, plan.world.directory, settings)
            done = "finished" if os.path.islink(plan.environment.path) else "undone"
            env_builder.remarks[plan.environment.name] = [f"its move was interrupted, and is {done} now"]
            plan = again(plan.environment)
        end = plan.world.directory.chain.end
        lock = hold(settings.locks, end, settings.lock_timeout, partial(env_builder.wait, plan))
        with lock, env_builder.turn(plan):
            refuse_to_begin()
            env_builder.begin(plan)
            plan = again(plan.environment)  # the disk may have changed since, by another pass above all
            check_end(plan, end)
            if plan.interrupted and plan.state is not State.CONFLICT:
                clear_away(plan, settings.generations_dir)
                plan = again(plan.environment)
            plan = _carry_out(plan, again, env_builder)
            further: list[Action] = []
            after = again(plan.environment)
            more = [action for action in after.actions if isinstance(action, Link) or _was_unasked(plan, action)]
            if plan.actions and more:  # commands that are there only now, packages that could be asked about only now
                _carry_out(replace(after, actions=tuple(more)), again, env_builder)
                further = [action for action in more if not isinstance(action, Link)]
                after = again(plan.environment)
        return report_of(replace(plan, actions=(*plan.actions, *further)) if further else plan, after)
    except Interrupted:
        return EnvironmentReport(plan, Outcome.INTERRUPTED)
    except Exception as error:  # noqa: BLE001  # a mistake of envsync's own, too, must stop only this environment
        return failure(plan, error)


def _carry_out(
    plan: EnvironmentPlan, again: DecideAgain, env_builder: EnvironmentBuilder, unfit: frozenset[str] = frozenset()
) -> EnvironmentPlan:
    """Carry out the actions of a plan, and return it.

    Where the installer turns out not to work with the environment's Python, it is planned again without that one.
    """
    from envsync.apply.installers import UnfitInstallerError  # noqa: PLC0415  # only here, and it loads much

    try:
        for action in plan.actions:
            carry_out(action, env_builder)
    except UnfitInstallerError as error:
        others = again(plan.environment, unfit | {error.name})
        if error.name in unfit or others.conflicts or not others.actions:
            raise error.error from None
        return _carry_out(others, again, env_builder, unfit | {error.name})
    return plan


def _was_unasked(plan: EnvironmentPlan, action: Action) -> bool:
    """Check whether an installation was not planned since a broken environment could not be asked about."""
    return isinstance(action, Install) and not any(isinstance(one, Install) for one in plan.actions)
