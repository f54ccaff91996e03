"""Decide for one environment: in sync, waiting, in conflict, or which actions, the least force first. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from envsync import desired
from envsync.observed import Chain, EndKind, Environment, Interpreter, World
from envsync.plan.actions import (
    Action,
    Blueprint,
    Conflict,
    Create,
    Drift,
    EnvironmentPlan,
    Furnishing,
    Install,
    Link,
    Rebuild,
    Repair,
    State,
)
from envsync.plan.conflicts import conflicts_of, not_writable
from envsync.plan.damage import damage_message, damaged_packages, irreparable, reinstall_message, uncheckable
from envsync.plan.drift import Findings, compare, optional_settings, wanted_links, wanted_settings
from envsync.plan.furnishing import UNDECLARED, declared_furnishing, missing_packages, rebuilt_furnishing, unrestorable
from envsync.plan.through_links import put_in_place, through_links, ways

__all__ = ["Rules", "decide"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a decision depends on beside the environment itself."""

    max_hops: int
    builders: tuple[str, ...]
    keep: int
    installer: str = "auto"
    shelf: str = ""
    """The folder of generations."""
    force_rebuild: frozenset[str] = frozenset()
    """Names of environments to rebuild even if nothing is wrong with them."""
    manifest: str = ""
    """The manifest's file: what is built is marked as made for it."""


def decide(
    environment: desired.Environment, world: World, rules: Rules, between: tuple[Conflict, ...] = ()
) -> EnvironmentPlan:
    """Plan one environment; ``between`` are its conflicts with other environments."""
    if world.waiting_for is not None:
        note = f"waits for {world.waiting_for}"
        return EnvironmentPlan(environment, world, State.WAITING, notes=(note,))
    conflicts = (*conflicts_of(environment, world, rules.max_hops), *_unreadable(world), *between)
    notes = _notes(world)
    interpreter = world.interpreter
    if conflicts or not isinstance(interpreter, Interpreter):
        return EnvironmentPlan(environment, world, State.CONFLICT, conflicts=conflicts, notes=notes)
    blueprint = _blueprint(environment, world, interpreter, rules)
    found = world.folder.environment
    if found is None:
        plan = _create(environment, world, blueprint, rules)
    else:
        findings = compare(environment, found, interpreter)
        if findings.rebuild or environment.name in rules.force_rebuild:
            plan = _rebuild(environment, world, blueprint, rules, findings)
        else:
            plan = _mend(environment, world, blueprint, rules, findings)
    left = bool(world.folder.leftovers or (found is not None and found.debris))
    plan = replace(plan, notes=(*notes, *plan.notes, *_missing_commands(plan)), interrupted=left)
    return plan if plan.conflicts else _unless_blocked(_with_links(plan))


def _unless_blocked(plan: EnvironmentPlan) -> EnvironmentPlan:
    """Refuse work in a directory that is not writable; where there is none, as on a read-only image, it need not be."""
    works = plan.interrupted or any(not isinstance(action, Link) for action in plan.actions)
    blocked = tuple(not_writable(plan.world.folder)) if works else ()
    return replace(plan, state=State.CONFLICT, actions=(), conflicts=blocked) if blocked else plan


def _unreadable(world: World) -> tuple[Conflict, ...]:
    """Refuse to install from inputs that cannot be read."""
    problems = world.declared.problems if world.declared is not None else ()
    hint = "Correct the file, or take it out of the manifest."
    return tuple(Conflict("inputs-unreadable", problem, hint) for problem in problems)


def _create(environment: desired.Environment, world: World, blueprint: Blueprint, rules: Rules) -> EnvironmentPlan:
    end = world.folder.chain.end
    reason = f"nothing is at {end}" if world.folder.chain.kind is EndKind.MISSING else f"{end} is empty"
    furnishing = declared_furnishing(environment, world, rules.installer)
    installing = f" with {_listed(environment)}" if furnishing else ""
    message = f"create for Python {_version(blueprint)}{installing}"
    action = Create(message, blueprint, world.folder.chain.to_make, furnishing)
    drift = (Drift("missing", reason),)
    return EnvironmentPlan(environment, world, State.MISSING, drift, (action,))


