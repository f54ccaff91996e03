"""One pass for a watcher: the manifest as it is now, or the last good one, observed, planned, applied."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from envsync.apply.progress import Follower
from envsync.apply.settings import Settings
from envsync.apply.verdicts import remembered_verdicts
from envsync.cache.fingerprint import holds, see, take
from envsync.cache.in_sync import KnownInSync
from envsync.cache.store import Cache
from envsync.model.dataclass import dataclass
from envsync.model.desired import Inputs, Manifest
from envsync.model.plan import EnvironmentPlan, Plan
from envsync.model.problems import ManifestError, Problem
from envsync.model.report import Report
from envsync.observe.dependencies import along
from envsync.observe.facts import FactsCache
from envsync.observe.links import walk
from envsync.reconcile import Reconciler
from envsync.watch.scope import Scope, scope_of
from envsync.write import snapshot
from envsync.write.files import write_cache

if TYPE_CHECKING:
    from envsync.model.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at everything found."""

    plan: Plan
    problems: tuple[Problem, ...]
    """Why the manifest cannot be read; then all else goes by the last good one."""


class Passes:
    """Looks and applies for one manifest file; what has not changed is not read again."""

    def __init__(  # noqa: PLR0913  # three, and options
        self,
        file: str,
        load: Callable[[str], Manifest],
        settings: Settings,
        *,
        names: tuple[str, ...] = (),
        cache: Cache | None = None,
        follower: Follower = lambda _: None,
    ) -> None:
        """Take the manifest's path as opened, how to load it and how to apply it, and what earlier passes found.

        ``follower`` hears of the work, as in :meth:`envsync.reconcile.Reconciler.apply`.
        """
        self._file = file
        self._load = load
        self._settings = settings
        self._names = names
        self._follower = follower
        self._cache = cache or Cache(None)
        self._facts = FactsCache(self._cache)
        self._verdicts = remembered_verdicts(self._cache)
        self._manifest: Manifest | None = None
        self._problems: tuple[Problem, ...] = ()
        self._inputs = Inputs(replayable=False)
        self._evidence: Evidence | None = None
        """For the manifest as it was read."""
        self._reconciler: Reconciler | None = None
        self._in_sync_of: Manifest | None = None
        self._in_sync = KnownInSync()

    def look(self, *, afresh: bool = False) -> Look:
        """Observe and plan; nothing is written but caches.

        The manifest is read again if anything has changed that it depends on, or ``afresh`` asks for it. Raises
        ``ManifestError`` only where no good one has been read yet.
        """
        manifest = self._read(afresh=afresh)
        self._facts.begin_pass()
        if afresh:
            self._facts.forget_hanging()
        self._reconciler = Reconciler(manifest, self._facts, verdicts=self._verdicts)
        there = {one.name for one in manifest.environments}
        names = tuple(name for name in self._names if name in there)
        began = time.time_ns()
        if afresh or manifest is not self._in_sync_of:
            self._in_sync, self._in_sync_of = KnownInSync(), manifest
        in_sync = self._in_sync.still()
        plan = self._reconciler.plan(names, in_sync) if names or not self._names else Plan(manifest, ())
        self._remember(plan, in_sync, began)
        return Look(plan, self._problems)

    def scope_of(self, look: Look) -> Scope:
        """Return what to watch, by what a look found."""
        return scope_of(look.plan.environments, (look.plan.manifest.inputs, self._inputs))

    def apply(self, look: Look, chosen: Iterable[EnvironmentPlan], *, foreign_staging: bool) -> Report:
        """Carry out what a look planned for some environments.

        A rebuild that was not planned then is left to a later pass, which looks twice.
        """
        manifest = look.plan.manifest
        snapshot.forget(manifest.file)
        plan = replace(
            look.plan, environments=tuple(chosen), foreign_staging=look.plan.foreign_staging if foreign_staging else ()
        )
        reconciler = self._reconciler or Reconciler(manifest, self._facts, verdicts=self._verdicts)
        return reconciler.apply(plan, self._settings, self._follower, steady=True)

    def inputs_of(self, plan: EnvironmentPlan) -> object:
        """Return what the fate of an environment depends on, to check whether it has changed."""
        return (plan.environment, see(plan.world.evidence.paths))

    def _read(self, *, afresh: bool) -> Manifest:
        unchanged = self._inputs.replayable and self._evidence is not None and holds(self._evidence)
        if self._manifest is not None and unchanged and not afresh:
            return self._manifest
        began = time.time_ns()
        try:
            self._manifest = self._load(self._file)
        except ManifestError as error:
            if self._manifest is None:
                raise
            self._problems = error.problems
            self._inputs = replace(error.inputs, paths=(self._file, *error.inputs.paths))
        else:
            self._problems = ()
            self._inputs = self._manifest.inputs
        self._evidence = take(_dependencies(self._inputs), began)
        return self._manifest

    def _remember(self, plan: Plan, in_sync: Mapping[str, EnvironmentPlan], began: int) -> None:
        """Remember what was found out, and the environments in sync for as long as their evidence holds."""
        for one in plan.environments:
            if one.environment.name not in in_sync:
                self._in_sync.note(one, began)
        self._cache.save(write_cache)


def _dependencies(inputs: Inputs) -> Iterator[str]:
    for path in inputs.paths:
        yield path
        yield from along(walk(path))
