"""Create several environments as one: each under its lock, and all of them flushed at once, not each by itself."""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from envsync.apply.again import DecideAgain
from envsync.apply.build import EnvironmentBuilder
from envsync.apply.failure import check_end, failure
from envsync.apply.links import make_recorded
from envsync.apply.settings import Settings
from envsync.apply.staging import Staging, marker_of
from envsync.cache.fingerprint import outwait_slack
from envsync.formats.staging_marker import built_name
from envsync.model.blueprint import Blueprint
from envsync.model.desired import Environment
from envsync.model.plan import Create, EnvironmentPlan, Link
from envsync.model.problems import EnvsyncError
from envsync.model.report import EnvironmentReport, report_of
from envsync.observe.processes import refuse_to_begin
from envsync.observe.rights import inherited_attributes
from envsync.write.exchange import NOT_RENAMED
from envsync.write.files import make_directories, make_directory
from envsync.write.flush import flush, flush_directories
from envsync.write.locks import hold
from envsync.write.staging import ignore_staging_dir, make_brief_staging_dir, remove_built, remove_staging_dir
from envsync.write.swap import move_in

if TYPE_CHECKING:
    from envsync.apply.template_store import FirstRun


def is_plain(plan: EnvironmentPlan) -> bool:
    """Check whether all that is to be done is to create an environment without packages, and links to it."""
    kinds = [action.kind for action in plan.actions]
    return (
        not plan.interrupted
        and kinds.count("create") == 1
        and {*kinds} <= {"create", "link"}
        and all(_is_simple(action) for action in plan.actions if isinstance(action, Create))
    )


def _is_simple(create: Create) -> bool:
    return create.spec is None and create.blueprint.exchangeable and not create.stray_files


class _Work:
    """One environment on its way."""

    def __init__(self, plan: EnvironmentPlan) -> None:
        self.planned = self.plan = plan
        self.staging_dir = ""
        self.name = ""
        """Of what is built, in the staging directory."""
        self.check: FirstRun | None = None
        self.report: EnvironmentReport | None = None
        self.apart = False
        """Whether it has to be done by itself."""

    @property
    def blueprint(self) -> Blueprint:
        return next(action.blueprint for action in self.plan.actions if isinstance(action, Create))


def create_batch(
    plans: list[EnvironmentPlan], again: DecideAgain, settings: Settings, env_builder: EnvironmentBuilder
) -> list[EnvironmentReport | None]:
    """Carry out plain plans; gives the report of each, or None where it has to be done by itself.

    That is so where another pass is at work on it, or where it is no plain case any more. What fails, fails for one
    environment alone. While one batch waits, for the disk above all, another has its turn. Raises ``Interrupted``.
    """
    works, turn = [_Work(plan) for plan in plans], env_builder.turn(plans[0])
    with contextlib.ExitStack() as locks:
        with turn:
            refuse_to_begin()
            _each(works, lambda work: _begin(work, locks, again, settings, env_builder))
            staging_dirs = _make_staging_dirs(works, settings.generations_dir, env_builder.staging)
        try:
            _all(works, lambda: flush(staging_dirs))  # a staging directory is marked before anything is in it
            with turn:
                _each(works, lambda work: _build(work, env_builder))
            _each(works, lambda work: _settle(work, env_builder))
            _all(works, lambda: flush(staging_dirs))
            with turn:
                _each(works, _bring_in)
            _all(works, lambda: flush_directories(directory for work in _live(works) for directory in _changed(work)))
        finally:
            for staging_dir, end in staging_dirs.items():
                with contextlib.suppress(OSError):  # what is left is cleared away by the next pass
                    remove_staging_dir(staging_dir, end)
        outwait_slack()  # so that the look is conclusive, and need not be repeated
        with turn:
            look = again.for_batch()
            _each(works, lambda work: _confirm(work, look, again))
    return [work.report for work in works]


def _live(works: list[_Work]) -> Iterator[_Work]:
    return (work for work in works if work.report is None and not work.apart)


def _each(works: list[_Work], step: Callable[[_Work], None]) -> None:
    """Take a step for each environment; one that fails is out."""
    for work in _live(works):
        try:
            step(work)
        except Exception as error:  # noqa: BLE001  # a mistake of envsync's own, too, must stop only this environment
            work.report = failure(work.plan, error)


def _all(works: list[_Work], step: Callable[[], None]) -> None:
    """Take a step that serves them all; if that fails, it fails for each."""
    try:
        step()
    except OSError as error:
        for work in _live(works):
            work.report = failure(work.plan, error)


