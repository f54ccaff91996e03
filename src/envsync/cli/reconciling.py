"""The commands that compare the manifest with the disk, and those that act on what they find."""

import contextlib
import sys
from collections.abc import Callable
from functools import partial

from envsync import snapshot
from envsync.apply.outcome import EnvironmentReport, Outcome, Report, outcome_of
from envsync.cli import signals
from envsync.cli.consent import Untrusted, renew, warn
from envsync.cli.options import Options
from envsync.cli.painting import paint
from envsync.cli.session import DONE, DRIFT, TROUBLE, Result, Session, look, settings_of, verdict_of_plan
from envsync.errors import ManifestError
from envsync.manifest import load
from envsync.report import text
from envsync.report.document import Verdict
from envsync.report.progress import ProgressDisplay

__all__ = ["COMMANDS", "verdict_of_report"]


def _apply(options: Options) -> Result:
    if options.dry_run:
        return _plan(options)
    session = Session(options, Untrusted.ASK)
    plan = session.plan()
    work = sum(one.has_work for one in plan.environments)
    untouched = (EnvironmentReport(one, outcome_of(one.state, ())) for one in plan.environments)
    report = Report(plan.manifest, tuple(untouched))
    if plan.has_work:
        snapshot.forget(plan.manifest.file)
        plain = not paint(options, sys.stderr.isatty()).colours  # a bar is drawn with the same escape sequences
        with ProgressDisplay(work, shown=not (options.quiet or options.json or plain)) as display:
            report, plan = session.apply(plan, display.tick)
    session.remember(plan)
    verdict = verdict_of_report(report)
    show = partial(text.report_lines, report, verbose=options.verbose)
    return Result(plan.manifest.file, verdict, report.environments, show)


def _plan(options: Options) -> Result:
    return look(options, partial(text.plan_lines, verbose=options.verbose))


def _check(options: Options) -> Result:
    session = Session(options, Untrusted.SHOW)
    warn(options, session.manifest)
    return look(options, lambda plan, _: [text.check_line(plan)], on_drift=DRIFT, session=session)


def _rollback(options: Options) -> Result:
    session = Session(options)
    plan = session.reconciler.plan_rollback(options.names[0], pin=options.pin)
    if options.dry_run:
        show = partial(text.plan_lines, plan, verbose=True)
        return Result(plan.manifest.file, verdict_of_plan(plan, on_drift=DONE), plan.environments, show)
    snapshot.forget(plan.manifest.file)
    settings = settings_of(session.manifest, options)
    report = session.reconciler.apply(plan, settings)
    if options.pin:
        with contextlib.suppress(ManifestError):  # somebody is changing it
            renew(session.manifest, load(session.manifest.file))
    show = partial(text.report_lines, report, verbose=True)
    return Result(plan.manifest.file, verdict_of_report(report), report.environments, show)


def verdict_of_report(report: Report) -> Verdict:
    """Say how a command ended that applied a plan."""
    outcomes = {one.outcome for one in report.environments}
    if report.interrupted:
        return Verdict("failed", signals.status())
    if Outcome.FAILED in outcomes:
        return Verdict("failed", TROUBLE)
    if Outcome.CONFLICT in outcomes:
        return Verdict("conflict", TROUBLE)
    return Verdict("in-sync" if outcomes <= {Outcome.UNCHANGED, Outcome.SKIPPED} else "applied", DONE)


COMMANDS: dict[str, Callable[[Options], Result]] = {
    "apply": _apply,
    "plan": _plan,
    "check": _check,
    "rollback": _rollback,
}
