"""The command ``doctor``: checks of this machine, or the environments that depend on an interpreter."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from shutil import which

from envsync.cache.store import state_directories, usual_cache_directory
from envsync.cli.consent import Untrusted, cache_for, with_trust_record
from envsync.cli.doctor import checks as judge
from envsync.cli.doctor.checks import Check, Health
from envsync.cli.doctor.interpreters import (
    Effect,
    Usage,
    check_interpreters,
    check_missing,
    check_venv,
    dependents,
    usage_of,
)
from envsync.cli.doctor.lines import check_entries, check_lines, dependent_entries, dependent_lines
from envsync.cli.doctor.machine import (
    check_directory,
    is_on_path,
    noexec,
    one_of_each_device,
    read_inotify,
    read_installed,
    read_tools,
    shims,
)
from envsync.cli.doctor.values import ExchangeCheck, ForeignEnvironment, Service
from envsync.cli.options import Options
from envsync.cli.output import layout
from envsync.cli.progress import display
from envsync.cli.result import DONE, TROUBLE, Result, Verdict
from envsync.cli.session import Session
from envsync.manifest.find import current_directory
from envsync.manifest.paths import Recorder
from envsync.manifest.pythons import Pythons
from envsync.manifest.wording import Unfit
from envsync.model.desired import Environment, Manifest, PythonPath, PythonRequest
from envsync.model.interpreter import Interpreter
from envsync.model.plan import EnvironmentPlan, Plan
from envsync.model.problems import EnvsyncError, ManifestError, Problem, UsageError
from envsync.model.system import VARIABLES
from envsync.observe.facts import FactsCache
from envsync.observe.interpreters import Interpreters
from envsync.observe.links import walk
from envsync.observe.owners import store_of
from envsync.observe.rights import foreign_owner, shared_directories
from envsync.observe.trust import TrustLevel, trust_level_of
from envsync.reconcile import Reconciler
from envsync.report.terminal import Paint
from envsync.watch.scope import scope_of
from envsync.watch.service import supervisor
from envsync.write.rename import try_exchange

_COMMAND = re.compile(r"(python|pypy|graalpy)\d?(\.\d+)?t?")
"""``python3``, ``python3.12``: the name of a command."""


def _doctor(options: Options) -> Result:
    """Check the machine, or report what depends on an interpreter."""
    with display(options, "examining this machine"):
        return _examine(options) if options.python is None else _without(options, options.python)


def _examine(options: Options) -> Result:
    today = datetime.now().astimezone().date()
    try:
        session = Session(options, Untrusted.SHOW)
    except ManifestError as error:
        return _checked(options, None, [*judge.check_unreadable(error.problems), *_machine(options, today)])
    manifest = session.manifest
    trust = judge.check_trust(manifest, session.origin, changed=trust_level_of(manifest) is TrustLevel.TRUSTED)
    known = judge.check_manifest(manifest, walk(manifest.file), session.hidden)
    if manifest.distrust:
        return _checked(options, session, [known, trust, *_machine(options, today)])
    plan = session.plan()
    watched = replace(plan, manifest=with_trust_record(plan.manifest, session.origin))
    checks = [known, trust, *check_plan(watched, _interpreters(session), today)]
    session.remember(plan)
    return _checked(options, session, checks)


def _machine(options: Options, today: date) -> Iterator[Check]:
    """Check what needs no manifest, for where none may be used."""
    facts = FactsCache(cache_for(options))
    usage = Usage({}, builders=("virtualenv",))
    return check_machine(Interpreters({}, facts.ask), usage, "auto", 0, today)


def _checked(options: Options, session: Session | None, checks: list[Check]) -> Result:
    bad = any(check.health is Health.PROBLEM for check in checks)
    verdict = Verdict("failed", TROUBLE) if bad else Verdict("in-sync", DONE)
    more = {"checks": check_entries(checks), **(session.in_force() if session else {})}
    show = partial(check_lines, checks, layout=layout(), verbose=options.verbose, quiet=options.quiet)
    return Result(session.manifest.file if session else None, verdict, (), show, more=more)


def _without(options: Options, text: str) -> Result:
    session = Session(options)
    request = _request(session.manifest, text)
    gone, about = _meant(text, request, _interpreters(session))
    before = session.plan()
    after = Reconciler(session.manifest, session.facts, without=gone).plan()
    found = dependents(before, after, gone)
    session.remember(before)
    unused = all(one.effect is Effect.UNTOUCHED for one in found)
    if unused and isinstance(request, PythonPath) and not os.path.lexists(request.path):
        raise UsageError(Problem("interpreter-missing", f"nothing is at {request.path}", "Check the path."))

    def lines(paint: Paint) -> list[str]:
        return list(dependent_lines(about, found, paint, layout(), verbose=options.verbose))

    more = {"python": gone, "understood": about, "dependents": dependent_entries(found)}
    return Result(session.manifest.file, Verdict("in-sync", DONE), (), lines, more=more)


def _interpreters(session: Session) -> Interpreters:
    return Interpreters({one.path: one for one in session.manifest.environments}, session.facts.ask)


def _request(manifest: Manifest, text: str) -> PythonRequest:
    """Return the request that a text means: in a manifest, as a command on PATH, or as a path from here.

    ``python3`` is what the user's shell finds by that name, not the newest of all.
    """
    named = next((one.python for one in manifest.environments if one.python.declared == text), None)
    command = which(text, path=VARIABLES.get("PATH", "")) if _COMMAND.fullmatch(text) else None
    if named is None and command is not None:
        return PythonPath(text, os.path.abspath(command))
    try:
        found = named or Pythons(current_directory(), Recorder(), {}, complete=True).request(text)
    except Unfit as unfit:
        raise UsageError(Problem("usage", unfit.message, unfit.hint)) from unfit
    if found is None:
        raise UsageError(Problem("usage", f"{text} names no interpreter"))
    return found


def _meant(text: str, request: PythonRequest, interpreters: Interpreters) -> tuple[str, str]:
    """Return the real path of the interpreter or tree that is requested, and what was understood."""
    if isinstance(request, PythonPath) and os.path.isdir(request.path):
        tree = walk(request.path).end
        return tree, f"{text} is the interpreters in {tree}"
    found = interpreters.find(Environment("", "/", python=request))
    if isinstance(found, Interpreter):
        link = request.path if isinstance(request, PythonPath) else found.link
        by = f"{link}, " if link not in {text, found.chain.end} else ""
        return found.chain.end, f"{text} is {by}{found.facts.implementation} {found.facts.version} at {found.chain.end}"
    if isinstance(request, PythonPath):
        end = walk(request.path).end
        return end, f"{text} is {end}, which does not work"
    raise UsageError(Problem(found.code, found.message, found.hint))


_BOOTED = "/run/systemd/system"
"""Exists where systemd runs the system (sd_booted(3)); its command alone may be installed anywhere."""


def check_plan(plan: Plan, interpreters: Interpreters, today: date) -> Iterator[Check]:
    """Check what the environments of a manifest need, and the machine."""
    manifest, plans = plan.manifest, plan.environments
    yield from judge.check_directories([check_directory("state-dir", manifest.state_dir)])
    if any(one.environment.expose for one in plans):
        bin_dir = manifest.bin_dir
        yield from judge.check_bin_dir(check_directory("bin-dir", bin_dir), on_path=is_on_path(bin_dir))
    yield from judge.check_exchange(_exchange_checks(manifest, plans))
    yield from judge.check_stores(_foreign_environments(plans))
    yield from judge.check_shared(shared_directories(_depended_on(manifest, plans)))
    yield from judge.check_noexec(noexec(one.world.directory.chain.end for one in plans))
    yield from judge.check_owners(_foreign(plans))
    yield from check_missing(plans)
    directories = len(scope_of(plans, (manifest.inputs,)).directories)
    usage = usage_of(plans, manifest.builders)
    yield from check_machine(interpreters, usage, manifest.installer, directories, today)


def check_machine(
    interpreters: Interpreters, usage: Usage, installer: str, directories: int, today: date
) -> Iterator[Check]:
    """Check what needs no manifest; ``directories`` is how many ``watch`` would watch."""
    yield from judge.check_directories(
        [check_directory("cache", usual_cache_directory()), check_directory("locks", state_directories()[0])]
    )
    yield from judge.check_inotify(read_inotify(), directories)
    yield from judge.check_tools(read_tools(), usage.builders, installer)
    yield from judge.check_shims(shims())
    found = read_installed(usage.users, interpreters)
    yield check_venv(found)
    yield from check_interpreters(found, usage, today)
    yield from judge.check_service(_service())


def _exchange_checks(manifest: Manifest, plans: Iterable[EnvironmentPlan]) -> Iterator[ExchangeCheck]:
    """Try the exchange once on each file system, where envsync makes staging directories."""
    if not os.path.isdir(manifest.state_dir):
        yield ExchangeCheck(manifest.state_dir, None, "it does not exist yet")
    directories = [
        one.world.directory.staging_parent for one in plans if one.world.directory.exchangeable and not one.conflicts
    ]
    for directory in one_of_each_device((manifest.state_dir, *directories)):
        try:
            yield ExchangeCheck(directory, try_exchange(directory))
        except OSError as error:
            yield ExchangeCheck(directory, None, error.strerror or str(error))


def _depended_on(manifest: Manifest, plans: Iterable[EnvironmentPlan]) -> Iterator[str]:
    """Yield the paths that decide what environments are: who can replace one controls them."""
    yield from (manifest.file, manifest.state_dir)
    for one in plans:
        yield one.environment.path
        yield one.world.directory.chain.end
        if one.world.interpreter.link:
            yield one.world.interpreter.link


def _foreign(plans: Iterable[EnvironmentPlan]) -> Iterator[tuple[str, str]]:
    links = dict.fromkeys(one.world.interpreter.link for one in plans)
    for link in links:
        owner = foreign_owner(link) if link else ""
        if link and owner:
            yield link, owner


def _foreign_environments(plans: Iterable[EnvironmentPlan]) -> Iterator[ForeignEnvironment]:
    for one in plans:
        end = one.world.directory.chain.end
        store = store_of(end)
        if store is not None:
            yield ForeignEnvironment(one.environment.name, end, *store)


def _service() -> Service | None:
    """Return the state of the service; ``None`` where no supervisor could run one."""
    try:
        manager = supervisor()
    except EnvsyncError:
        return None
    if not os.path.lexists(manager.file):
        return Service(manager.file, installed=False) if manager.name != "systemd" or os.path.isdir(_BOOTED) else None
    try:
        state = manager.state()
    except EnvsyncError as error:
        return Service(manager.file, installed=True, detail=error.problem.message)
    return Service(manager.file, installed=True, running=state.running, detail=state.detail)


COMMANDS = {"doctor": _doctor}
