"""The command ``doctor``: checks of this machine, and what depends on an interpreter."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from functools import partial
from typing import Any

from envsync.cache.store import cache_directory
from envsync.cli.consent import Untrusted, minding_trust
from envsync.cli.doctor.checks import Check, Health, check_manifest, check_trust, check_unreadable
from envsync.cli.doctor.interpreters import Dependent, Effect, Usage, dependents
from envsync.cli.doctor.look import check_machine, check_plan
from envsync.cli.options import Options
from envsync.cli.output import layout
from envsync.cli.result import DONE, TROUBLE, Result, Verdict
from envsync.cli.session import Session
from envsync.manifest.find import current_directory
from envsync.manifest.paths import Recorder
from envsync.manifest.pythons import Pythons
from envsync.manifest.wording import Unfit
from envsync.model.desired import Environment, Manifest, PythonPath, PythonRequest
from envsync.model.interpreter import Interpreter
from envsync.model.problems import ManifestError, Problem, UsageError
from envsync.observe.facts import FactsCache
from envsync.observe.interpreters import Interpreters
from envsync.observe.links import walk
from envsync.observe.trust import Standing, standing_of
from envsync.reconcile import Reconciler
from envsync.report.terminal import Layout, Paint, abbreviate_home, escape, hanging, tilde

_HEALTH = {Health.OK: "green", Health.WARNING: "yellow", Health.PROBLEM: "red"}
_EFFECTS = {Effect.MOVES: "yellow", Effect.REBUILDS: "yellow", Effect.CONFLICT: "red", Effect.UNTOUCHED: "dim"}


def check_lines(checks: Sequence[Check], paint: Paint, layout: Layout) -> Iterator[str]:
    """Show each check in a line, and what to do about what is not well."""
    width = max(len(health.value) for health in Health)
    for check in checks:
        word = paint(_HEALTH[check.health], f"{check.health.value:<{width}}")
        yield from _entry(word, width, abbreviate_home(check.message), layout)
        if check.hint and check.health is not Health.OK:
            yield from _entry(" " * width, width, f"hint: {abbreviate_home(check.hint)}", layout)
    counts = Counter(check.health for check in checks)
    warnings, problems = _many(counts[Health.WARNING], "warning"), _many(counts[Health.PROBLEM], "problem")
    yield f"{counts[Health.OK]} ok, {warnings}, {problems}"


def check_entries(checks: Iterable[Check]) -> list[dict[str, Any]]:
    """Give the checks for the JSON document."""
    return [{"code": one.code, "status": one.health.value, "message": one.message, "hint": one.hint} for one in checks]


def dependent_lines(about: str, found: Sequence[Dependent], paint: Paint, layout: Layout) -> Iterator[str]:
    """Show what depends on an interpreter, and what would become of each environment without it."""
    hanging_on = [one for one in found if one.effect is not Effect.UNTOUCHED]
    if not hanging_on:
        yield f"no environment depends on {abbreviate_home(about)}"
        return
    yield f"without {abbreviate_home(about)}:"
    width = max(len(effect.value) for effect in Effect)
    for one in hanging_on:
        word = paint(_EFFECTS[one.effect], f"{one.effect.value:<{width}}")
        through = f", through {tilde(one.link)}" if one.link else ""
        yield from _entry(word, width, f"{escape(one.environment)}{through}: {abbreviate_home(one.message)}", layout)
    untouched = [escape(one.environment) for one in found if one.effect is Effect.UNTOUCHED]
    if untouched:
        yield from _entry(paint("dim", Effect.UNTOUCHED.value), width, ", ".join(untouched), layout)


def dependent_entries(found: Iterable[Dependent]) -> list[dict[str, Any]]:
    """Give the environments for the JSON document."""
    return [asdict(one) | {"effect": one.effect.value} for one in found]


def _entry(word: str, width: int, text: str, layout: Layout) -> Iterator[str]:
    """Put a word of so many columns before a text that is broken to fit."""
    first, *rest = hanging(text, width + 2, layout)
    yield f"{word}  {first}"
    yield from (f"{' ' * (width + 2)}{line}" for line in rest)


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _doctor(options: Options) -> Result:
    """Check the machine, or with an interpreter named, tell what depends on it."""
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
    facts = FactsCache(None if options.no_cache else f"{cache_directory()}/interpreters")
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
    """Read what names an interpreter as a manifest would, with paths relative to the current directory."""
    named = (one.python for one in manifest.environments if one.python.declared == text)
    try:
        found = next(named, None) or Pythons(current_directory(), Recorder(), {}, complete=True).request(text)
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
