"""The commands that compare the manifest with the disk, and those that act on what they find."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from envsync import snapshot
from envsync.apply.outcome import EnvironmentReport, Outcome, Report, outcome_of
from envsync.cli.options import Options
from envsync.cli.painting import layout
from envsync.cli.session import DONE, DRIFT, INTERRUPTED, TROUBLE, Result, Session, look, settings_of
from envsync.desired import Manifest
from envsync.manifest import load, locate
from envsync.observe.keeper import keeper_of, keepers_here
from envsync.observe.kept import Kept, read_kept
from envsync.observe.orphans import find_orphans
from envsync.plan.actions import EnvironmentPlan, Plan
from envsync.plan.prune import Removal, plan_prune
from envsync.report import explain, removals, table, text
from envsync.report.document import Verdict
from envsync.report.paint import Paint
from envsync.report.progress import ProgressDisplay

__all__ = ["COMMANDS"]


def _apply(options: Options) -> Result:
    if options.dry_run:
        return _plan(options)
    session = Session(options)
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
    return look(options, partial(text.plan_lines, verbose=options.verbose))


def _check(options: Options) -> Result:
    return look(options, lambda plan, _: [text.check_line(plan)], on_drift=DRIFT)


def _status(options: Options) -> Result:
    def lines(plan: Plan, paint: Paint) -> Iterator[str]:
        kept = _kept(plan.environments)
        if paint.colours and sys.stdout.isatty():
            yield table.terminal_text(plan, kept, shutil.get_terminal_size().columns)
        else:
            yield from table.plain_lines(plan, kept)
        if options.orphans:
            yield from ("", *removals.removal_lines(_orphans(plan.manifest), None, paint))

    result = look(options, lines)
    if not options.json:
        return result
    plans = [one for one in result.environments if isinstance(one, EnvironmentPlan)]
    more = {}
    if options.orphans:
        more = {"orphans": removals.removal_entries(_orphans(load(locate(options.file))), None)}
    return replace(result, kept=_kept(plans), more=more)


def _orphans(manifest: Manifest) -> tuple[Removal, ...]:
    return plan_prune(find_orphans(manifest), (), (), everything=False)


def _kept(plans: Iterable[EnvironmentPlan]) -> dict[str, tuple[Kept, ...]]:
    return {one.environment.name: tuple(map(read_kept, one.world.folder.generations)) for one in plans}


def _rollback(options: Options) -> Result:
    session = Session(options)
    plan = session.reconciler.plan_rollback(options.names[0])
    snapshot.forget(plan.manifest.file)
    settings = settings_of(session.manifest, options)
    report = session.reconciler.apply(plan, settings)
    show = partial(text.report_lines, report, verbose=True)
    return Result(plan.manifest.file, _verdict_of_report(report), report.environments, show)


def _explain(options: Options) -> Result:
    lore = explain.Lore(keeper_of, keepers_here())

    def lines(plan: Plan, paint: Paint) -> Iterator[str]:
        for number, one in enumerate(plan.environments):
            if number:
                yield ""
            yield from explain.explain_lines(one, paint, layout(), lore)

    return look(options, lines)


def _verdict_of_report(report: Report) -> Verdict:
    outcomes = {one.outcome for one in report.environments}
    if report.interrupted:
        return Verdict("failed", INTERRUPTED)
    if Outcome.FAILED in outcomes:
        return Verdict("failed", TROUBLE)
    if Outcome.CONFLICT in outcomes:
        return Verdict("conflict", TROUBLE)
    return Verdict("in-sync" if outcomes <= {Outcome.UNCHANGED, Outcome.SKIPPED} else "applied", DONE)


COMMANDS: dict[str, Callable[[Options], Result]] = {
    "apply": _apply,
    "plan": _plan,
    "check": _check,
    "status": _status,
    "explain": _explain,
    "rollback": _rollback,
}
