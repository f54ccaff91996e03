"""Decide on going back to the generation that is kept of an environment. Pure."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from envsync.model.edits import Pin
from envsync.model.environment import Environment, LatestGeneration
from envsync.model.interpreter import Interpreter
from envsync.model.packages import Change, InstalledPackages, changes_between
from envsync.model.plan import Conflict, EnvironmentPlan, Repair, Rollback, State
from envsync.model.world import World
from envsync.plan.blueprint import Rules, blueprint_of, not_atomic
from envsync.plan.conflicts import meddled_with, not_writable
from envsync.plan.drift import compare
from envsync.plan.layout import reasons_to_rebuild
from envsync.plan.unowned import conflicts_at_top, foreign_pythons, listed, through_links

_IN_THE_WAY = frozenset({"link-loop", "link-elsewhere", "not-a-link", "not-readable", "not-a-directory", "unsafe-path"})
"""Conflicts under which the environment's place itself is in question."""
_IN_THE_WAY_OF_A_PIN = frozenset({"interpreter-held", "interpreter-missing", "interpreter-cycle"})
"""Conflicts under which the environment would not stay."""


def decide_rollback(
    plan: EnvironmentPlan, former: LatestGeneration | None, rules: Rules, pin: Pin | None = None
) -> EnvironmentPlan:
    """Turn an environment's plan into one that goes back to its latest generation.

    What is installed was looked at, and all files of the user's where there may be any. With ``pin`` the plan is that
    for the changed manifest. Whatever else is to be done about the environment is not done: going back has to work
    above all when something is wrong.
    """
    world = plan.world
    codes = _IN_THE_WAY | _IN_THE_WAY_OF_A_PIN if pin is not None else _IN_THE_WAY
    conflicts = (
        *(one for one in plan.conflicts if one.code in codes),
        *_losses(world),
        *_nothing(plan, former, rules.keep),
    )
    conflicts += (*not_writable(world.directory), *meddled_with(world.hazard))
    found = former.environment if former is not None else None
    if former is None or found is None:
        return _refused(plan, conflicts)
    conflicts += tuple(_misfit(plan, found))
    repair, obstacles = _repair(plan, former, rules)
    if pin is not None:
        conflicts += obstacles
    if conflicts:
        return _refused(plan, conflicts)
    action = Rollback(
        message=_message(world, former, pin),
        name=plan.environment.name,
        end=world.directory.chain.end,
        identity=world.directory.identity,
        staging_dir=former.staging_dir,
        exchangeable=world.directory.exchangeable,
        repair=None if obstacles else repair,
        pin=pin,
        changes=changes_between(world.installed or InstalledPackages(), former.installed),
    )
    notes = (*_notes(world, former, found), *not_atomic(world.directory))
    return replace(plan, state=State.DRIFT, drift=(), actions=(action,), conflicts=(), notes=notes)


def fits(found: Environment, interpreter: Interpreter) -> bool:
    """Check whether an environment was built for a Python as this one: its packages work with it."""
    return not any(drift.code.startswith("python-") for drift in reasons_to_rebuild(found, interpreter.facts))


def without_interpreter(plan: EnvironmentPlan, former: LatestGeneration) -> EnvironmentPlan:
    """Refuse to pin an interpreter that is not there."""
    found = former.environment
    version = former.version or (found.built_for if found is not None else "") or "3"
    if found is not None and (found.setting("implementation") or "").lower() == "pypy":
        version = f"pypy{found.built_for}"
    message = f"the kept generation of {plan.environment.name} is for Python {version}; this machine has none that fits"
    hint = f"Install it, for example: uv python install {version}, or: pyenv install {version}. Then roll back again."
    return _refused(plan, (Conflict("interpreter-missing", message, hint),))


def _refused(plan: EnvironmentPlan, conflicts: tuple[Conflict, ...]) -> EnvironmentPlan:
    return replace(plan, state=State.CONFLICT, drift=(), actions=(), conflicts=conflicts)


def _losses(world: World) -> tuple[Conflict, ...]:
    found = world.directory.environment
    if found is None or not found.contents.others:
        return ()
    return conflicts_at_top(world.directory.chain.end, world.installed)


