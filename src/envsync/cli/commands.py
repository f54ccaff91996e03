"""The commands: each from options to a result, which is rendered elsewhere."""

import contextlib
import difflib
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from envsync import desired, snapshot
from envsync.apply.outcome import EnvironmentReport, Outcome, Report, outcome_of
from envsync.apply.run import Settings
from envsync.cli.options import Options
from envsync.errors import Problem, UsageError
from envsync.folders import cache_folder, state_folders
from envsync.manifest import load, locate
from envsync.observe.facts import FactsCache
from envsync.observe.kept import Kept, read_kept
from envsync.plan.actions import EnvironmentPlan, Plan, State
from envsync.reconcile import Reconciler
from envsync.report import explain, table, text
from envsync.report.document import Verdict, environment_entry, report_entry
from envsync.report.paint import Paint
from envsync.report.progress import ProgressDisplay
from envsync.write.files import write_cache

__all__ = ["COMMANDS", "Result", "check_names", "settings_of"]

_DONE, _TROUBLE, _DRIFT, _INTERRUPTED = 0, 1, 3, 130


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to, ready to be shown one way or the other."""

    manifest: str
    verdict: Verdict
    environments: tuple[EnvironmentPlan, ...] | tuple[EnvironmentReport, ...]
    lines: Callable[[Paint], Iterable[str]]
    kept: Mapping[str, tuple[Kept, ...]] = field(default_factory=dict)
    """The generations of each environment, where the command looked at them."""
    more: dict[str, Any] = field(default_factory=dict)
    """What else stands in the JSON document."""

    def entry(self, one: EnvironmentPlan | EnvironmentReport) -> dict[str, Any]:
        """Give an environment's entry in the JSON document."""
        if isinstance(one, EnvironmentReport):
            return report_entry(one)
        kept = self.kept.get(one.environment.name)
        return environment_entry(one) | ({} if kept is None else {"kept": [asdict(generation) for generation in kept]})


def _apply(options: Options) -> Result:
    if options.dry_run:
        return _plan(options)
    session = _Session(options)
    plan = session.plan()
    work = sum(one.has_work for one in plan.environments)
    untouched = (EnvironmentReport(one, outcome_of(one.state, ())) for one in plan.environments)
    report = Report(plan.manifest, tuple(untouched))
    if plan.has_work:
        snapshot.forget(plan.manifest.file)
        settings = settings_of(session.manifest, options)
        with ProgressDisplay(work, shown=not (options.quiet or options.json)) as display:
            report = session.reconciler.apply(plan, settings, display.tick)
        snapshot.settle()
        plan = session.plan()
    session.remember(plan)
    verdict = _verdict_of_report(report)
    show = partial(text.report_lines, report, verbose=options.verbose)
    return Result(plan.manifest.file, verdict, report.environments, show)


def _plan(options: Options) -> Result:
    return _look(options, partial(text.plan_lines, verbose=options.verbose))


def _check(options: Options) -> Result:
    return _look(options, lambda plan, _: [text.check_line(plan)], on_drift=_DRIFT)


def _status(options: Options) -> Result:
    def lines(plan: Plan, paint: Paint) -> Iterable[str]:
        kept = _kept(plan.environments)
        if paint.colours and sys.stdout.isatty():
            return [table.terminal_text(plan, kept, shutil.get_terminal_size().columns)]
        return table.plain_lines(plan, kept)

    result = _look(options, lines)
    plans = [one for one in result.environments if isinstance(one, EnvironmentPlan)]
    return replace(result, kept=_kept(plans)) if options.json else result


def _kept(plans: Iterable[EnvironmentPlan]) -> dict[str, tuple[Kept, ...]]:
    return {one.environment.name: tuple(map(read_kept, one.world.folder.generations)) for one in plans}


def _rollback(options: Options) -> Result:
    session = _Session(options)
    plan = session.reconciler.plan_rollback(options.names[0])
    snapshot.forget(plan.manifest.file)
    settings = settings_of(session.manifest, options)
    report = session.reconciler.apply(plan, settings)
    show = partial(text.report_lines, report, verbose=True)
    return Result(plan.manifest.file, _verdict_of_report(report), report.environments, show)


def _explain(options: Options) -> Result:
    def lines(plan: Plan, paint: Paint) -> Iterator[str]:
        for number, one in enumerate(plan.environments):
            if number:
                yield ""
            yield from explain.explain_lines(one, paint)

    return _look(options, lines)


def _look(options: Options, lines: Callable[[Plan, Paint], Iterable[str]], *, on_drift: int = _DONE) -> Result:
    """Plan, apply nothing, and show the plan one way or the other."""
    session = _Session(options)
    plan = session.plan()
    session.remember(plan)
    verdict = _verdict_of_plan(plan, on_drift=on_drift)
    return Result(plan.manifest.file, verdict, plan.environments, partial(lines, plan))


COMMANDS: dict[str, Callable[[Options], Result]] = {
    "apply": _apply,
    "plan": _plan,
    "check": _check,
    "status": _status,
    "explain": _explain,
    "rollback": _rollback,
}


class _Session:
    """One command's way from the manifest to a plan, and what is remembered of it for the next."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.manifest = load(locate(options.file))
        check_names(self.manifest, (*options.names, *options.force_rebuild))
        self._facts = FactsCache(None if options.no_cache else f"{cache_folder()}/interpreters.json")
        self.reconciler = Reconciler(self.manifest, self._facts, force_rebuild=options.force_rebuild)
        self._began = 0

    def plan(self) -> Plan:
        """Plan for the environments that were named."""
        self._began = time.time_ns()
        names = self.options.names and (*self.options.names, *self.options.force_rebuild)
        return self.reconciler.plan(names)

    def remember(self, plan: Plan) -> None:
        """Write down what saves time later; a failure to do so is no failure."""
        if self.options.no_cache:
            return
        if self._facts.changed:
            with contextlib.suppress(OSError):
                write_cache(f"{cache_folder()}/interpreters.json", self._facts.text())
        if not self.options.names:
            done = text.unchanged_line(plan)
            snapshot.take(plan, self._began, {"apply": f"{done}\n", "check": f"{text.check_line(plan)}\n"})


def settings_of(manifest: desired.Manifest, options: Options, *, lock_timeout: float = 60.0) -> Settings:
    """Say how to apply a manifest."""
    locks, logs = state_folders()
    return Settings(
        cache=cache_folder(),
        locks=locks,
        logs=logs,
        jobs=options.jobs,
        lock_timeout=lock_timeout if options.lock_timeout is None else options.lock_timeout,
        shelf=manifest.state_dir,
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
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known[:20]) or 'none'}."
            raise UsageError(Problem("unknown-name", f"no environment is called {name}", hint, file=manifest.file))


def _verdict_of_plan(plan: Plan, *, on_drift: int) -> Verdict:
    states = {one.state for one in plan.environments}
    if State.CONFLICT in states:
        return Verdict("conflict", _TROUBLE)
    if states & {State.DRIFT, State.MISSING}:
        return Verdict("drift", on_drift)
    return Verdict("in-sync", _DONE)


def _verdict_of_report(report: Report) -> Verdict:
    outcomes = {one.outcome for one in report.environments}
    if report.interrupted:
        return Verdict("failed", _INTERRUPTED)
    if Outcome.FAILED in outcomes:
        return Verdict("failed", _TROUBLE)
    if Outcome.CONFLICT in outcomes:
        return Verdict("conflict", _TROUBLE)
    return Verdict("in-sync" if outcomes <= {Outcome.UNCHANGED, Outcome.SKIPPED} else "applied", _DONE)
