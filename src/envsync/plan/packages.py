"""Decide what to install, what is damaged, and which requirements are not met. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from envsync.formats.dependency_specifiers import canonical_name, read_requirement
from envsync.model import desired
from envsync.model.install import InstallSpec
from envsync.model.packages import Change, Damage, Distribution, InstalledPackages, Verdict
from envsync.model.plan import Conflict, Drift
from envsync.model.world import World
from envsync.plan.unowned import brought_along, listed

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def package_drift(world: World) -> tuple[Drift, ...]:
    """Return what is not as declared, as the installer has it."""
    verdict = world.verdict
    if verdict is None or verdict.met:
        return ()
    messages = [_change_text(change) for change in verdict.changes]
    messages += [f"{name} is installed, and nothing declares it" for name in verdict.extraneous]
    found = zip(messages, world.changes(), strict=True)
    return tuple(Drift("packages", text, change=one) for text, one in found) or (Drift("packages", verdict.reason),)


def _change_text(change: Change) -> str:
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
    *,
    upgrade: bool = False,
    only: tuple[str, ...] = (),
) -> InstallSpec | None:
    """Return what has to be installed for what is declared; ``None`` where nothing is."""
    declared = world.declared
    if declared is None or not (declared.calls or environment.packages.exact):
        return None
    return InstallSpec(
        installer=world.installer,
        packages=environment.packages,
        markers=world.markers,
        declared=declared,
        reinstall=_projects_in(world),
        upgrade=upgrade,
        only=only,
    )


def rebuilt_spec(environment: desired.Environment, world: World) -> InstallSpec | None:
    """Return what has to be installed in a rebuild: what was there, at the versions it had, and what is declared."""
    installed = world.installed or InstalledPackages()
    if not installed.distributions and world.declared is None:
        return None
    return InstallSpec(
        installer=world.installer,
        packages=environment.packages,
        markers=world.markers,
        declared=world.declared,
        former=installed.distributions,
        former_python=_former_python(world),
    )


def _former_python(world: World) -> str:
    found = world.directory.environment
    return found.version if found is not None else ""


def removes_only(verdict: Verdict | None) -> bool:
    """Check whether all that is wrong is that something is installed that nothing declares."""
    return verdict is not None and bool(verdict.extraneous) and not verdict.changes


def _projects_in(world: World) -> tuple[str, ...]:
    """Name the distributions that were built from projects whose metadata has changed since."""
    if world.verdict is None or world.verdict.changes or not world.verdict.reason or world.declared is None:
        return ()
    paths = {project.path for project in world.declared.projects}
    installed = world.installed or InstalledPackages()
    return tuple(
        one.name for one in installed.distributions if one.origin is not None and one.origin.directory in paths
    )


def unmet_notes(environment: desired.Environment, world: World) -> Iterator[str]:
    """Yield why a rebuild that keeps every version will fail, as far as is known."""
    unmet = [one for one in world.changes() if one.before is not None and one.after is not None]
    if unmet and environment.packages.on_missing != "relax":
        names = listed([f"{one.name} {one.before}" for one in unmet])
        yield (
            f"a rebuild keeps every version, and what is declared needs another of {names}: "
            'apply without --force-rebuild first, or set `on-missing = "relax"`'
        )


def unrestorable(world: World) -> Iterator[str]:
    """Yield what becomes in a rebuild of what no installer knows: copied along, or left in the generation."""
    installed = world.installed or InstalledPackages()
    brought = brought_along(world.directory.chain.end, installed)
    if brought:
        yield f"copied into the new environment, since no package has them: {listed(brought)}"
    left = [one for one in installed.unowned or () if one not in brought]
    if left:
        yield f"only kept, not brought back, since no package has them: {listed(left)}"
    legacy = [one.name for one in installed.distributions if one.legacy and one.origin is None]
    if legacy:
        yield f"installed without wheel metadata, brought back by name and version: {', '.join(legacy)}"


def unmet_requirements(distributions: Iterable[Distribution], markers: Mapping[str, str]) -> tuple[str, ...]:
    """List what installed distributions require of each other and do not have.

    ``markers`` are the values of all environment markers (PEP 508).
    """
    listed = tuple(distributions)
    versions = {one.name: one.version for one in listed}
    return tuple(
        f"{one.name} {one.version} requires {line}, {_found(requirement, versions)}"
        for one in listed
        for line in one.requires
        if (requirement := _applicable(line, markers)) is not None and not _is_met(requirement, versions)
    )


def _applicable(line: str, markers: Mapping[str, str]) -> "Requirement | None":
    requirement = read_requirement(line)
    if requirement is None:
        return None  # in somebody's old metadata: no installer reads it either
    applies = requirement.marker is None or requirement.marker.evaluate({**markers, "extra": ""})
    return requirement if applies else None


def _is_met(requirement: "Requirement", versions: dict[str, str]) -> bool:
    version = versions.get(canonical_name(requirement.name))
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _found(requirement: "Requirement", versions: dict[str, str]) -> str:
    version = versions.get(canonical_name(requirement.name))
    return f"{version} is installed" if version is not None else "which is not installed"


_SHOWN = 3


def damaged_packages(world: World) -> tuple[Damage, ...]:
    """List what was found damaged, where it was looked for."""
    found = world.installed.damage if world.installed is not None else None
    return tuple(one for one in found or () if one.damaged or one.partial)


def damage_message(one: Damage) -> str:
    """Return what is wrong with a package, in a line."""
    parts = []
    if one.missing:
        parts.append(f"{_files(one.missing)} gone")
    if one.changed:
        parts.append(f"{f'{len(one.changed)} {_be(one.changed)}' if parts else _files(one.changed)} changed")
    named = (*one.missing, *one.changed)
    if named:
        parts[-1] += f" ({_some(named)})"
    if one.unchecked:
        parts.append(f"cannot be checked: {one.unchecked}")
    if one.partial:
        parts.append(f"an interrupted installation left {_some([_name(place) for place in one.partial])}")
    return f"{_title(one)}: {', '.join(parts)}"


def reinstall_message(damaged: tuple[Damage, ...]) -> str:
    """Return what is to be done about packages."""
    titles = [_title(one) for one in damaged if one.damaged]
    if titles:
        return f"reinstall {_some(titles)}"
    return f"clear away {_some([_name(place) for one in damaged for place in one.partial])}"


def irreparable(damaged: tuple[Damage, ...]) -> Iterator[Conflict]:
    """Yield which packages are not to be installed again, and why."""
    links = list(dict.fromkeys(link for one in damaged for link in one.links))
    if links:
        message = f"putting damaged packages right would replace your symlinks: {_some(links)}"
        yield Conflict("linked-inside", message, "Move them out of the environment, or remove them, then apply again.")
    for one in damaged:
        if one.damaged and not one.known:
            hint = "Install it again by hand, or remove its metadata directory, then apply again."
            message = f"{damage_message(one)}; its version and origin cannot be determined"
            yield Conflict("origin-unknown", message, hint)


def uncheckable(world: World) -> Iterator[str]:
    """Yield which packages nobody can check, though nothing may be wrong with them."""
    found = world.installed.damage if world.installed is not None else None
    legacy = [f"{_title(one)}, since {one.unchecked}" for one in found or () if one.package.legacy]
    if legacy:
        yield f"cannot be checked: {_some(legacy)}"


def _title(one: Damage) -> str:
    return f"{one.package.name} {one.package.version}".strip() or _name(one.metadata)


def _name(place: str) -> str:
    return place.rpartition("/")[2]


def _files(names: tuple[str, ...]) -> str:
    return f"{len(names)} {'file' if len(names) == 1 else 'files'} {_be(names)}"


def _be(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"


def _some(names: Iterable[str]) -> str:
    listed = [*names]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return f"{', '.join(listed[:_SHOWN])}{more}"
