"""Decide what to install in an environment. Pure: whether packages are as declared, an installer has said."""

from collections.abc import Iterator

from envsync import desired
from envsync.observed import Change, Interpreter, Stock, Verdict, World
from envsync.plan.actions import InstallSpec
from envsync.plan.unowned import brought_along, listed

__all__ = ["declared_spec", "package_drift", "rebuilt_spec", "removes_only", "unrestorable"]


def package_drift(world: World) -> list[str]:
    """Say what is not as declared, as the installer has it."""
    verdict = world.verdict
    if verdict is None or verdict.met:
        return []
    said = [_said(change) for change in verdict.changes]
    said += [f"{name} is installed, and nothing declares it" for name in verdict.extraneous]
    return said or [verdict.reason]


def _said(change: Change) -> str:
    if change.before is None:
        return f"{change.name} is not installed"
    if change.after is None:
        return f"{change.name} {change.before} is installed; it has to go"
    if change.after == change.before:
        return f"{change.name} {change.before} is installed from elsewhere than is declared"
    wanted = f"{change.after} is needed" if change.after else "what is declared has to be built"
    return f"{change.name} {change.before} is installed; {wanted}"


def declared_spec(
    environment: desired.Environment,
    world: World,
    installer: str,
    *,
    upgrade: bool = False,
    only: tuple[str, ...] = (),
) -> InstallSpec | None:
    """Say what has to be installed for what is declared; ``None`` where nothing is."""
    declared = world.declared
    if declared is None or not (declared.calls or environment.packages.exact):
        return None
    return InstallSpec(
        installer=declared.installer,
        may_choose=installer == "auto",
        packages=environment.packages,
        facts=world.interpreter.facts if isinstance(world.interpreter, Interpreter) else None,
        declared=declared,
        reinstall=_projects_in(world),
        upgrade=upgrade,
        only=only,
    )


def rebuilt_spec(environment: desired.Environment, world: World, installer: str) -> InstallSpec | None:
    """Say what has to be installed in a rebuild: what was there, at the versions it had, and what is declared."""
    stock = world.stock or Stock()
    if not stock.distributions and world.declared is None:
        return None
    return InstallSpec(
        installer=world.declared.installer if world.declared is not None else installer,
        may_choose=installer == "auto",
        packages=environment.packages,
        facts=world.interpreter.facts if isinstance(world.interpreter, Interpreter) else None,
        declared=world.declared,
        former=stock.distributions,
        former_python=_former_python(world),
    )


def _former_python(world: World) -> str:
    found = world.folder.environment
    return (found.setting("version") or found.setting("version_info") or "") if found is not None else ""


def removes_only(verdict: Verdict | None) -> bool:
    """Tell whether all that is wrong is that something is installed that nothing declares."""
    return verdict is not None and bool(verdict.extraneous) and not verdict.changes


def _projects_in(world: World) -> tuple[str, ...]:
    """Name the distributions that were built from projects whose metadata has changed since."""
    if world.verdict is None or world.verdict.changes or not world.verdict.reason or world.declared is None:
        return ()
    paths = {project.path for project in world.declared.projects}
    stock = world.stock or Stock()
    return tuple(one.name for one in stock.distributions if one.origin is not None and one.origin.directory in paths)


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
