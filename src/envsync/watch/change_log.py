"""What a watcher has reported, so that it reports only what is new."""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from envsync.model.plan import Conflict, EnvironmentPlan, State
from envsync.model.report import CHANGED, EnvironmentReport, Outcome
from envsync.watch.events import Applied, Conflicted, Event, ManifestFailed, Recovered
from envsync.watch.passes import Look

if TYPE_CHECKING:
    from envsync.model.problems import Problem


class ChangeLog:
    """Emits what differs from what earlier passes reported."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        """Take the receiver of events."""
        self._emit = emit
        self._manifest = ManifestFailed("", ())
        self._conflicts: dict[str, tuple[Conflict, ...]] = {}
        self._done: dict[str, EnvironmentReport] = {}
        self._failed = False
        self.failures: dict[str, Problem] = {}
        """Why environments failed, by name, as far as that has not been resolved since."""

    @property
    def trouble(self) -> bool:
        """Whether an environment failed in the last pass, or is in conflict."""
        return self._failed or bool(self._conflicts)

    def of_manifest(self, look: Look) -> None:
        """Report that the manifest cannot be read, or can be again."""
        if look.problems != self._manifest.problems:
            self._manifest = ManifestFailed(look.plan.manifest.file, look.problems)
            self._emit(self._manifest)

    def of_work(self, done: Collection[EnvironmentReport], retries: Mapping[str, float]) -> None:
        """Report what was done; ``retries`` has the seconds until the retry of each failed environment."""
        for one in done:
            name = one.plan.environment.name
            former, self._done[name] = self._done.get(name), one
            repeated = one.error is not None and former is not None and former.error == one.error
            if one.error is not None:
                self.failures[name] = one.error
            elif one.outcome in CHANGED:
                self.failures.pop(name, None)
            if one.outcome is not Outcome.UNCHANGED:
                self._emit(Applied(one, retries.get(name), repeated))
        self._failed = any(one.outcome is Outcome.FAILED for one in done)

    def of_states(
        self, plans: Collection[EnvironmentPlan], stands: Callable[[EnvironmentPlan], bool], worked_on: set[str]
    ) -> None:
        """Report new confirmed conflicts, and resolved ones unless work on their environment was reported.

        What failed and is as declared now, without work, is reported likewise.
        """
        standing: dict[str, tuple[Conflict, ...]] = {}
        for plan in plans:
            name = plan.environment.name
            known = self._conflicts.get(name, ())
            if plan.state is not State.CONFLICT:
                if name not in worked_on:
                    self._of_end(plan, was_conflict=bool(known))
                continue
            standing[name] = plan.conflicts if stands(plan) else known
            if standing[name] != known:
                self._emit(Conflicted(plan))
        self._conflicts = {name: conflicts for name, conflicts in standing.items() if conflicts}
        there = {plan.environment.name for plan in plans}
        self.failures = {name: problem for name, problem in self.failures.items() if name in there}

    def _of_end(self, plan: EnvironmentPlan, *, was_conflict: bool) -> None:
        """Report that a conflict, or a failure, has ended without work."""
        failed = not plan.has_work and self.failures.pop(plan.environment.name, None) is not None
        if was_conflict:
            self._emit(Conflicted(plan))
        elif failed:
            self._emit(Recovered(plan))
