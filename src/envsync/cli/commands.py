"""The commands: each from options to a result, which is rendered elsewhere."""

import contextlib
import difflib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from envsync import desired
from envsync.apply import effects
from envsync.apply.outcome import EnvironmentReport, Outcome, Report
from envsync.apply.run import Settings
from envsync.cli.options import Options
from envsync.errors import Problem, UsageError
from envsync.folders import cache_folder, lock_folder
from envsync.manifest import load, locate
from envsync.observe.facts import FactsCache
from envsync.plan.actions import EnvironmentPlan, Plan, State
from envsync.reconcile import Reconciler
from envsync.report import explain, table, text
from envsync.report.document import Verdict, environment_entry, report_entry
from envsync.report.paint import Paint
from envsync.report.progress import ProgressDisplay

__all__ = ["COMMANDS", "Result"]

_DONE, _TROUBLE, _DRIFT, _INTERRUPTED = 0, 1, 3, 130


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to, ready to be shown one way or the other."""

    manifest: str
    verdict: Verdict
    environments: tuple[EnvironmentPlan, ...] | tuple[EnvironmentReport, ...]
    lines: Callable[[Paint], Iterable[str]]

    @staticmethod
    def entry(one: EnvironmentPlan | EnvironmentReport) -> dict[str, Any]:
        """Give an environment's entry in the JSON document."""
        return environment_entry(one) if isinstance(one, EnvironmentPlan) else report_entry(one)


def _apply(options: Options) -> Result:
    if options.dry_run:
        return _plan(options)
    with _session(options) as (reconciler, plan):
        settings = Settings(_cache_folder(), lock_folder(), options.jobs, options.lock_timeout)
        work = sum(one.has_work for one in plan.environments)
        with ProgressDisplay(work, shown=not (options.quiet or options.json)) as display:
            report = reconciler.apply(plan, settings, display.tick)
    return Result(
        plan.manifest.file,
        _verdict_of_report(report),
        report.environments,
        lambda paint: text.report_lines(report, paint, verbose=options.verbose),
    )


def _plan(options: Options) -> Result:
    with _session(options) as (_, plan):
        pass
    verdict = _verdict_of_plan(plan, on_drift=_DONE)
    return Result(
        plan.manifest.file,
        verdict,
        plan.environments,
        lambda paint: text.plan_lines(plan, paint, verbose=options.verbose),
    )


def _check(options: Options) -> Result:
    with _session(options) as (_, plan):
        pass
    verdict = _verdict_of_plan(plan, on_drift=_DRIFT)
    return Result(plan.manifest.file, verdict, plan.environments, lambda _: [text.check_line(plan)])


def _status(options: Options) -> Result:
    with _session(options) as (_, plan):
        pass

    def lines(paint: Paint) -> Iterable[str]:
        if paint.colours and sys.stdout.isatty():
            return [table.terminal_text(plan, shutil.get_terminal_size().columns)]
        return table.plain_lines(plan)

    return Result(plan.manifest.file, _verdict_of_plan(plan, on_drift=_DONE), plan.environments, lines)


def _explain(options: Options) -> Result:
    with _session(options) as (_, plan):
        pass

    def lines(paint: Paint) -> Iterator[str]:
        for number, one in enumerate(plan.environments):
            if number:
                yield ""
            yield from explain.explain_lines(one, paint)

    return Result(plan.manifest.file, _verdict_of_plan(plan, on_drift=_DONE), plan.environments, lines)


COMMANDS: dict[str, Callable[[Options], Result]] = {
    "apply": _apply,
    "plan": _plan,
    "check": _check,
    "status": _status,
    "explain": _explain,
}


@contextlib.contextmanager
def _session(options: Options) -> Iterator[tuple[Reconciler, Plan]]:
    """Load the manifest and plan; at the end, remember what interpreters said."""
    manifest = load(locate(options.file))
    _check_names(manifest, (*options.names, *options.force_rebuild))
    file = None if options.no_cache else f"{cache_folder()}/interpreters.json"
    facts = FactsCache(file)
    reconciler = Reconciler(manifest, facts, force_rebuild=options.force_rebuild)
    names = options.names and (*options.names, *options.force_rebuild)
    plan = reconciler.plan(names)
    yield reconciler, plan
    if file is not None and facts.changed:
        with contextlib.suppress(OSError):  # a cache only saves time
            effects.replace_file(f"{_cache_folder()}/interpreters.json", facts.text())


def _cache_folder() -> str:
    folder = cache_folder()
    with contextlib.suppress(OSError):
        os.makedirs(folder, exist_ok=True)
    return os.path.realpath(folder)


def _check_names(manifest: desired.Manifest, names: Iterable[str]) -> None:
    known = [environment.name for environment in manifest.environments]
    for name in names:
        if name in manifest.elsewhere:
            raise UsageError(Problem("unknown-name", f"{name} is not for this host", "See its `hosts` and `platforms`."))
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