def _begin(
    work: _Work,
    locks: contextlib.ExitStack,
    again: DecideAgain,
    settings: Settings,
    env_builder: EnvironmentBuilder,
) -> None:
    """Lock an environment, and look again."""
    end = work.plan.world.directory.chain.end
    lock = hold(settings.locks, end, 0)  # to wait while one holds others could be to wait for ever
    try:
        locks.enter_context(lock)
    except EnvsyncError:
        work.apart = True
        return
    fresh = work.plan if again.still_holds(work.plan) else again(work.plan.environment)
    check_end(fresh, end)
    if not is_plain(fresh):
        work.apart = True
        return
    work.plan = fresh
    env_builder.begin(fresh)
    for action in fresh.actions:
        if isinstance(action, Create):
            for directory in action.to_make:
                make_directory(directory, flushed=False)


def _make_staging_dirs(works: list[_Work], generations_dir: str, staging: Staging) -> dict[str, str]:
    """Make the staging directories; gives for each the end that it is marked with.

    It is that of the first environment in it, whose lock is held until the staging directory is gone. Environments
    whose directories would give them nothing else than the directory ``generations_dir``, in which every pass looks,
    are built there together: each staging directory has to be made, marked, flushed and removed, and ext4 makes new
    files the slower the more went just before.
    """
    staging_dirs: dict[str, str] = {}
    near: dict[str, str] = {}
    names = map(built_name, itertools.count())
    if len(works) > 1:
        with contextlib.suppress(OSError):
            make_directories(generations_dir)
    common = inherited_attributes(generations_dir)

    def take(work: _Work, parent: str) -> None:
        if parent not in near:
            near[parent] = make_brief_staging_dir(parent, marker_of(work.blueprint))
            staging_dirs[near[parent]] = work.blueprint.end
        work.staging_dir, work.name = near[parent], next(names)

    def make(work: _Work) -> None:
        parent = work.blueprint.staging_parent
        if staging.parent_for(parent) != parent:
            work.apart = True  # others may write there
            return
        if common is not None and inherited_attributes(parent) == common:
            parent = generations_dir
            with contextlib.suppress(OSError):  # it cannot be written to: then its own directory has to do
                take(work, parent)
                return
        take(work, work.blueprint.staging_parent)

    _each(works, make)
    return staging_dirs


def _build(work: _Work, env_builder: EnvironmentBuilder) -> None:
    with _removed_unless_done(work):
        work.check = env_builder.build_unsettled(work.blueprint, work.staging_dir, work.name)
    ignore_staging_dir(work.staging_dir, work.name)


def _settle(work: _Work, env_builder: EnvironmentBuilder) -> None:
    if work.check is not None:
        with _removed_unless_done(work):
            env_builder.settle(work.check, work.blueprint, work.staging_dir, work.name)


@contextlib.contextmanager
def _removed_unless_done(work: _Work) -> Iterator[None]:
    """Remove what is built where a block fails, at once: the others may need the room."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            remove_built(work.staging_dir, work.name)
        raise


def _bring_in(work: _Work) -> None:
    for action in work.plan.actions:
        if isinstance(action, Create):
            try:
                move_in(work.staging_dir, work.name, action.blueprint.end, flushed=False)
            except OSError as error:
                if error.errno not in NOT_RENAMED:
                    raise
                work.apart = True  # a bind mount, or another quota: it has to be built beside its end
                return
        elif isinstance(action, Link):
            make_recorded(action, flushed=False)


def _changed(work: _Work) -> Iterator[str]:
    """Name the directories that have got entries."""
    yield os.path.dirname(work.blueprint.end)
    for action in work.plan.actions:
        if isinstance(action, Create | Link):
            yield from map(os.path.dirname, action.to_make)
        if isinstance(action, Link):
            yield os.path.dirname(action.place)


def _confirm(work: _Work, look: Callable[[Environment], EnvironmentPlan], again: DecideAgain) -> None:
    # Of thousands of plans, each need not be held twice: that of before tells what was done, too, if it was the same.
    plan = work.planned if _outcome_key(work.planned) == _outcome_key(work.plan) else work.plan
    after = look(plan.environment)
    more = [action for action in after.actions if isinstance(action, Link)]
    if more:  # commands that are there only now
        for action in more:
            make_recorded(action, flushed=False)
        flush_directories(os.path.dirname(made) for action in more for made in (action.place, *action.to_make))
        after = again(plan.environment)
    work.report = report_of(plan, after)


def _outcome_key(plan: EnvironmentPlan) -> tuple[object, ...]:
    return (plan.state, plan.drift, plan.notes, [(action.kind, action.message) for action in plan.actions])
