"""Decide what to install in an environment. Pure."""

from collections.abc import Iterator

from envsync import desired
from envsync.markers import marker_values
from envsync.observed import Facts, Interpreter, Stock, World
from envsync.plan.actions import Furnishing
from envsync.plan.unowned import brought_along, listed

__all__ = ["declared_furnishing", "missing_packages", "rebuilt_furnishing", "unrestorable"]

UNDECLARED = " is installed, and nothing declares it"
RECORD = "envsync-inputs"
"""The ``pyvenv.cfg`` key that holds the digest of what was installed last."""


def missing_packages(environment: desired.Environment, world: World) -> list[str]:
    """Say what is declared and not installed, or installed and, where only the declared is wanted, not declared."""
    facts = _facts(world)
    if world.declared is None or world.stock is None or facts is None:
        return []
    from envsync.plan.packages import unmet  # noqa: PLC0415  # only where packages are declared

    markers = marker_values(facts)
    found = world.folder.environment
    recorded = found.setting(RECORD) if found is not None else None
    missing = unmet(world.declared, world.stock, markers, recorded)
    if environment.packages.exact and not missing:
        missing += [f"{name}{UNDECLARED}" for name in _undeclared(environment, world, facts)]
    return missing


def declared_furnishing(environment: desired.Environment, world: World, installer: str) -> Furnishing | None:
    """Say what has to be installed for what is declared; ``None`` where nothing is."""
    facts = _facts(world)
    declared = world.declared
    if declared is None or facts is None:
        return None
    if not (declared.arguments or declared.locked or declared.sync or environment.packages.exact):
        return None
    return Furnishing(
        installer=installer,
        declared=declared,
        remove=_undeclared(environment, world, facts),
        sync_options=tuple(_sync_options(environment.packages)),
    )


def rebuilt_furnishing(environment: desired.Environment, world: World, installer: str) -> Furnishing | None:
    """Say what has to be installed in a rebuild: what is declared, then the rest of what was there."""
    stock = world.stock or Stock()
    former = () if environment.packages.exact else stock.distributions
    if not former and world.declared is None:
        return None
    return Furnishing(
        installer=installer,
        declared=world.declared,
        former=former,
        on_missing=environment.packages.on_missing,
        sync_options=tuple(_sync_options(environment.packages)),
    )


def unrestorable(world: World) -> Iterator[str]:
    """Say what becomes in a rebuild of what no installer knows: copied along, or left in the generation."""
    stock = world.stock or Stock()
    brought = brought_along(world.folder.chain.end, stock)
    if brought:
        yield f"copied into the new environment, since no package has them: {listed(brought)}"
    left = [one for one in stock.loose or () if one not in brought]
    if left:
        yield f"only kept, not brought back, since no package has them: {listed(left)}"
    legacy = [one.name for one in stock.distributions if one.legacy and one.origin is None]
    if legacy:
        yield f"installed without wheel metadata, brought back by name and version: {', '.join(legacy)}"


def _undeclared(environment: desired.Environment, world: World, facts: Facts) -> tuple[str, ...]:
    if not environment.packages.exact or world.declared is None or world.stock is None:
        return ()
    from envsync.plan.packages import extraneous  # noqa: PLC0415  # only where packages are declared

    return extraneous(world.declared, world.stock, marker_values(facts))


def _sync_options(packages: desired.Packages) -> Iterator[str]:
    yield "--no-default-groups"
    if not packages.exact:
        yield "--inexact"
    if not packages.editable:
        yield "--no-editable"
    for group in packages.groups:
        yield from ("--group", group)
    for extra in packages.extras:
        yield from ("--extra", extra)


def _facts(world: World) -> Facts | None:
    return world.interpreter.facts if isinstance(world.interpreter, Interpreter) else None
