"""The watcher: waits, lets changes settle, makes a pass, reports what is new, and watches what the pass observed."""

import time
from collections.abc import Callable

from envsync.model.dataclass import dataclass
from envsync.model.plan import EnvironmentPlan, State
from envsync.model.problems import Problem
from envsync.model.report import EnvironmentReport, Outcome
from envsync.watch.change_log import ChangeLog
from envsync.watch.events import (
    Degraded,
    Event,
    Passed,
    Started,
    Stopped,
)
from envsync.watch.notify import ServiceManager
from envsync.watch.passes import Look, Passes
from envsync.watch.schedule import BackOff, Confirmation, Reason, Schedule
from envsync.watch.scope import Scope
from envsync.watch.signals import Control
from envsync.watch.source import Clock, Source

_GRACE = 0.2
"""Seconds to wait for the event of a change that was found without one."""
_SCOPES = 3
"""Times that a scope which changes with each look is watched again; then its next event has to do."""


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """When a watcher acts, in seconds."""

    settle: float = 0.5
    interval: float = 600.0
    once: bool = False
    """Whether to end after the first pass that leaves nothing to confirm."""
    clock: Clock = time.monotonic


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who receives events, and the state for the service manager."""

    emit: Callable[[Event], None]
    manager: ServiceManager


class Watcher:
    """Reconciles on change, until a signal stops it."""

    def __init__(
        self, passes: Passes, source: Source, control: Control, watch_options: WatchOptions, listeners: Listeners
    ) -> None:
        """Take the passes, the source of changes, the signals, the options, and the listeners."""
        self._passes = passes
        self._source = source
        self._control = control
        self._watch_options = watch_options
        self._clock = watch_options.clock
        self._emit = listeners.emit
        self._manager = listeners.manager
        self._schedule = Schedule(watch_options.settle, watch_options.interval, watch_options.clock())
        self._confirmation = Confirmation(watch_options.settle)
        self._back_off = BackOff()
        self._scope = Scope((), (), (), (), ())
        self._polling = False
        self._change_log = ChangeLog(listeners.emit)
        self._passed = False
        self._undone: tuple[str, ...] = ()
        """The environments that the last pass left as they were, since it was interrupted."""
        self._had_parent: set[str] = set()
        """Environments whose path has had a parent directory since this began."""

    def run(self, *, polling: bool) -> int:
        """Watch, and return the exit status. Raises ``ManifestError`` if the manifest cannot be read at the start."""
        self._polling = polling
        self._control.attempt(self._begin)
        while self._control.stopped_by is None:
            if self._control.asked():
                self._back_off.clear()
                self._schedule.ask()
            self._control.attempt(self._step)
            if self._watch_options.once and self._is_calm():
                self._emit(Stopped(int(self._change_log.trouble), None))
                return int(self._change_log.trouble)
        self._manager.stopping()
        undone = self._undone
        self._emit(Stopped(self._control.exit_code, self._control.stopped_by.name, at_once=bool(undone), left=undone))
        return self._control.exit_code

    def _begin(self) -> None:
        look = self._look()
        self._watch(self._passes.scope_of(look))
        environments, directories = len(look.plan.environments), len(self._scope.inodes)
        self._emit(Started(look.plan.manifest.file, environments, directories, self._polling))
        self._manager.status(_status(look), ready=True)

    def _is_calm(self) -> bool:
        return self._passed and not self._schedule.unsettled and self._confirmation.next(self._clock()) is None

    def _step(self) -> None:
        seconds, reason = self._schedule.next(self._clock())
        if seconds > 0:
            self._wait(seconds)
            return
        if reason is Reason.INTERVAL and self._source.missed():
            self._doubt()
            return
        with self._manager.at_work():
            self._pass(reason)
        self._passed = True

    def _wait(self, seconds: float) -> None:
        beat = self._manager.beat
        self._manager.alive()
        heard = self._source.wait(min(seconds, beat or seconds), expectant=self._schedule.unsettled)
        if heard.problem is not None:
            self._degrade(heard.problem)
        if heard.changed and self._schedule.heard(heard.at):
            self._look()  # the first of the two looks that have to agree; it also asks new interpreters

    def _look(self, *, afresh: bool = False) -> Look:
        began = self._clock()
        look = self._passes.look(afresh=afresh)
        self._confirmation.note(look.plan.environments, began)
        self._had_parent.update(one.environment.name for one in look.plan.environments if not _lacks_parent(one))
        self._schedule.look_again(self._confirmation.next(self._clock()))
        return look

    def _pass(self, reason: Reason) -> None:
        began = self._clock()
        self._schedule.begin(began)
        if reason is Reason.SIGNAL:
            self._manager.reloading()
        look = self._look(afresh=reason in {Reason.SIGNAL, Reason.INTERVAL})
        self._change_log.of_manifest(look)
        chosen = self._chosen(look)
        foreign_staging = bool(look.plan.foreign_staging) and reason in {Reason.START, Reason.SIGNAL, Reason.INTERVAL}
        report = (
            self._passes.apply(look, chosen, foreign_staging=foreign_staging) if chosen or foreign_staging else None
        )
        done = report.environments if report else ()
        self._undone = tuple(one.plan.environment.name for one in done if one.outcome is Outcome.INTERRUPTED)
        after = self._watch_again(look, wrote=report is not None)
        retries = self._delay_retries(done, after)
        self._change_log.of_work(done, {} if self._watch_options.once else retries)
        now, worked_on = self._clock(), {one.plan.environment.name for one in done}
        self._change_log.of_states(after.plan.environments, lambda one: self._confirmation.stands(one, now), worked_on)
        if self._chosen(after):  # it came to be while this pass was under way
            self._schedule.heard(now)
        seconds, failures = self._clock() - began, dict(self._change_log.failures)
        self._emit(Passed(reason, look.plan.environments, done, seconds, after.plan, failures))
        self._manager.status(_status(after), ready=reason is Reason.SIGNAL)
        self._source.missed()

    def _chosen(self, look: Look) -> list[EnvironmentPlan]:
        now = self._clock()
        return [one for one in look.plan.environments if one.has_work and self._is_ripe(one, now)]

    def _is_ripe(self, plan: EnvironmentPlan, now: float) -> bool:
        name = plan.environment.name
        rests = self._back_off.knows(name) and self._back_off.rests(name, now, self._passes.inputs_of(plan))
        return not rests and not self._went_away(plan) and self._confirmation.stands(plan, now)

    def _went_away(self, plan: EnvironmentPlan) -> bool:
        """Check whether the parent directory of a path has gone: a project that was moved or unmounted.

        What were made in its place would be in the way when it comes back.
        """
        return _lacks_parent(plan) and plan.environment.name in self._had_parent

    def _watch_again(self, look: Look, *, wrote: bool) -> Look:
        """Watch what there is to watch now, and look again where a change could have been missed; return the last look.

        Events of envsync's own writes are dropped: the look comes after them.
        """
        if wrote:
            self._watch(self._scope.renewed())
            look = self._look()
        for _ in range(_SCOPES):
            scope = self._passes.scope_of(look)
            if scope == self._scope:
                break
            self._watch(scope)
            look = self._look()
        return look

    def _watch(self, scope: Scope) -> None:
        self._scope = scope
        problem = self._source.arm(scope)
        if problem is not None:
            self._degrade(problem)

    def _degrade(self, problem: Problem) -> None:
        self._polling = True
        self._emit(Degraded(problem))

    def _doubt(self) -> None:
        """Treat a change without an event as one, and poll if its event does not come."""
        heard = self._source.wait(_GRACE, expectant=True)
        if not heard.changed:
            message = "something that is watched has changed without an event, as on network file systems"
            hint = "Polling every few seconds instead; --poll does so from the start."
            problem = self._source.poll(Problem("events-lost", message, hint))
            if problem is not None:
                self._degrade(problem)
        self._schedule.heard(self._clock())
        self._look()

    def _delay_retries(self, done: tuple[EnvironmentReport, ...], after: Look) -> dict[str, float]:
        """Delay the retry of what failed; return the seconds until each retry, by name."""
        now = self._clock()
        left = {one.environment.name: one for one in after.plan.environments if one.has_work}
        self._back_off.keep_only(left)
        retries = {}
        for one in done:
            name = one.plan.environment.name
            if name in left and one.outcome in {Outcome.FAILED, Outcome.UNCHANGED}:
                retries[name] = self._back_off.failed(name, now, self._passes.inputs_of(left[name]))
        self._schedule.retry(self._back_off.next(now))
        return retries


def _lacks_parent(plan: EnvironmentPlan) -> bool:
    """Check whether the parent directory of a path does not exist."""
    return bool(plan.world.path.to_make) and not plan.world.path.is_link


def _status(look: Look) -> str:
    states = [one.state for one in look.plan.environments]
    in_sync = sum(state in {State.IN_SYNC, State.WAITING} for state in states)
    manifest = "; the manifest cannot be read, the last valid one is in force" if look.problems else ""
    return f"{in_sync} of {len(states)} environments in sync{manifest}"
