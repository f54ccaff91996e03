"""The command ``doctor``: checks of this machine, and what hangs on an interpreter."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from functools import partial

from envsync.cli.checkup import check_machine, check_plan
from envsync.cli.consent import Untrusted, minding_trust, standing_of
from envsync.cli.options import Options
from envsync.cli.painting import layout
from envsync.cli.session import DONE, TROUBLE, Result, Session
from envsync.desired import Environment, Manifest, PythonPath, PythonRequest
from envsync.errors import ManifestError, Problem, UsageError
from envsync.folders import cache_folder
from envsync.manifest.absolute import current_folder
from envsync.manifest.pythons import Pythons
from envsync.manifest.recorder import Recorder
from envsync.manifest.trust import Standing
from envsync.manifest.wording import Unfit
from envsync.observe.chain import walk
from envsync.observe.facts import FactsCache
from envsync.observe.interpreter import Interpreters
from envsync.observed import Interpreter
from envsync.plan.dependents import Effect, dependents
from envsync.plan.doctor import Check, Health, check_manifest, check_trust, check_unreadable
from envsync.plan.lifetimes import Usage
from envsync.reconcile import Reconciler
from envsync.report.doctor import check_entries, check_lines, dependent_entries, dependent_lines
from envsync.report.document import Verdict
from envsync.report.paint import Paint

__all__ = ["COMMANDS"]


def _doctor(options: Options) -> Result:
    """Check the machine, or with an interpreter named, tell what hangs on it."""
    return _examine(options) if options.python is None else _without(options, options.python)


def _examine(options: Options) -> Result:
    today = datetime.now().astimezone().date()
    try:
        session = Session(options, Untrusted.SHOW)
    except ManifestError as error:
        return _checked(None, [*check_unreadable(error.problems), *_machine(options, today)])
    manifest = session.manifest
    trust = check_trust(manifest, session.origin, changed=standing_of(manifest) is Standing.TRUSTED)
    if manifest.distrust:
        known = check_manifest(manifest, walk(manifest.file))
        return _checked(manifest.file, [known, trust, *_machine(options, today)])
    plan = session.plan()
    watched = replace(plan, manifest=minding_trust(plan.manifest, session.origin))
    first, *more = check_plan(watched, _interpreters(session), today)
    checks = [first, trust, *more]
    session.remember(plan)
    return _checked(plan.manifest.file, checks)


def _machine(options: Options, today: date) -> Iterator[Check]:
    """Check what no manifest is needed for, where there is none that may be used."""
    facts = FactsCache(None if options.no_cache else f"{cache_folder()}/interpreters")
    usage = Usage({}, builders=("virtualenv",))
    return check_machine(Interpreters({}, facts.ask), usage, "auto", 0, today)


def _checked(manifest: str | None, checks: list[Check]) -> Result:
    bad = any(check.health is Health.PROBLEM for check in checks)
    verdict = Verdict("failed", TROUBLE) if bad else Verdict("in-sync", DONE)
    more = {"checks": check_entries(checks)}
    return Result(manifest, verdict, (), partial(check_lines, checks, layout=layout()), more=more)


def _without(options: Options, text: str) -> Result:
    session = Session(options)
    request = _request(session.manifest, text)
    gone, about = _meant(request, _interpreters(session))
    before = session.plan()
    after = Reconciler(session.manifest, session.facts, without=gone).plan()
    found = dependents(before, after, gone)
    session.remember(before)
    unused = all(one.effect is Effect.UNTOUCHED for one in found)
    if unused and isinstance(request, PythonPath) and not os.path.lexists(request.path):
        raise UsageError(Problem("interpreter-missing", f"nothing is at {request.path}", "Is it what you meant?"))

    def lines(paint: Paint) -> list[str]:
        return list(dependent_lines(about, found, paint, layout()))

    more = {"python": gone, "dependents": dependent_entries(found)}
    return Result(session.manifest.file, Verdict("in-sync", DONE), (), lines, more=more)


def _interpreters(session: Session) -> Interpreters:
    return Interpreters({one.path: one for one in session.manifest.environments}, session.facts.ask)


def _request(manifest: Manifest, text: str) -> PythonRequest:
    """Read what names an interpreter as a manifest would, with paths relative to the current folder."""
    named = (one.python for one in manifest.environments if one.python.declared == text)
    try:
        found = next(named, None) or Pythons(current_folder(), Recorder(), {}, complete=True).request(text)
    except Unfit as unfit:
        raise UsageError(Problem("usage", unfit.message, unfit.hint)) from unfit
    if found is None:
        raise UsageError(Problem("usage", f"{text} names no interpreter"))
    return found


def _meant(request: PythonRequest, interpreters: Interpreters) -> tuple[str, str]:
    """Give the real path of the interpreter or tree that is meant, and how to call it."""
    if isinstance(request, PythonPath) and os.path.isdir(request.path):
        tree = walk(request.path).end
        return tree, f"what is in {tree}"
    found = interpreters.find(Environment("", "/", python=request))
    if isinstance(found, Interpreter):
        return found.chain.end, f"{found.facts.implementation} {found.facts.version} at {found.chain.end}"
    if isinstance(request, PythonPath):
        end = walk(request.path).end
        return end, f"{end}, which does not work"
    raise UsageError(Problem(found.code, found.message, found.hint))


COMMANDS = {"doctor": _doctor}
