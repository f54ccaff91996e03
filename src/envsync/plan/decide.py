"""Decide for one environment: in sync, waiting, in conflict, or which actions, the least force first. Pure."""

from dataclasses import dataclass

from envsync import desired
from envsync.observed import Chain, EndKind, Environment, Interpreter, World
from envsync.plan.actions import (
    Action,
    Blueprint,
    Conflict,
    Create,
    Drift,
    EnvironmentPlan,
    Link,
    Rebuild,
    Repair,
    State,
)
from envsync.plan.conflicts import conflicts_of
from envsync.plan.drift import Findings, compare, optional_settings, wanted_links, wanted_settings

__all__ = ["Rules", "decide"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a decision depends on beside the environment itself."""

    max_hops: int
    builders: tuple[str, ...]
    keep: int
    force_rebuild: frozenset[str] = frozenset()
    """Names of environments to rebuild even if nothing is wrong with them."""


def decide(
    environment: desired.Environment, world: World, rules: Rules, between: tuple[Conflict, ...] = ()
) -> EnvironmentPlan:
    """Plan one environment; ``between`` are its conflicts with other environments."""
    if world.waiting_for is not None:
        note = f"waits for {world.waiting_for}"
        return EnvironmentPlan(environment, world, State.WAITING, notes=(note,))
    conflicts = (*conflicts_of(environment, world, rules.max_hops), *between)
    interpreter = world.interpreter
    if conflicts or not isinstance(interpreter, Interpreter):
        return EnvironmentPlan(
            environment, world, State.CONFLICT, conflicts=conflicts, notes=_notes(environment, world)
        )
    blueprint = _blueprint(environment, world, interpreter, rules)
    found = world.folder.environment
    if found is None:
        drift, actions = _create(world, blueprint)
    else:
        findings = compare(environment, found, interpreter)
        if environment.name in rules.force_rebuild:
            findings.rebuild = True
        if findings.rebuild:
            conflicts = _costs(found, world)
            if conflicts:
                return EnvironmentPlan(
                    environment, world, State.CONFLICT, tuple(findings.drift), (), conflicts, _notes(environment, world)
                )
        drift, actions = _mend(findings, world, blueprint, rules)
    more_drift, links = _links(environment, world)
    drift, actions = drift + more_drift, actions + links
    state = State.IN_SYNC if not actions else State.MISSING if found is None else State.DRIFT
    return EnvironmentPlan(
        environment=environment,
        world=world,
        state=state,
        drift=tuple(drift),
        actions=tuple(actions),
        notes=_notes(environment, world),
        interrupted=bool(world.folder.leftovers or (found is not None and found.debris)),
    )


def _create(world: World, blueprint: Blueprint) -> tuple[list[Drift], list[Action]]:
    end = world.folder.chain.end
    message = f"nothing is at {end}" if world.folder.chain.kind is EndKind.MISSING else f"{end} is empty"
    version = dict(blueprint.settings)["version"]
    action = Create(f"create for Python {version}", blueprint, world.folder.chain.to_make)
    return [Drift("missing", message)], [action]


def _mend(findings: Findings, world: World, blueprint: Blueprint, rules: Rules) -> tuple[list[Drift], list[Action]]:
    if findings.rebuild:
        version = dict(blueprint.settings)["version"]
        return findings.drift, [
            Rebuild(f"rebuild for Python {version}", blueprint, rules.keep, world.folder.generations)
        ]
    if not findings.drift:
        return [], []
    parts = sorted(
        {name for name, _ in findings.links}
        | {script.name if script.kind == "activate" else f"bin/{script.name}" for script in findings.scripts}
        | ({"pyvenv.cfg"} if findings.settings else set())
        | ({"activation scripts"} if findings.regenerate else set())
    )
    shown = ", ".join(parts[:4]) + (f" and {len(parts) - 4} more" if len(parts) > 4 else "")  # noqa: PLR2004
    repair = Repair(
        message=f"repair {shown}",
        blueprint=blueprint,
        links=tuple(findings.links),
        settings=tuple(findings.settings),
        scripts=tuple(findings.scripts),
        regenerate=findings.regenerate,
    )
    return findings.drift, [repair]


def _costs(found: Environment, world: World) -> tuple[Conflict, ...]:
    """Say what a rebuild would lose."""
    end = world.folder.chain.end
    if found.contents.links:
        message = f"a rebuild would lose your symlinks in {end}: {', '.join(found.contents.links)}"
        return (
            Conflict("linked-inside", message, "Move them out of the environment, or remove them, then apply again."),
        )
    if found.contents.packages:
        count = len(found.contents.packages)
        message = f"it must be rebuilt, but holds packages ({count} entries in site-packages)"
        hint = "Rebuilding with packages is not in this version yet; the environment is left as it is."
        return (Conflict("holds-packages", message, hint),)
    if world.folder.is_mount:
        message = f"{end} is a mount point, and cannot be exchanged for another folder"
        return (Conflict("not-writable", message, "Rebuilding inside a mount point is not in this version yet."),)
    return ()


def _links(environment: desired.Environment, world: World) -> tuple[list[Drift], list[Action]]:
    drift: list[Drift] = []
    actions: list[Action] = []
    if environment.target is not None and world.path.end != world.folder.chain.end:
        drift.append(Drift("link-missing", f"nothing is at {environment.path}"))
        actions.append(_link(environment.path, environment.target, world.path))
    for code, sides in (("alias-missing", world.aliases), ("expose-missing", world.exposed)):
        for side in sides:
            if not side.leads_there and side.available:
                drift.append(Drift(code, f"nothing is at {side.link}"))
                actions.append(_link(side.link, side.text, side.chain))
    return drift, actions


def _link(link: str, text: str, chain: Chain) -> Link:
    return Link(f"link {link} to {text}", link, text, chain.to_make)


def _notes(environment: desired.Environment, world: World) -> tuple[str, ...]:
    notes = list(world.interpreter.notes) if isinstance(world.interpreter, Interpreter) else []
    if environment.packages.declared:
        keys = ", ".join(environment.packages.declared)
        notes.append(f"not yet: this version reads {keys}, but installs nothing")
    notes += [
        f"{side.link} is not linked: the environment has no {side.text.rpartition('/')[2]}"
        for side in world.exposed
        if not side.available and not side.leads_there
    ]
    notes += [
        f"{side.link} is not linked: {side.link.rpartition('/')[0]} is not there"
        for side in world.aliases
        if not side.available
    ]
    return tuple(notes)


def _blueprint(environment: desired.Environment, world: World, interpreter: Interpreter, rules: Rules) -> Blueprint:
    facts = interpreter.facts
    own = {"version": facts.release, "envsync-path": environment.path, "envsync-abi": facts.abi}
    return Blueprint(
        name=environment.name,
        path=environment.path,
        end=world.folder.chain.end,
        builders=rules.builders,
        executable=facts.executable,
        links=wanted_links(interpreter),
        settings=tuple((wanted_settings(environment, interpreter) | own).items()),
        optional=tuple(optional_settings(environment, interpreter).items()),
        lib64=facts.platlibdir == "lib64",
        prompt=environment.prompt,
        system_site_packages=environment.system_site_packages,
    )
