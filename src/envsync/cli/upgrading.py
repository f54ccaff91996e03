"""The commands for newer releases: upgrade packages, or list what could be upgraded."""

import sys
from collections.abc import Callable
from functools import partial

from packaging.utils import canonicalize_name

from envsync import snapshot
from envsync.apply.outcome import EnvironmentReport, Report, outcome_of
from envsync.cli.options import Options
from envsync.cli.painting import paint
from envsync.cli.reconciling import verdict_of_report
from envsync.cli.session import DONE, TROUBLE, Result, Session, settings_of
from envsync.plan.actions import Plan, State
from envsync.report import text
from envsync.report.document import Verdict
from envsync.report.packages import outdated_lines
from envsync.report.progress import ProgressDisplay

__all__ = ["COMMANDS"]


def _upgrade(options: Options) -> Result:
    session = Session(options)
    plan = _plan(session, options)
    if options.dry_run:
        show = partial(text.plan_lines, plan, verbose=options.verbose)
        return Result(plan.manifest.file, _verdict_of(plan), plan.environments, show)
    report = Report(
        plan.manifest, tuple(EnvironmentReport(one, outcome_of(one.state, ())) for one in plan.environments)
    )
    if plan.has_work:
        snapshot.forget(plan.manifest.file)
        work = sum(one.has_work for one in plan.environments)
        plain = not paint(options, sys.stderr.isatty()).colours
        with ProgressDisplay(work, shown=not (options.quiet or options.json or plain)) as display:
            report = session.reconciler.apply(plan, settings_of(session.manifest, options), display.tick)
    show = partial(text.report_lines, report, verbose=options.verbose)
    return Result(plan.manifest.file, verdict_of_report(report), report.environments, show)


def _outdated(options: Options) -> Result:
    session = Session(options)
    plan = _plan(session, options)
    return Result(plan.manifest.file, _verdict_of(plan), plan.environments, partial(outdated_lines, plan.environments))


def _plan(session: Session, options: Options) -> Plan:
    only = tuple(dict.fromkeys(canonicalize_name(name) for name in options.package))
    return session.reconciler.plan_upgrade(options.names, only)


def _verdict_of(plan: Plan) -> Verdict:
    states = {one.state for one in plan.environments}
    if State.CONFLICT in states:
        return Verdict("conflict", TROUBLE)
    return Verdict("drift" if plan.has_work else "in-sync", DONE)


COMMANDS: dict[str, Callable[[Options], Result]] = {"upgrade": _upgrade, "outdated": _outdated}
