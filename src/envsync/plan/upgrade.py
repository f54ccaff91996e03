"""Decide on upgrading the packages of an environment to newer releases, within what is declared. Pure."""

import shlex
from collections.abc import Iterator
from dataclasses import replace

from envsync.model.install import InstallSpec
from envsync.model.interpreter import Interpreter
from envsync.model.packages import Call, Change, Declared, Sync, Verdict, is_lock
from envsync.model.plan import Conflict, Drift, EnvironmentPlan, Install, Link, State
from envsync.plan.blueprint import Rules, blueprint_of, not_atomic
from envsync.plan.conflicts import meddled_with
from envsync.plan.packages import declared_spec
from envsync.plan.unowned import conflicts_of_copying, conflicts_of_mounts, listed


def may_upgrade(plan: EnvironmentPlan) -> bool:
    """Check whether there is something to ask the installer about: declared packages, in an environment in sync."""
    return plan.state is State.IN_SYNC and plan.world.declared is not None and bool(_open_calls(plan.world.declared))


def decide_upgrade(
    plan: EnvironmentPlan, verdict: Verdict | None, only: tuple[str, ...], rules: Rules
) -> EnvironmentPlan:
    """Turn an environment's plan into one that upgrades it.

    ``verdict`` says what an upgrade would change, ``None`` where nobody was asked; ``only`` names the packages to
    upgrade, all of them where it is empty.
    """
    world = plan.world
    if plan.state in {State.CONFLICT, State.WAITING}:
        return plan
    refusal = _refusal(plan, verdict, only)
    if refusal is not None:
        return replace(plan, state=State.CONFLICT, drift=(), actions=(), conflicts=(refusal,))
    plan = replace(plan, notes=(*plan.notes, *_notes(plan)))
    every = verdict.changes if verdict is not None else ()
    changes = tuple(change for change in every if not only or _counts(change, only, world.declared))
    if not changes or not isinstance(world.interpreter, Interpreter):
        return plan
    conflicts = (*(conflicts_of_mounts(world) or conflicts_of_copying(world)), *meddled_with(world.hazard))
    if conflicts:
        return replace(plan, state=State.CONFLICT, actions=(), conflicts=tuple(conflicts))
    blueprint = blueprint_of(plan.environment, world, world.interpreter, rules)
    spec = declared_spec(plan.environment, world, upgrade=True, only=only)
    names = listed([change.name for change in changes])
    spec = spec or InstallSpec(world.installer)
    generations = world.directory.generations
    install = Install(f"upgrade {names}", blueprint, spec, rules.keep, rules.generations_dir, generations)
    drift = tuple(Drift("packages", _change_text(change), change=change) for change in changes)
    judged = replace(world, verdict=Verdict(met=False, changes=changes))
    actions, notes = (*plan.actions, install), (*plan.notes, *not_atomic(world.directory))
    return replace(plan, world=judged, state=State.DRIFT, drift=(*plan.drift, *drift), actions=actions, notes=notes)


def _refusal(plan: EnvironmentPlan, verdict: Verdict | None, only: tuple[str, ...]) -> Conflict | None:
    """Return why nothing can be said about newer releases, if so."""
    there = plan.world.installed.versions() if plan.world.installed is not None else {}
    unknown = [name for name in only if name not in there]
    if unknown:
        hint = "Name a package that is installed where packages are declared."
        return Conflict("upgrade-unknown", f"{listed(unknown)} is not installed", hint)
    if any(not isinstance(action, Link) for action in plan.actions):
        hint = f"Apply first: envsync apply {shlex.quote(plan.environment.name)}"
        return Conflict("not-in-sync", "it is not in sync", hint)
    if verdict is not None and verdict.reason:
        return Conflict("upgrade-unknown", verdict.reason, "Check its indexes, and whether they can be reached.")
    return None


def _open_calls(declared: Declared) -> tuple[Call, ...]:
    """Return the calls that leave a choice of versions: a lock leaves none."""
    return tuple(call for call in declared.calls if isinstance(call, Call) and not is_lock(call))


def _notes(plan: EnvironmentPlan) -> Iterator[str]:
    declared = plan.world.declared
    if declared is None or not declared.calls:
        yield "nothing is declared, so nothing is upgraded"
        return
    for call in declared.calls:
        if isinstance(call, Sync):
            yield f"{call.lock} decides its versions; upgrade them with: uv lock --upgrade"
        elif call.alone or not call.dependencies:
            yield "a pylock.toml decides its versions; lock again to upgrade them"


def _counts(change: Change, only: tuple[str, ...], declared: Declared | None) -> bool:
    """Check whether a change belongs to the upgrade of some packages; not each installer can say so of some alone."""
    from envsync.formats.installers import INSTALLERS  # noqa: PLC0415  # only where packages are declared

    return change.name in only or (declared is not None and INSTALLERS[declared.installer].upgrades_some)


def _change_text(change: Change) -> str:
    if change.before is None:
        return f"{change.name} {change.after} is needed".replace("  ", " ")
    return f"{change.name} {change.before} is installed; {change.after or 'another one'} is available"
