"""Decide for one environment: in sync, waiting, in conflict, or which actions, the least force first. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from envsync.model import desired
from envsync.model.blueprint import Blueprint
from envsync.model.environment import Environment
from envsync.model.install import InstallSpec
from envsync.model.interpreter import Interpreter
from envsync.model.links import EndKind
from envsync.model.plan import (
    Action,
    Conflict,
    Create,
    Drift,
    EnvironmentPlan,
    Install,
    Link,
    Rebuild,
    Repair,
    State,
)
from envsync.model.shared import shared
from envsync.model.world import Directory, World
from envsync.plan.blueprint import Rules, blueprint_of, not_atomic
from envsync.plan.conflicts import conflicts_of, lacking_backends, meddled_with, not_writable
from envsync.plan.drift import Difference, compare
from envsync.plan.layout import reasons_to_rebuild
from envsync.plan.links import link_notes, with_left_out, with_links
from envsync.plan.owners import others_notes, others_to_make
from envsync.plan.packages import (
    damage_message,
    damaged_packages,
    declared_spec,
    irreparable,
    package_drift,
    rebuilt_spec,
    reinstall_message,
    removes_only,
    uncheckable,
    unmet_notes,
    unrestorable,
)
from envsync.plan.unowned import (
    brought_along,
    conflicts_of_copying,
    conflicts_of_mounts,
    foreign_pythons,
    listed,
    losses,
    no_scripts,
    through_links,
    unlooked,
)
from envsync.plan.waiting import waiting_notes


def decide(
    environment: desired.Environment, world: World, rules: Rules, between: tuple[Conflict, ...] = ()
) -> EnvironmentPlan:
    """Plan one environment; ``between`` are its conflicts with other environments.

    Where :func:`exchanges` says so, the world has to hold what no package owns; else ``ValueError`` is raised.
    """
    if world.waiting_for is not None:
        return EnvironmentPlan(environment, world, State.WAITING, notes=tuple(waiting_notes(environment, world)))
    conflicts = _conflicts(environment, world, rules, between)
    notes = _notes(world)
    interpreter, found = world.interpreter, world.directory.environment
    if conflicts or not isinstance(interpreter, Interpreter):
        return EnvironmentPlan(environment, world, State.CONFLICT, conflicts=conflicts, notes=notes)
    blueprint = blueprint_of(environment, world, interpreter, rules)
    if found is None:
        plan = _create(environment, world, blueprint)
    else:
        reasons = tuple(reasons_to_rebuild(found, interpreter.facts))
        drift, repair = (reasons, None) if reasons else compare(environment, found, interpreter, blueprint)
        is_rebuilt = bool(reasons) or environment.name in rules.force_rebuild
        mine = tuple(_foreign_pythons(world.directory, None if is_rebuilt else repair))
        if mine:
            return EnvironmentPlan(environment, world, State.CONFLICT, drift, (), mine, notes)
        if is_rebuilt:
            plan = _rebuild(environment, world, blueprint, rules, drift)
        else:
            plan = _mend(environment, world, blueprint, rules, (drift, repair))
    faults = tuple(_faults(found)) if found is not None else ()
    left = bool(world.directory.interrupted_staging or (found is not None and found.partial_files))
    plan = replace(plan, notes=(*notes, *plan.notes, *faults), interrupted=left, faults=faults)
    plan = with_left_out(plan)
    return plan if plan.conflicts else _unless_blocked(with_links(plan))


def exchanges(environment: desired.Environment, world: World, rules: Rules, between: tuple[Conflict, ...] = ()) -> bool:
    """Check whether the environment will be swapped for a new one: then all that is in it has to be known.

    It is where it is rebuilt, for which its packages need not have been read, and where some are to be installed.
    """
    found, interpreter = world.directory.environment, world.interpreter
    if found is None or world.waiting_for is not None or not isinstance(interpreter, Interpreter):
        return False
    is_rebuilt = environment.name in rules.force_rebuild or any(reasons_to_rebuild(found, interpreter.facts))
    if not is_rebuilt and not damaged_packages(world) and not package_drift(world):
        return False
    return not _conflicts(environment, world, rules, between)


def _unless_blocked(plan: EnvironmentPlan) -> EnvironmentPlan:
    """Refuse work in a directory that is not writable, or not safe; where there is none, it need be neither."""
    works = plan.interrupted or any(not isinstance(action, Link) for action in plan.actions)
    blocked = tuple(not_writable(plan.world.directory)) if works else ()
    if works or plan.actions:
        blocked += tuple(meddled_with(plan.world.hazard))
    blocked += tuple(lacking_backends(plan.actions))
    return replace(plan, state=State.CONFLICT, actions=(), conflicts=blocked) if blocked else plan


def _conflicts(
    environment: desired.Environment, world: World, rules: Rules, between: tuple[Conflict, ...]
) -> tuple[Conflict, ...]:
    return (*conflicts_of(environment, world, rules.max_hops), *_unreadable(world), *between)


def _foreign_pythons(directory: Directory, repair: Repair | None) -> Iterator[Conflict]:
    """Refuse to replace programs of the user's: those that a repair would, or where there is none, any."""
    names = None if repair is None else [place.rpartition("/")[2] for place, _ in repair.links]
    if directory.environment is not None:
        yield from foreign_pythons(directory.environment, directory.chain.end, names)


def _unreadable(world: World) -> tuple[Conflict, ...]:
    """Refuse to install from inputs that cannot be read."""
    problems = world.declared.problems if world.declared is not None else ()
    hint = "Nothing was changed. Correct what the message names, or declare something else."
    return tuple(Conflict("inputs-unreadable", problem, hint) for problem in problems)