def _rebuild(
    environment: desired.Environment, world: World, blueprint: Blueprint, rules: Rules, findings: Findings
) -> EnvironmentPlan:
    if world.stock is None or world.stock.loose is None or world.folder.environment is None:
        return EnvironmentPlan(environment, world, State.DRIFT, needs_stock=True)
    conflicts = _losses(world.folder.environment, world)
    drift = tuple(findings.drift)
    if conflicts:
        return EnvironmentPlan(environment, world, State.CONFLICT, drift, (), conflicts)
    furnishing = rebuilt_furnishing(environment, world, rules.installer)
    count = len(world.stock.distributions)
    reinstall = f" and reinstall {count} package{'s' if count != 1 else ''}" if count else ""
    message = f"rebuild for Python {_version(blueprint)}{reinstall}"
    notes = list(unrestorable(world.stock))
    if not world.folder.exchangeable:
        message += ", not atomically"
        notes.append(f"{world.folder.chain.end} cannot be exchanged for another folder: its contents are, one by one")
    known = tuple(one.name for one in world.stock.distributions)
    action = Rebuild(message, blueprint, rules.keep, rules.shelf, world.folder.generations, furnishing, known)
    return EnvironmentPlan(environment, world, State.DRIFT, drift, (action,), notes=tuple(notes))


def _mend(
    environment: desired.Environment, world: World, blueprint: Blueprint, rules: Rules, findings: Findings
) -> EnvironmentPlan:
    actions: list[Action] = []
    drift = list(findings.drift)
    if drift:
        actions.append(_repair(blueprint, findings, _marks(blueprint, world)))
    damaged = damaged_packages(world)
    missing = missing_packages(environment, world)
    drift += [Drift("packages", one) for one in (*map(damage_message, damaged), *missing)]
    conflicts = tuple(irreparable(damaged))
    if conflicts:
        return EnvironmentPlan(environment, world, State.CONFLICT, tuple(drift), (), conflicts)
    actions += _installs(environment, world, blueprint, rules, missing)
    held = tuple(through_links(world.folder, actions))
    if held:
        return EnvironmentPlan(environment, world, State.CONFLICT, tuple(drift), (), held)
    state = State.DRIFT if actions else State.IN_SYNC
    return EnvironmentPlan(environment, world, state, tuple(drift), tuple(actions))


def _installs(
    environment: desired.Environment, world: World, blueprint: Blueprint, rules: Rules, missing: list[str]
) -> Iterator[Install]:
    """Give the one installation that puts damaged packages right, and brings what is missing."""
    damaged = damaged_packages(world)
    messages = [reinstall_message(damaged)] if damaged else []
    furnishing = declared_furnishing(environment, world, rules.installer) if missing else None
    if furnishing is not None:
        removal = all(one.endswith(UNDECLARED) for one in missing)
        messages.append(f"remove {', '.join(furnishing.remove)}" if removal else f"install {_listed(environment)}")
    if messages:
        wanted = replace(furnishing or Furnishing(rules.installer), damaged=damaged)
        yield Install(", ".join(messages), blueprint, wanted)


def _marks(blueprint: Blueprint, world: World) -> tuple[tuple[str, str], ...]:
    """Give the marks of envsync's own that are out of date: of which manifest an environment is, and where it lies."""
    found = world.folder.environment
    wanted = {
        key: value for key, value in blueprint.settings if key in {"envsync-name", "envsync-manifest", "envsync-end"}
    }
    held = {key: found.setting(key) for key in wanted} if found is not None else {}
    return tuple((key, value) for key, value in wanted.items() if held.get(key) not in {None, value})


def _repair(blueprint: Blueprint, findings: Findings, marks: tuple[tuple[str, str], ...]) -> Repair:
    parts = sorted(
        {name for name, _ in findings.links}
        | {f"bin/{script.name}" for script in findings.scripts}
        | ({"pyvenv.cfg"} if findings.settings else set())
        | {f"bin/{name}" for name in findings.regenerate}
    )
    shown = ", ".join(parts[:4]) + (f" and {len(parts) - 4} more" if len(parts) > 4 else "")  # noqa: PLR2004
    return Repair(
        message=f"repair {shown}",
        blueprint=blueprint,
        links=tuple(findings.links),
        settings=(*findings.settings, *marks),
        scripts=tuple(findings.scripts),
        regenerate=tuple(sorted(findings.regenerate)),
    )


