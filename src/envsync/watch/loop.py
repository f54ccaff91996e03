"""The watcher: waits, lets things settle, makes a pass, watches what that pass looked at."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from envsync.apply.outcome import Outcome, Report
from envsync.errors import Problem
from envsync.plan.actions import Conflict, EnvironmentPlan, State
from envsync.watch.agenda import Agenda, Reason
from envsync.watch.control import Control
from envsync.watch.events import Applied, Conflicted, Degraded, Event, ManifestFailed, Passed, Started, Stopped
from envsync.watch.passes import Look, Passes
from envsync.watch.patience import Agreement, BackOff
from envsync.watch.scope import Scope
from envsync.watch.source import Clock, Source
from envsync.watch.systemd import ServiceManager

__all__ = ["Audience", "Tempo", "Watcher"]

_GRACE = 0.2
"""Seconds for news of a change that was found without any."""
_CHASES = 3
"""A scope that is another one at each look is chased so many times; then its next event has to do."""


@dataclass(frozen=True, slots=True)
class Tempo:
    """How patient a watcher is, in seconds."""

    settle: float = 0.5
    interval: float = 600.0
    once: bool = False
    """Whether to end after the first pass that leaves nothing to wait for."""
    clock: Clock = time.monotonic


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told."""

    tell: Callable[[Event], None]
    manager: ServiceManager


