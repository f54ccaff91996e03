"""Decide whether what is declared is installed, and what a rebuild has to bring back. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envsync.observed import SEEDS, Declared, Distribution, Stock

__all__ = ["extraneous", "unmet"]

_COMMIT = re.compile(r"[0-9a-f]{40}")


def unmet(declared: Declared, stock: Stock, markers: Mapping[str, str], recorded: str | None) -> list[str]:
    """Say what of the declared packages is not installed, through all that they depend on.

    ``recorded`` is the digest of the inputs that an installer last installed: where only an installer can tell, it
    decides.
    """
    check = _Check({one.name: one for one in stock.distributions}, markers)
    for text in declared.requirements:
        check.need(text, ())
    check.constrain(declared.constraints)
    editable = {one.origin.requirement for one in stock.distributions if one.origin and one.origin.editable}
    check.missing += [f"{path} is not installed as editable" for path in declared.editables if path not in editable]
    origins = {one.origin.requirement.partition("#")[0] for one in stock.distributions if one.origin}
    check.missing += [f"{url} is not installed" for url in declared.projects if url not in origins]
    if declared.unsure and declared.digest != recorded:
        check.missing.append("its inputs have changed since they were installed" if recorded else "not installed yet")
    return list(dict.fromkeys(check.missing))


def extraneous(declared: Declared, stock: Stock, markers: Mapping[str, str]) -> tuple[str, ...]:
    """List the distributions that nothing declared needs, without the seeds."""
    check = _Check({one.name: one for one in stock.distributions}, markers)
    for text in declared.requirements:
        check.need(text, ())
    kept = {name for name, _ in check.seen} | SEEDS
    paths = {*declared.editables, *declared.projects}
    kept |= {one.name for one in stock.distributions if one.origin and one.origin.requirement in paths}
    return tuple(sorted(one.name for one in stock.distributions if one.name not in kept))


@dataclass(slots=True)
class _Check:
    """Walks the requirements of what is installed."""

    installed: Mapping[str, Distribution]
    markers: Mapping[str, str]
    missing: list[str] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def need(self, text: str, extras: tuple[str, ...]) -> None:
        """Check one requirement and all that it brings; ``extras`` are those of whoever requires it."""
        pending = [(text, extras)]
        while pending:
            line, asking = pending.pop()
            requirement = self._applicable(line, asking)
            if requirement is not None:
                pending += self._visit(requirement)

    def _applicable(self, line: str, extras: tuple[str, ...]) -> Requirement | None:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            return None  # in somebody's old metadata: no installer reads it either
        marker = requirement.marker
        if marker is None or any(marker.evaluate(dict(self.markers, extra=extra)) for extra in (*extras, "")):
            return requirement
        return None

    def _visit(self, requirement: Requirement) -> Iterator[tuple[str, tuple[str, ...]]]:
        name = canonicalize_name(requirement.name)
        found = self.installed.get(name)
        if found is None:
            self.missing.append(f"{_shown(requirement)} is not installed")
            self.seen.add((name, ""))
            return
        if not _fits(requirement, found):
            self.missing.append(f"{name} {found.version} is installed, {_shown(requirement)} is wanted")
        extras = tuple(sorted(requirement.extras))
        wanted = [extra for extra in ("", *extras) if (name, extra) not in self.seen]
        self.seen |= {(name, extra) for extra in wanted}
        if wanted:
            for line in found.requires:
                yield line, extras

    def constrain(self, constraints: tuple[str, ...]) -> None:
        """Check what is installed against constraints: they say which version, not that there be one."""
        for line in constraints:
            requirement = self._applicable(line, ())
            found = self.installed.get(canonicalize_name(requirement.name)) if requirement else None
            if requirement is not None and found is not None and not _fits(requirement, found):
                self.missing.append(f"{found.name} {found.version} is installed, constrained to {_shown(requirement)}")


def _fits(requirement: Requirement, found: Distribution) -> bool:
    if requirement.url is None:
        return requirement.specifier.contains(found.version, prereleases=True)
    if found.origin is None:
        return False
    wanted, wanted_part = _parts(requirement.url)
    had, had_part = _parts(found.origin.requirement)
    if "+" not in wanted.partition("://")[0]:
        return had in {wanted, wanted.removeprefix("file://")}
    repository, revision = _revision(wanted)
    had_repository, commit = _revision(had)
    # A branch or tag is installed as the commit that it was; what was asked for is written down beside it.
    same = revision in {None, commit, found.origin.revision}
    unknown = found.origin.revision is None and revision is not None and _COMMIT.fullmatch(revision) is None
    return (repository, wanted_part) == (had_repository, had_part) and (same or unknown)


def _parts(url: str) -> tuple[str, str]:
    """Split a URL from the ``subdirectory`` in its fragment."""
    bare, _, fragment = url.partition("#")
    parts = [one.removeprefix("subdirectory=") for one in fragment.split("&") if one.startswith("subdirectory=")]
    return bare.rstrip("/"), parts[0] if parts else ""


def _revision(url: str) -> tuple[str, str | None]:
    """Split a repository's URL from the revision behind its path."""
    folder, _, last = url.rpartition("/")
    name, at, revision = last.partition("@")
    return f"{folder}/{name}", revision if at else None


def _shown(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{f' @ {requirement.url}' if requirement.url else requirement.specifier}"
