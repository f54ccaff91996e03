"""Tell which requirements of installed distributions are not met, as ``pip check`` does. Pure."""

from collections.abc import Iterable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envsync.markers import marker_values
from envsync.observed import Distribution, Facts

__all__ = ["unmet_requirements"]


def unmet_requirements(distributions: Iterable[Distribution], facts: Facts | None) -> tuple[str, ...]:
    """List what installed distributions require of each other and do not have; for the Python of ``facts``."""
    listed = tuple(distributions)
    versions = {one.name: one.version for one in listed}
    markers = marker_values(facts) if facts is not None else {}
    return tuple(
        f"{one.name} {one.version} requires {line}, {_found(requirement, versions)}"
        for one in listed
        for line in one.requires
        if (requirement := _applicable(line, markers)) is not None and not _is_met(requirement, versions)
    )


def _applicable(line: str, markers: dict[str, str]) -> Requirement | None:
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return None  # in somebody's old metadata: no installer reads it either
    applies = requirement.marker is None or requirement.marker.evaluate({**markers, "extra": ""})
    return requirement if applies else None


def _is_met(requirement: Requirement, versions: dict[str, str]) -> bool:
    version = versions.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _found(requirement: Requirement, versions: dict[str, str]) -> str:
    version = versions.get(canonicalize_name(requirement.name))
    return f"{version} is installed" if version is not None else "which is not installed"
