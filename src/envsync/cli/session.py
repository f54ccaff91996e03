"""One command's way from options to a plan, and what commands give back."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from envsync.apply.settings import Progress, Settings
from envsync.apply.verdicts import Known
from envsync.cache.fast_path import cache_file
from envsync.cache.fingerprint import settle
from envsync.cache.in_sync import KnownInSync
from envsync.cache.store import cache_directory
from envsync.cli.consent import Untrusted, opened
from envsync.cli.options import Options
from envsync.cli.result import DONE, TROUBLE, Result, Verdict
from envsync.manifest import check_names
from envsync.manifest.cached import remembered
from envsync.model.document import status_of
from envsync.model.plan import Plan
from envsync.model.report import Report
from envsync.observe.trust import standing_of
from envsync.reconcile import Reconciler
from envsync.report import text
from envsync.report.terminal import Paint
from envsync.write import snapshot
from envsync.write.files import write_cache

_WORKING = frozenset({"apply", "upgrade", "rollback", "move", "doctor"})
"""Commands that ask an interpreter again that did not answer in time: whoever gives them has a reason to."""


class Session:
    """One command's way from the manifest to a plan, and what is remembered of it for the next."""

    def __init__(self, options: Options, untrusted: Untrusted = Untrusted.REFUSE) -> None:
        """Take the options, and what to do about a manifest that is not trusted. Raises as ``opened`` does."""
        self.options = options
        self._read_at = time.time_ns()
        found = opened(options, untrusted)
        self.manifest, self.origin, self._known = found.manifest, found.origin, found.known
        self.settings = settings_of(options)
        check_names(self.manifest, (*options.names, *options.force_rebuild))
        self._found_out = Known.read(None if options.no_cache else cache_directory())
        self.facts = self._found_out.facts
        if options.command in _WORKING:
            self.facts.forget_hanging()
        self.reconciler = Reconciler(
            self.manifest,
            self.facts,
            force_rebuild=options.force_rebuild,
            deep=options.deep,
            verdicts=self._found_out.verdicts,
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
            settle()
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
            self._remember_manifest()
        self._found_out.save()
        if not self.options.names:
            done = text.unchanged_line(plan)
            snapshot.take(
                plan,
                standing_of(self.manifest),
                self._read_at,
                self._began,
                {"apply": f"{done}\n", "check": f"{text.check_line(plan)}\n"},
            )

    def _remember_manifest(self) -> None:
        content = remembered(self.manifest, self._read_at)
        if content is not None:
            with contextlib.suppress(OSError):
                write_cache(cache_file("manifest", self.manifest.file), content)


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
    """Return how a command ended that only shows a plan."""
    status = status_of({one.state for one in plan.environments})
    return Verdict(status, {"conflict": TROUBLE, "drift": on_drift}.get(status, DONE))
