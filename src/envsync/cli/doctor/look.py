"""Look at this machine, and have what was found judged: all that ``doctor`` checks."""

import os
from collections.abc import Iterable, Iterator
from datetime import date

from envsync.cache.store import state_directories, usual_cache_directory
from envsync.cli.doctor import checks
from envsync.cli.doctor.checks import Check
from envsync.cli.doctor.interpreters import Usage, check_interpreters, check_missing, check_venv, usage_of
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
from envsync.model.desired import Manifest
from envsync.model.plan import EnvironmentPlan, Plan
from envsync.model.problems import EnvsyncError
from envsync.observe.interpreters import Interpreters
from envsync.observe.links import walk
from envsync.observe.rights import foreign_owner, shared_directories
from envsync.observe.search import store_of
from envsync.watch.scope import scope_of
from envsync.watch.service import supervisor
from envsync.write.rename import try_exchange

_BOOTED = "/run/systemd/system"
"""There where systemd runs the system (sd_booted(3)); its command alone may be installed anywhere."""


def check_plan(plan: Plan, interpreters: Interpreters, today: date) -> Iterator[Check]:
    """Check everything: the manifest, what its environments need, and the machine."""
    manifest, plans = plan.manifest, plan.environments
    yield checks.check_manifest(manifest, walk(manifest.file))
    yield from checks.judge_directories([check_directory("state-dir", manifest.state_dir)])
    if any(one.environment.expose for one in plans):
        bin_dir = manifest.bin_dir
        yield from checks.check_bin_dir(check_directory("bin-dir", bin_dir), on_path=is_on_path(bin_dir))
    yield from checks.check_exchange(_exchange_checks(manifest, plans))
    yield from checks.check_stores(_foreign_environments(plans))
    yield from checks.check_shared(shared_directories(_depended_on(manifest, plans)))
    yield from checks.check_noexec(noexec(one.world.directory.chain.end for one in plans))
    yield from checks.check_owners(_foreign(plans))
    yield from check_missing(plans)
    directories = len(scope_of(plans, (manifest.inputs,)).directories)
    usage = usage_of(plans, manifest.builders)
    yield from check_machine(interpreters, usage, manifest.installer, directories, today)


def check_machine(
    interpreters: Interpreters, usage: Usage, installer: str, directories: int, today: date
) -> Iterator[Check]:
    """Check what no manifest is needed for; ``directories`` are those that ``watch`` would watch."""
    yield from checks.judge_directories(
        [check_directory("cache", usual_cache_directory()), check_directory("locks", state_directories()[0])]
    )
    yield from checks.check_inotify(read_inotify(), directories)
    yield from checks.check_tools(read_tools(), usage.builders, installer)
    yield from checks.check_shims(shims())
    found = read_installed(usage.users, interpreters)
    yield check_venv(found)
    yield from check_interpreters(found, usage, today)
    yield from checks.check_service(_service())


def _exchange_checks(manifest: Manifest, plans: Iterable[EnvironmentPlan]) -> Iterator[ExchangeCheck]:
    """Try the exchange once on each file system, where envsync makes its staging directories anyway."""
    if not os.path.isdir(manifest.state_dir):
        yield ExchangeCheck(manifest.state_dir, None, "it is not there yet")
    directories = [
        one.world.directory.staging_parent for one in plans if one.world.directory.exchangeable and not one.conflicts
    ]
    for directory in one_of_each_device((manifest.state_dir, *directories)):
        try:
            yield ExchangeCheck(directory, try_exchange(directory))
        except OSError as error:
            yield ExchangeCheck(directory, None, error.strerror or str(error))


def _depended_on(manifest: Manifest, plans: Iterable[EnvironmentPlan]) -> Iterator[str]:
    """Give the paths which whoever can replace decides what environments are."""
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
    """Ask how the service stands; ``None`` where nothing could run one."""
    try:
        boss = supervisor()
    except EnvsyncError:
        return None
    if not os.path.lexists(boss.file):
        return Service(boss.file, installed=False) if boss.name != "systemd" or os.path.isdir(_BOOTED) else None
    try:
        state = boss.state()
    except EnvsyncError as error:
        return Service(boss.file, installed=True, detail=error.problem.message)
    return Service(boss.file, installed=True, running=state.running, detail=state.detail)
