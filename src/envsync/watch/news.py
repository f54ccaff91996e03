"""What is told and what is known already: people want to hear of changes, once."""

from collections.abc import Callable, Collection, Mapping

from envsync.apply.outcome import EnvironmentReport, Outcome
from envsync.plan.actions import Conflict, EnvironmentPlan, State
from envsync.watch.events import Applied, Conflicted, Event, ManifestFailed
from envsync.watch.passes import Look

__all__ = ["News"]


class News:
    """Compares each pass with what was told before, and tells the difference."""

    def __init__(self, tell: Callable[[Event], None]) -> None:
        """Take whom to tell."""
        self._tell = tell
        self._manifest = ManifestFailed("", ())
        self._conflicts: dict[str, tuple[Conflict, ...]] = {}
        self._done: dict[str, EnvironmentReport] = {}
        self._failed = False

    @property
    def trouble(self) -> bool:
        """Whether an environment failed in the last pass, or is in conflict."""
        return self._failed or bool(self._conflicts)

    def of_manifest(self, look: Look) -> None:
        """Tell when the manifest cannot be read, or can be again."""
        if look.problems != self._manifest.problems:
            self._manifest = ManifestFailed(look.plan.manifest.file, look.problems)
            self._tell(self._manifest)

    def of_work(self, done: Collection[EnvironmentReport], retries: Mapping[str, float]) -> None:
        """Tell what was done, with the seconds until the next try of what failed."""
        for one in done:
            name = one.plan.environment.name
            former, self._done[name] = self._done.get(name), one
            repeated = one.error is not None and former is not None and former.error == one.error
            if one.outcome is not Outcome.UNCHANGED:
                self._tell(Applied(one, retries.get(name), repeated))
        self._failed = any(one.outcome is Outcome.FAILED for one in done)

    def of_conflicts(
        self, plans: Collection[EnvironmentPlan], stands: Callable[[EnvironmentPlan], bool], worked_on: set[str]
    ) -> None:
        """Tell of conflicts that are new and stand, and of those that are over, unless work was told of instead."""
        standing: dict[str, tuple[Conflict, ...]] = {}
        for plan in plans:
            name = plan.environment.name
            known = self._conflicts.get(name, ())
            if plan.state is not State.CONFLICT:
                if known and name not in worked_on:
                    self._tell(Conflicted(plan))
                continue
            standing[name] = plan.conflicts if stands(plan) else known
            if standing[name] != known:
                self._tell(Conflicted(plan))
        self._conflicts = {name: conflicts for name, conflicts in standing.items() if conflicts}
