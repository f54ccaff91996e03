"""The commands that compare the manifest with the disk, act on the difference, or upgrade packages."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from envsync.cli import signals
from envsync.cli.consent import Untrusted, agreed, may_ask, warn
from envsync.cli.options import Options
from envsync.cli.output import paint
from envsync.cli.result import DONE, DRIFT, TROUBLE, Result, Verdict
from envsync.cli.session import Session, look, verdict_of_plan
from envsync.formats.dependency_specifiers import canonical_name
from envsync.manifest import load
from envsync.model.plan import Plan, State
from envsync.model.problems import ManifestError
from envsync.model.report import EnvironmentReport, Report, outcome_of
from envsync.report import causes, packages, text, totals
from envsync.report.table import in_force_lines
from envsync.report.terminal import Paint, shell_quoted, tilde


def _apply(options: Options) -> Result:
    if options.dry_run:
        return _plan(options)
    began = time.monotonic()
    session = Session(options, Untrusted.ASK)
    plan = session.plan()
    question = causes.question(plan)
    if question and not options.yes and may_ask(options):
        asked = time.monotonic()
        for line in text.reason_lines(plan, paint(options, sys.stderr)):
            sys.stderr.write(f"{line}\n")
        if not agreed(question):
            return Result(plan.manifest.file, Verdict("drift", TROUBLE), _untouched(plan).environments, _refused)
        began += time.monotonic() - asked
    report, left = _untouched(plan), plan if not plan.has_work else None
    if plan.has_work:
        with session.looking(_count(plan)) as display:
            report, left = session.apply(plan, display)
    if left is not None:
        session.remember(left)
    verdict = verdict_of_report(report)
    show = partial(
        text.report_lines, report, verbose=options.verbose, quiet=options.quiet, seconds=time.monotonic() - began
    )
    return Result(plan.manifest.file, verdict, report.environments, show)


def _refused(_: Paint) -> list[str]:
    return ["Nothing was changed."]


def _untouched(plan: Plan) -> Report:
    return Report(plan.manifest, tuple(EnvironmentReport(one, outcome_of(one.state, ())) for one in plan.environments))


def _count(plan: Plan) -> int:
    return sum(one.has_work for one in plan.environments)


def _plan(options: Options) -> Result:
    session = Session(options, Untrusted.SHOW)
    notes = () if options.names or session.manifest.distrust else session.reconciler.notes()

    def lines(plan: Plan, paint: Paint) -> Iterator[str]:
        yield from text.plan_lines(replace(plan, notes=notes), paint, verbose=options.verbose, quiet=options.quiet)
        if options.quiet:
            return
        if options.verbose:
            yield f"manifest: {tilde(plan.manifest.file)}"
            yield from in_force_lines(plan.manifest.file, session.hidden)
        if any(one.actions for one in plan.environments):
            rebuilt = [word for name in options.force_rebuild for word in ("--force-rebuild", name)]
            yield f"Next: {_command('apply', options, *(['--deep'] if options.deep else []), *rebuilt)}"

    result = look(options, lines, on_drift=DRIFT if options.exit_code else DONE, session=session)
    return replace(result, more={**session.in_force(), "notes": list(notes)}) if options.json else result


def _command(command: str, options: Options, *more: str) -> str:
    """Return another command for the same manifest and environments."""
    file = ("--file", options.file) if options.file is not None else ()
    return shell_quoted(("envsync", command, *file, *more, *options.names))


def _check(options: Options) -> Result:
    session = Session(options, Untrusted.SHOW)
    warn(options, session.manifest)
    return look(options, lambda plan, _: [totals.check_line(plan)], on_drift=DRIFT, session=session)


def _rollback(options: Options) -> Result:
    session = Session(options)
    with session.looking():
        plan = session.reconciler.plan_rollback(session.options.names[0], pin=options.pin)
    if options.dry_run:
        show = partial(text.plan_lines, plan, verbose=True, quiet=options.quiet)
        return Result(plan.manifest.file, verdict_of_plan(plan, on_drift=DONE), plan.environments, show)
    with session.looking(_count(plan)) as display:
        report = session.carry_out(plan, display)
    if options.pin:
        from envsync.apply.declare import renew_trust  # noqa: PLC0415  # loads what edits manifests

        with contextlib.suppress(ManifestError):  # it is being changed
            renew_trust(session.manifest, load(session.manifest.file))
    show = partial(text.report_lines, report, verbose=True, quiet=options.quiet)
    return Result(plan.manifest.file, verdict_of_report(report), report.environments, show)


def verdict_of_report(report: Report) -> Verdict:
    """Return the verdict of a command that applied a plan."""
    status = signals.status() if report.interrupted else DONE if report.ok else TROUBLE
    return Verdict(report.status, status)


def _upgrade(options: Options) -> Result:
    session = Session(options)
    plan, without = _plan_upgrade(session, options)
    nothing, verbose, quiet = packages.NOTHING_TO_UPGRADE, options.verbose, options.quiet
    if options.dry_run:
        show = partial(text.plan_lines, plan, nothing=nothing, verbose=verbose, quiet=quiet)
        return Result(plan.manifest.file, _verdict_of(plan), plan.environments, _also(show, without))
    report = _untouched(plan)
    if plan.has_work:
        with session.looking(_count(plan)) as display:
            report = session.carry_out(plan, display)
    show = partial(text.report_lines, report, verbose=verbose, quiet=quiet)
    lines = _also(show if report.status != "in-sync" else lambda _: (nothing,), without)
    return Result(plan.manifest.file, verdict_of_report(report), report.environments, lines)


def _outdated(options: Options) -> Result:
    session = Session(options)
    plan, more = _plan_upgrade(session, options)
    if any(one.packages for one in plan.environments) and not options.quiet:
        only = [word for name in options.package for word in ("--package", name)]
        more += (f"Next: {_command('upgrade', options, *only)}",)
    show = partial(packages.outdated_lines, plan.environments, quiet=options.quiet)
    return Result(plan.manifest.file, _verdict_of(plan), plan.environments, _also(show, more))


def _plan_upgrade(session: Session, options: Options) -> tuple[Plan, tuple[str, ...]]:
    """Return the plan, and lines on the environments that it leaves out."""
    only = tuple(dict.fromkeys(canonical_name(name) for name in options.package))
    with session.looking():
        plan = session.reconciler.plan_upgrade(session.options.names, only)
    names = session.options.names or [one.name for one in session.manifest.environments]
    planned = {one.environment.name for one in plan.environments}
    without = [name for name in names if name not in planned]
    return plan, (packages.without_line(only, without),) if without and not options.quiet else ()


def _also(lines: Callable[[Paint], Iterable[str]], more: Iterable[str]) -> Callable[[Paint], Iterable[str]]:
    return lambda paint: (*lines(paint), *more)


def _verdict_of(plan: Plan) -> Verdict:
    states = {one.state for one in plan.environments}
    if State.CONFLICT in states:
        return Verdict("conflict", TROUBLE)
    return Verdict("drift" if plan.has_work else "in-sync", DONE)


COMMANDS: dict[str, Callable[[Options], Result]] = {
    "apply": _apply,
    "plan": _plan,
    "check": _check,
    "rollback": _rollback,
    "upgrade": _upgrade,
    "outdated": _outdated,
}
