"""One command's way from options to a plan, and what commands give back."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from envsync.apply.progress import Follower
from envsync.apply.settings import Settings
from envsync.apply.verdicts import remembered_verdicts
from envsync.cache.fingerprint import outwait_slack
from envsync.cache.in_sync import KnownInSync
from envsync.cli import signals
from envsync.cli.consent import Untrusted, cache_for, opened
from envsync.cli.options import Options
from envsync.cli.progress import display
from envsync.cli.result import DONE, TROUBLE, Result, Verdict
from envsync.manifest.cached import remember
from envsync.manifest.find import hidden
from envsync.manifest.selection import only_name, selected
from envsync.model.desired import Manifest
from envsync.model.document import status_of
from envsync.model.plan import Plan
from envsync.model.report import Report
from envsync.observe.facts import FactsCache
from envsync.observe.trust import trust_level_of
from envsync.reconcile import Reconciler
from envsync.report import totals
from envsync.report.progress import Display
from envsync.report.terminal import Paint
from envsync.write import snapshot
from envsync.write.files import write_cache

_WORKING = frozenset({"apply", "upgrade", "rollback", "move", "doctor"})
"""Commands that ask an interpreter again that did not answer in time: whoever gives them has a reason to."""

_OF_ONE = frozenset({"rollback", "move"})
"""Commands about one environment."""


class Session:
    """One command's way from the manifest to a plan, and what is remembered of it for the next."""

    def __init__(self, options: Options, untrusted: Untrusted = Untrusted.REFUSE) -> None:
        """Take the options, and what to do about a manifest that is not trusted. Raises as ``opened`` does."""
        self._read_at = time.time_ns()
        found = opened(options, untrusted)
        self.manifest, self.origin, self._known = found.manifest, found.origin, found.known
        self.hidden = hidden(self.manifest.file, self.origin)
        """The user's own manifest, where another is in force because it was found; empty if none is."""
        self.options = options = resolved(self.manifest, options)
        self.settings = settings_of(options)
        self._cache = cache_for(options)
        self.facts = FactsCache(self._cache)
        if options.command in _WORKING:
            self.facts.forget_hanging()
        self.verdicts = remembered_verdicts(self._cache)
        self.reconciler = Reconciler(
            self.manifest,
            self.facts,
            force_rebuild=options.force_rebuild,
            deep=options.deep,
            verdicts=self.verdicts,
        )
        self._began = 0

    def in_force(self) -> dict[str, Any]:
        """Return how the manifest was found, and what it hides, for the JSON document."""
        return {"found_by": self.origin, "hides": self.hidden or None}

    def plan(self) -> Plan:
        """Plan for the environments that were named."""
        self._began = time.time_ns()
        with self.looking():
            return self.reconciler.plan(self._names())

    @contextlib.contextmanager
    def looking(self, total: int = 0) -> Iterator[Display]:
        """Show during a block what the reconciler looks at, and what is done to ``total`` environments."""
        with display(self.options, total=total) as shown:
            self.reconciler.looking = shown.busy
            yield shown

    def apply(self, plan: Plan, progress: Follower) -> tuple[Report, Plan | None]:
        """Carry out a plan; gives what was done, and a plan of what is left to do, unless that was interrupted."""
        in_sync = KnownInSync()
        for one in plan.environments:
            in_sync.note(one, self._began)
        report = self.carry_out(plan, progress, in_sync)
        if report.interrupted:
            return report, None
        try:
            return report, self._left(plan, in_sync)
        except KeyboardInterrupt:  # what was done is worth telling all the same
            return replace(report, interrupted=True), None

    def carry_out(self, plan: Plan, progress: Follower, in_sync: KnownInSync | None = None) -> Report:
        """Carry out a plan; what is in sync afterwards is noted in ``in_sync``."""
        signals.begin_changes()
        snapshot.forget(plan.manifest.file)
        return self.reconciler.apply(plan, self.settings, progress, in_sync=in_sync)

    def _left(self, plan: Plan, in_sync: KnownInSync) -> Plan:
        if not all(one.environment.name in in_sync for one in plan.environments):
            outwait_slack()
        self._began = time.time_ns()
        left = tuple(
            one for one in plan.foreign_staging if os.path.lexists(one[0])
        )  # in use still: the next pass looks again
        return replace(self.reconciler.plan(self._names(), in_sync.still()), foreign_staging=left)

    def _names(self) -> tuple[str, ...]:
        return self.options.names and (*self.options.names, *self.options.force_rebuild)

    def remember(self, plan: Plan) -> None:
        """Write down what saves time later; a failure to do so is no failure."""
        if self.options.no_cache or self.manifest.distrust:
            return
        if not self.options.names:
            done = totals.unchanged_line(plan)
            snapshot.take(
                plan,
                trust_level_of(self.manifest),
                self._read_at,
                self._began,
                {"apply": f"{done}\n", "check": f"{totals.check_line(plan)}\n"},
            )
        if not self._known:
            remember(self.manifest, self._cache, self._read_at)
        self._cache.save(write_cache)


def resolved(manifest: Manifest, options: Options) -> Options:
    """Return options in which each path and glob has given way to the names that it means. Raises ``UsageError``."""
    if options.command in _OF_ONE:
        names: tuple[str, ...] = tuple(only_name(manifest, word) for word in options.names)
    else:
        names = selected(manifest, options.names)
    return options._replace(names=names, force_rebuild=selected(manifest, options.force_rebuild))


def settings_of(options: Options, *, lock_timeout: float = 60.0) -> Settings:
    """Return how to apply: in the directories of the command, so that every pass finds the same locks."""
    return Settings(
        jobs=options.jobs,
        lock_timeout=lock_timeout if options.lock_timeout is None else options.lock_timeout,
        remembers=not options.no_cache,
    )


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
    """Return the verdict of a command that only shows a plan."""
    status = status_of({one.state for one in plan.environments})
    return Verdict(status, {"conflict": TROUBLE, "drift": on_drift}.get(status, DONE))