def _nothing(plan: EnvironmentPlan, former: LatestGeneration | None, keep: int) -> Iterator[Conflict]:
    directory = plan.world.directory
    if former is None:
        hint = "The next installation, upgrade or rebuild keeps what it replaces."
        if not keep:
            hint = "The manifest says `keep = 0`: with `keep = 1`, what is replaced from then on is kept."
        yield Conflict("no-generation", "there is nothing to go back to: no former content is kept", hint)
    elif former.environment is None:
        hint = "Look at what is left of it, then remove it."
        yield Conflict("no-generation", f"{former.staging_dir} holds no whole environment", hint)
    elif directory.environment is None:
        hint = "Apply creates one."
        yield Conflict("not-a-venv", f"there is no environment at {directory.chain.end}", hint)


def _misfit(plan: EnvironmentPlan, found: Environment) -> Iterator[Conflict]:
    """Refuse what would not work: packages for one minor version under the Python of another."""
    interpreter = plan.world.interpreter
    if not isinstance(interpreter, Interpreter) or fits(found, interpreter):
        return
    built_for, now = found.built_for or "another version", interpreter.facts.label
    if built_for == now:
        built_for = f"another build of {now}"
    message = f"the kept generation is for Python {built_for}, and {interpreter.link} is {now}"
    hint = (
        f"To go back and stay with that Python: envsync rollback {shlex.quote(plan.environment.name)} --pin. "
        "Or point the interpreter link back first: otherwise `apply` would rebuild it at once."
    )
    yield Conflict("python-minor", message, hint)


def _repair(
    plan: EnvironmentPlan, former: LatestGeneration, rules: Rules
) -> tuple[Repair | None, tuple[Conflict, ...]]:
    """Return what fits the generation to the interpreter link where it lies, and what stands in the way of that."""
    world, found = plan.world, former.environment
    if found is None or not isinstance(world.interpreter, Interpreter):
        return None, ()
    if any(reasons_to_rebuild(found, world.interpreter.facts)):
        return None, ()
    kept = replace(world, directory=replace(world.directory, environment=found))
    blueprint = blueprint_of(plan.environment, kept, world.interpreter, rules)
    blueprint = replace(blueprint, end=former.place, identity=former.identity)
    _, repair = compare(plan.environment, found, world.interpreter, blueprint)
    if repair is None:
        return None, ()
    where = replace(kept.directory, chain=replace(kept.directory.chain, end=former.place))
    names = [place.rpartition("/")[2] for place, _ in repair.links]
    obstacles = (*foreign_pythons(found, former.place, names), *through_links(where, [repair]))
    return repair, obstacles


def _message(world: World, former: LatestGeneration, pin: Pin | None) -> str:
    held = LatestGeneration("", "", "", world.directory.environment).version
    until = f"until {_moment(former.made)}" if former.made else "before"
    if former.version and former.version != held:
        message = f"go back to Python {former.version}{f' from {held}' if held else ''}, as it was {until}"
    else:
        message = f"go back to what it was {until}{f' (Python {held})' if held else ''}"
    if pin is not None:
        message += f"; set `python` to {pin.python} in {pin.file}"
    return message


def _moment(made: str) -> str:
    try:
        return f"{datetime.fromisoformat(made):%Y-%m-%d, %H:%M} UTC"
    except ValueError:
        return made


def _notes(world: World, former: LatestGeneration, found: Environment) -> Iterator[str]:
    """Yield what the next pass would do again, and how to keep it from that."""
    if isinstance(world.interpreter, Interpreter):
        for drift in reasons_to_rebuild(found, world.interpreter.facts):
            yield f"the next apply rebuilds it: {drift.message}"
    verdict = former.verdict
    if verdict is not None and not verdict.met:
        what = verdict.reason or listed(map(_change, verdict.changes)) or f"remove {listed(verdict.extraneous)}"
        yield (
            f"it does not meet what is declared: the next apply installs again ({what}); "
            "to stay with this content, change the declaration first"
        )
    elif verdict is None and world.declared is not None and world.declared.calls:
        yield "it is not known whether its packages are as declared: the next apply asks, and may install them again"


def _change(change: Change) -> str:
    return f"{change.name} {change.before or ''} -> {change.after or '?'}".replace("  ", " ")
