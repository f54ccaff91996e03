"""One command's way from options to a plan, and what commands give back."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from envsync.apply.verdicts import remembered_verdicts
from envsync.cache.fingerprint import outwait_slack
from envsync.cache.in_sync import KnownInSync
from envsync.cache.store import cache_directory, staging_directory, state_directories
from envsync.cli.consent import Untrusted, cache_for, opened, trust_level_of
from envsync.cli.options import Options
from envsync.manifest.cached import remember
from envsync.model import desired
from envsync.model.plan import EnvironmentPlan, Plan, State
from envsync.model.problems import Problem, UsageError
from envsync.model.report import EnvironmentReport, Report
from envsync.model.settings import Progress, Settings
from envsync.observe.facts import FactsCache
from envsync.observe.generations import StoredGeneration
from envsync.reconcile import Reconciler
from envsync.report import text
from envsync.report.json import Verdict, environment_entry, report_entry
from envsync.report.terminal import Paint
from envsync.write import snapshot
from envsync.write.files import write_cache

DONE, TROUBLE, DRIFT = 0, 1, 3
"""Exit statuses."""
_WORKING = frozenset({"apply", "upgrade", "rollback", "move", "doctor"})
"""Commands that ask an interpreter again that did not answer in time: whoever gives them has a reason to."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to, ready to be shown one way or the other."""

    manifest: str | None
    verdict: Verdict
    environments: tuple[EnvironmentPlan, ...] | tuple[EnvironmentReport, ...]
    lines: Callable[[Paint], Iterable[str]]
    kept: Mapping[str, tuple[StoredGeneration, ...]] = field(default_factory=dict)
    """The generations of each environment, where the command looked at them."""
    more: dict[str, Any] = field(default_factory=dict)
    """What else stands in the JSON document."""

    def entry(self, one: EnvironmentPlan | EnvironmentReport) -> dict[str, Any]:
        """Give an environment's entry in the JSON document."""
        if isinstance(one, EnvironmentReport):
            return report_entry(one)
        kept = self.kept.get(one.environment.name)
        return environment_entry(one) | ({} if kept is None else {"kept": [asdict(generation) for generation in kept]})


class Session:
    """One command's way from the manifest to a plan, and what is remembered of it for the next."""

    def __init__(self, options: Options, untrusted: Untrusted = Untrusted.REFUSE) -> None:
        """Take the options, and what to do about a manifest that is not trusted. Raises as ``opened`` does."""
        self.options = options
        self._read_at = time.time_ns()
        found = opened(options, untrusted)
        self.manifest, self.origin, self._known = found.manifest, found.origin, found.known
        self.settings = settings_of(self.manifest, options)
        check_names(self.manifest, (*options.names, *options.force_rebuild))
        self._cache = cache_for(options)
        self.facts = FactsCache(self._cache)
        if options.command in _WORKING:
            self.facts.forget_hanging()
        self.verdicts = remembered_verdicts(self._cache)
        self.reconciler = Reconciler(
            self.manifest, self.facts, force_rebuild=options.force_rebuild, deep=options.deep, verdicts=self.verdicts
        )
        self._began = 0

    def plan(self) -> Plan:
        """Plan for the environments that were named."""
        self._began = time.time_ns()
        return self.reconciler.plan(self._names())

    def apply(self, plan: Plan, progress: Progress) -> tuple[Report, Plan]:
        """Carry out a plan; gives what was done, and a plan of what is left to do."""
        in_sync = KnownInSync(outlined=True)
        for one in plan.environments:
            in_sync.note(one, self._began)
        report = self.reconciler.apply(plan, self.settings, progress, in_sync=in_sync)
        if not all(one.environment.name in in_sync for one in plan.environments):
            outwait_slack()
        self._began = time.time_ns()
        left = tuple(
            one for one in plan.foreign_staging if os.path.lexists(one[0])
        )  # in use still: the next pass looks again
        return report, replace(self.reconciler.plan(self._names(), in_sync.still()), foreign_staging=left)

    def _names(self) -> tuple[str, ...]:
        return self.options.names and (*self.options.names, *self.options.force_rebuild)

    def remember(self, plan: Plan) -> None:
        """Write down what saves time later; a failure to do so is no failure."""
        if self.options.no_cache or self.manifest.distrust:
            return
        if not self._known:
            remember(self.manifest, self._cache, self._read_at)
        self._cache.save(write_cache)
        if not self.options.names:
            done = text.unchanged_line(plan)
            snapshot.take(
                plan,
                trust_level_of(self.manifest),
                self._read_at,
                self._began,
                {"apply": f"{done}\n", "check": f"{text.check_line(plan)}\n"},
            )


def settings_of(manifest: desired.Manifest, options: Options, *, lock_timeout: float = 60.0) -> Settings:
    """Say how to apply a manifest."""
    locks, logs = state_directories()
    return Settings(
        cache=cache_directory(),
        locks=locks,
        logs=logs,
        jobs=options.jobs,
        lock_timeout=lock_timeout if options.lock_timeout is None else options.lock_timeout,
        generations_dir=os.path.realpath(manifest.state_dir),  # once: it may lead elsewhere later
        staging=staging_directory(),
        remembers=not options.no_cache,
    )


def check_names(manifest: desired.Manifest, names: Iterable[str]) -> None:
    """Raise ``UsageError`` for a name that is not among a manifest's environments for this host."""
    known = [environment.name for environment in manifest.environments]
    for name in names:
        if name in manifest.elsewhere:
            raise UsageError(
                Problem("unknown-name", f"{name} is not for this host", "See its `hosts` and `platforms`.")
            )
        if name not in known:
            import difflib  # noqa: PLC0415  # only where something is wrong

            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known[:20]) or 'none'}."
            raise UsageError(Problem("unknown-name", f"no environment is called {name}", hint, file=manifest.file))


def look(
    options: Options,
    lines: Callable[[Plan, Paint], Iterable[str]],
    *,
    on_drift: int = DONE,
    session: "Session | None" = None,
) -> Result:
    """Plan, apply nothing, and show the plan one way or the other."""
    session = session or Session(options, Untrusted.SHOW)
    plan = session.plan()
    session.remember(plan)
    verdict = verdict_of_plan(plan, on_drift=on_drift)
    return Result(plan.manifest.file, verdict, plan.environments, partial(lines, plan))


def verdict_of_plan(plan: Plan, *, on_drift: int) -> Verdict:
    """Say how a command ended that only shows a plan."""
    states = {one.state for one in plan.environments}
    if State.CONFLICT in states:
        return Verdict("conflict", TROUBLE)
    if states & {State.DRIFT, State.MISSING}:
        return Verdict("drift", on_drift)
    return Verdict("in-sync", DONE)