class Watcher:
    """Reconciles on change, until it is told to stop."""

    def __init__(self, passes: Passes, source: Source, control: Control, tempo: Tempo, audience: Audience) -> None:
        """Take what makes passes, what hears of changes, what was asked for, and who is told."""
        self._passes = passes
        self._source = source
        self._control = control
        self._tempo = tempo
        self._clock = tempo.clock
        self._tell = audience.tell
        self._manager = audience.manager
        self._agenda = Agenda(tempo.settle, tempo.interval, tempo.clock())
        self._agreement = Agreement(tempo.settle)
        self._back_off = BackOff()
        self._scope = Scope((), (), (), ())
        self._polling = False
        self._problems: tuple[Problem, ...] = ()
        self._conflicts: dict[str, tuple[Conflict, ...]] = {}
        self._errors: dict[str, Problem | None] = {}
        self._trouble = False
        self._passed = False

    def run(self, *, polling: bool) -> int:
        """Watch, and give the exit status. Raises ``ManifestError`` if the manifest cannot be read to begin with."""
        self._polling = polling
        self._control.attempt(self._begin)
        while self._control.stopped_by is None:
            if self._control.asked():
                self._back_off.clear()
                self._agenda.ask()
            self._control.attempt(self._step)
            if self._tempo.once and self._is_calm():
                self._tell(Stopped(int(self._trouble), None))
                return int(self._trouble)
        self._manager.stopping()
        self._tell(Stopped(self._control.exit_code, self._control.stopped_by.name))
        return self._control.exit_code

    def _begin(self) -> None:
        look = self._look()
        self._watch(self._passes.scope_of(look))
        environments, folders = len(look.plan.environments), len(self._scope.inodes)
        self._tell(Started(look.plan.manifest.file, environments, folders, self._polling))
        self._manager.ready(_status(look))

    def _is_calm(self) -> bool:
        return self._passed and not self._agenda.unsettled and self._agreement.next(self._clock()) is None

    def _step(self) -> None:
        seconds, reason = self._agenda.next(self._clock())
        if seconds > 0:
            self._wait(seconds)
            return
        with self._manager.at_work():
            self._pass(reason)
        self._passed = True

    def _wait(self, seconds: float) -> None:
        beat = self._manager.beat
        self._manager.alive()
        heard = self._source.wait(min(seconds, beat or seconds), expectant=self._agenda.unsettled)
        if heard.problem is not None:
            self._degrade(heard.problem)
        if heard.changed and self._agenda.heard(heard.at):
            self._look()  # the first of the two looks that have to agree, and it gets to know new interpreters

    def _look(self, *, afresh: bool = False) -> Look:
        began = self._clock()
        look = self._passes.look(afresh=afresh)
        self._agreement.note(look.plan.environments, began)
        self._agenda.look_again(self._agreement.next(self._clock()))
        return look

    def _pass(self, reason: Reason) -> None:
        began = self._clock()
        missed = self._source.missed()
        if reason is Reason.INTERVAL and missed:
            self._doubt()
        self._agenda.begin(began)
        if reason is Reason.SIGNAL:
            self._manager.reloading()
        look = self._look(afresh=reason in {Reason.SIGNAL, Reason.INTERVAL})
        self._tell_manifest(look)
        chosen = self._chosen(look)
        strays = bool(look.plan.strays) and reason in {Reason.START, Reason.SIGNAL, Reason.INTERVAL}
        report = self._passes.apply(look, chosen, strays=strays) if chosen or strays else None
        after = self._settle_down(look, wrote=report is not None)
        self._tell_reports(report, after)
        self._tell_conflicts(after, {one.plan.environment.name for one in report.environments} if report else set())
        if self._chosen(after):  # it came to be while this pass was under way
            self._agenda.heard(self._clock())
        seconds = self._clock() - began
        self._tell(Passed(reason, look.plan.environments, report.environments if report else (), seconds))
        if reason is Reason.SIGNAL:
            self._manager.ready(_status(after))
        else:
            self._manager.status(_status(after))

    def _chosen(self, look: Look) -> list[EnvironmentPlan]:
        now = self._clock()
        return [one for one in look.plan.environments if one.has_work and self._is_ripe(one, now)]

    def _is_ripe(self, plan: EnvironmentPlan, now: float) -> bool:
        name = plan.environment.name
        rests = self._back_off.knows(name) and self._back_off.rests(name, now, self._passes.inputs_of(plan))
        return not rests and self._agreement.stands(plan, now)

    def _settle_down(self, look: Look, *, wrote: bool) -> Look:
        """Watch what there is to watch now, and look once more wherever something could have been missed meanwhile.

        What was heard of envsync's own writes is forgotten: the look comes after them.
        """
        if wrote:
            self._watch(self._scope.renewed())
            look = self._look()
        for _ in range(_CHASES):
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
        self._tell(Degraded(problem))

    def _doubt(self) -> None:
        """Give up listening where something that is watched has changed, and no event told of it."""
        if self._source.wait(_GRACE, expectant=True).changed:
            return
        message = "something that is watched has changed without an event, as on network file systems"
        hint = "Looking for changes every few seconds instead; --poll does so from the start."
        problem = self._source.poll(Problem("events-lost", message, hint))
        if problem is not None:
            self._degrade(problem)

    def _tell_manifest(self, look: Look) -> None:
        if look.problems != self._problems:
            self._problems = look.problems
            self._tell(ManifestFailed(look.plan.manifest.file, look.problems))

    def _tell_reports(self, report: Report | None, after: Look) -> None:
        now = self._clock()
        self._trouble = False
        left = {one.environment.name: one for one in after.plan.environments if one.has_work}
        self._back_off.keep_only(left)
        for one in report.environments if report else ():
            name = one.plan.environment.name
            failed = one.outcome is Outcome.FAILED
            if name in left and (failed or one.outcome is Outcome.UNCHANGED):
                retry_in = self._back_off.failed(name, now, self._passes.inputs_of(left[name]))
            else:
                retry_in = None
            if failed or one.outcome is not Outcome.UNCHANGED:
                repeated = failed and self._errors.get(name) == one.error
                self._tell(Applied(one, retry_in, repeated))
            self._errors[name] = one.error
            self._trouble = self._trouble or failed
        self._agenda.retry(self._back_off.next(now))

    def _tell_conflicts(self, look: Look, worked_on: set[str]) -> None:
        now = self._clock()
        standing: dict[str, tuple[Conflict, ...]] = {}
        for plan in look.plan.environments:
            name = plan.environment.name
            if plan.state is not State.CONFLICT:
                if name in self._conflicts and name not in worked_on:
                    self._tell(Conflicted(plan))
            elif self._agreement.stands(plan, now):
                standing[name] = plan.conflicts
                if self._conflicts.get(name) != plan.conflicts:
                    self._tell(Conflicted(plan))
            elif name in self._conflicts:
                standing[name] = self._conflicts[name]
        self._conflicts = standing
        self._trouble = self._trouble or bool(standing)


def _status(look: Look) -> str:
    states = [one.state for one in look.plan.environments]
    well = sum(state in {State.IN_SYNC, State.WAITING} for state in states)
    manifest = "; the manifest cannot be read, the last good one is in force" if look.problems else ""
    return f"{well} of {len(states)} environments in sync{manifest}"