def _losses(found: Environment, world: World) -> tuple[Conflict, ...]:
    """Say what a rebuild would lose that no installer brings back."""
    if world.folder.mounts:
        message = f"something is mounted in it: {', '.join(world.folder.mounts)}"
        unmounting = tuple(("umount", mount) for mount in world.folder.mounts)
        return (Conflict("mounted-inside", message, "Unmount it, then apply again.", unmounting),)
    if not found.contents.links:
        return ()
    message = f"a rebuild would lose your symlinks in {world.folder.chain.end}: {', '.join(found.contents.links)}"
    if ways(found):  # without those links, the packages behind them would not come back
        return (Conflict("linked-inside", message, *put_in_place(world.folder.chain.end, ways(found))),)
    return (Conflict("linked-inside", message, "Move them out of the environment, or remove them, then apply again."),)


def _with_links(plan: EnvironmentPlan) -> EnvironmentPlan:
    """Add the symlinks that lead to the environment: last, when it is there."""
    environment, world = plan.environment, plan.world
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
    state = State.DRIFT if actions and plan.state is State.IN_SYNC else plan.state
    return replace(plan, state=state, drift=(*plan.drift, *drift), actions=(*plan.actions, *actions))


def _link(link: str, text: str, chain: Chain) -> Link:
    return Link(f"link {link} to {text}", link, text, chain.to_make)


def _notes(world: World) -> tuple[str, ...]:
    notes = list(world.interpreter.notes) if isinstance(world.interpreter, Interpreter) else []
    if world.stock is not None and world.stock.broken:
        notes.append(f"broken package metadata: {', '.join(world.stock.broken)}")
    notes += uncheckable(world)
    notes += [
        f"{side.link} is not linked: {side.link.rpartition('/')[0]} is not there"
        for side in world.aliases
        if not side.available
    ]
    return tuple(notes)


def _missing_commands(plan: EnvironmentPlan) -> tuple[str, ...]:
    """Tell which exposed commands an environment lacks, unless what is about to be done may bring them."""
    if any(isinstance(action, Create | Rebuild | Install) for action in plan.actions):
        return ()
    return tuple(
        f"{side.link} {'leads nowhere' if side.leads_there else 'is not linked'}: "
        f"the environment has no {side.text.rpartition('/')[2]}"
        for side in plan.world.exposed
        if not side.available
    )


def _version(blueprint: Blueprint) -> str:
    return dict(blueprint.settings)["version"]


def _listed(environment: desired.Environment) -> str:
    """Name what is declared, shortly."""
    packages = environment.packages
    names = [*packages.packages, *packages.requirements]
    names += [packages.project] if packages.project else []
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004


def _end(world: World) -> str:
    end = world.folder.chain.end
    return end if end.isprintable() else ""  # it goes into pyvenv.cfg


def _blueprint(environment: desired.Environment, world: World, interpreter: Interpreter, rules: Rules) -> Blueprint:
    facts = interpreter.facts
    own = {"version": facts.release, "envsync-path": environment.path, "envsync-abi": facts.abi}
    own |= {"envsync-name": environment.name, "envsync-manifest": rules.manifest, "envsync-end": _end(world)}
    return Blueprint(
        name=environment.name,
        path=environment.path,
        manifest=rules.manifest,
        end=world.folder.chain.end,
        identity=world.folder.identity,
        area_parent=world.folder.areas,
        exchangeable=world.folder.exchangeable,
        builders=rules.builders,
        executable=facts.executable,
        minor=facts.minor,
        stdlib=facts.stdlib,
        libraries=facts.libraries,
        links=wanted_links(interpreter),
        settings=tuple((wanted_settings(environment, interpreter) | own).items()),
        optional=tuple(optional_settings(environment, interpreter).items()),
        lib64=facts.platlibdir == "lib64",
        prompt=environment.prompt,
        system_site_packages=environment.system_site_packages,
    )