def _create(environment: desired.Environment, world: World, blueprint: Blueprint) -> EnvironmentPlan:
    end = world.directory.chain.end
    stray_files = world.directory.stray_files
    empty = f"{end} holds nothing but {', '.join(stray_files)}" if stray_files else f"{end} is empty"
    reason = f"nothing is at {end}" if world.directory.chain.kind is EndKind.MISSING else empty
    spec = declared_spec(environment, world)
    installing = f" with {_listed(environment)}" if spec else ""
    message = f"create for Python {dict(blueprint.settings)['version']}{installing}"
    action = Create(shared(message), blueprint, world.directory.chain.to_make, spec, stray_files)
    drift = (Drift("missing", reason),)
    return EnvironmentPlan(environment, world, State.MISSING, drift, (action,))


def _rebuild(
    environment: desired.Environment, world: World, blueprint: Blueprint, rules: Rules, drift: tuple[Drift, ...]
) -> EnvironmentPlan:
    if world.installed is None or world.installed.unowned is None or world.directory.environment is None:
        raise ValueError("a rebuild has to know all that is in the environment")
    lost = losses(world.directory.environment, world)
    conflicts = tuple(others_to_make(environment, world, rules, possible=not lost)) or lost
    if conflicts:
        return EnvironmentPlan(environment, world, State.CONFLICT, drift, (), conflicts)
    spec = rebuilt_spec(environment, world)
    count = len(world.installed.distributions)
    reinstall = f" and reinstall {count} package{'s' if count != 1 else ''}" if count else ""
    message = f"rebuild for Python {dict(blueprint.settings)['version']}{reinstall}"
    slow = not_atomic(world.directory)
    message += ", not atomically" if slow else ""
    notes = [*unmet_notes(environment, world), *unrestorable(world), *slow]
    known = tuple(one.name for one in world.installed.distributions)
    action = Rebuild(
        message=message,
        blueprint=blueprint,
        keep=rules.keep,
        generations_dir=rules.generations_dir,
        generations=world.directory.generations,
        spec=spec,
        known=known,
        aliases=world.directory.environment.contents.aliases,
        bring=brought_along(world.directory.chain.end, world.installed),
    )
    return EnvironmentPlan(environment, world, State.DRIFT, drift, (action,), notes=tuple(notes))


def _mend(
    environment: desired.Environment, world: World, blueprint: Blueprint, rules: Rules, difference: Difference
) -> EnvironmentPlan:
    drift, repair = difference
    actions: list[Action] = [] if repair is None else [repair]
    damaged = damaged_packages(world)
    missing = package_drift(world)
    drift += (*(Drift("packages", damage_message(one)) for one in damaged), *missing)
    conflicts = tuple(irreparable(damaged))
    if conflicts:
        return EnvironmentPlan(environment, world, State.CONFLICT, drift, (), conflicts)
    installs = list(_installs(environment, world, blueprint, rules, missing))
    if installs and unlooked(world):
        raise ValueError("what exchanges an environment has to know all that is in it")
    conflicts = conflicts_of_mounts(world) or conflicts_of_copying(world) if installs else ()
    actions += installs
    conflicts = (*conflicts, *through_links(world.directory, actions), *no_scripts(world.directory))
    if conflicts:
        return EnvironmentPlan(environment, world, State.CONFLICT, drift, (), conflicts)
    state = State.DRIFT if actions else State.IN_SYNC
    notes = (*not_atomic(world.directory), *others_notes(world)) if installs else ()
    return EnvironmentPlan(environment, world, state, drift, tuple(actions), notes=notes)


def _installs(
    environment: desired.Environment, world: World, blueprint: Blueprint, rules: Rules, missing: tuple[Drift, ...]
) -> Iterator[Install]:
    """Yield the one installation that puts damaged packages right, and brings what is missing."""
    damaged = damaged_packages(world)
    messages = [reinstall_message(damaged)] if damaged else []
    spec = declared_spec(environment, world) if missing else None
    if spec is not None and world.verdict is not None:
        removal = removes_only(world.verdict)
        messages.append(f"remove {listed(world.verdict.extraneous)}" if removal else f"install {_listed(environment)}")
    if messages:
        wanted = spec or declared_spec(environment, world) or InstallSpec(world.installer)
        yield Install(
            ", ".join(messages),
            blueprint,
            replace(wanted, damaged=damaged, only_damaged=spec is None),
            keep=rules.keep,
            generations_dir=rules.generations_dir,
            generations=world.directory.generations,
        )


def _notes(world: World) -> tuple[str, ...]:
    notes = list(world.interpreter.notes) if isinstance(world.interpreter, Interpreter) else []
    if world.installed is not None and world.installed.broken:
        notes.append(f"broken package metadata: {', '.join(world.installed.broken)}")
    if world.shared_with:
        notes.append(f"{world.shared_with} declares this environment too: remove it from one of the two manifests")
    notes += uncheckable(world)
    notes += link_notes(world)
    return tuple(notes)


def _faults(found: Environment) -> Iterator[str]:
    """Report what nobody but a person can put right: where a project lies that was moved."""
    for one in found.lost_editables:
        again = f"; if it is in {one.project} now, install it from there again" if one.project else ""
        yield f"{one.name} cannot be imported: it is installed from {one.directory}, which is missing{again}"


def _listed(environment: desired.Environment) -> str:
    """Name what is declared, shortly."""
    packages = environment.packages
    names = [*packages.packages, *packages.requirements]
    names += [packages.project] if packages.project else []
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
