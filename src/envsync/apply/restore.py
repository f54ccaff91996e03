"""Bring packages back in a rebuild: each at the version it had, and from where it came."""

import os
from collections.abc import Iterator
from dataclasses import replace

from envsync.apply.installers import InstallError, Runner
from envsync.formats.dependency_specifiers import canonical_name, canonical_version, read_requirement
from envsync.formats.installers.command import Installer, Job
from envsync.model.blueprint import Blueprint
from envsync.model.dataclass import dataclass
from envsync.model.install import InstallSpec
from envsync.model.packages import SEEDS, Call, Declared, Distribution, InstalledPackages, Sync, is_lock
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.packages import metadata_places, read_installed
from envsync.plan.packages import unmet_requirements
from envsync.write.directories import Root
from envsync.write.files import remove_recorded

_HINT = 'The old environment is kept. With `on-missing = "relax"` newer releases are taken instead.'


def bring_back(
    place: str, blueprint: Blueprint, spec: InstallSpec, installer: Installer, runner: Runner
) -> Iterator[str]:
    """Bring back the former packages of a specification; yields what a person should know.

    What is declared comes first, at the versions that were there, then the rest. Raises ``EnvsyncError``, ``OSError``.
    """
    task = _Restoration(place, blueprint, spec, installer, runner)
    task.bring_direct()
    if not spec.only_damaged or task.is_locked:
        task.install_declared()
    task.bring_rest()
    yield from task.check_consistency()
    task.unrequest()


def undeclared_call(declared: Declared, requirements: list[str]) -> Call:
    """Return the call that installs requirements from the indexes of the declarations."""
    return Call((), declared.directory, (*declared.index, *requirements))


@dataclass(slots=True)
class _Restoration:
    place: str
    blueprint: Blueprint
    spec: InstallSpec
    installer: Installer
    runner: Runner
    brought: tuple[str, ...] = ()
    """Names that were installed because they were there, not because they are declared."""
    loosely: bool = False
    """Whether something was installed without a look at what it requires."""

    @property
    def declared(self) -> Declared:
        return self.spec.declared or Declared()

    @property
    def is_locked(self) -> bool:
        """Whether a lock says which files to install."""
        return any(map(is_lock, self.declared.calls))

    def bring_direct(self) -> None:
        """Install what came from a URL or a directory, first: then no index is asked for it."""
        projects = {project.path for project in self.declared.projects}
        wanted = [one for one in self.spec.former if one.origin is not None and one.origin.directory not in projects]
        if self.spec.packages.exact:
            return
        self._bring(wanted)

    def install_declared(self) -> None:
        """Carry out the declarations with all that was there as a constraint."""
        pins = tuple(_pin(one) for one in self.spec.former if one.origin is None)
        for call in self.declared.calls:
            try:
                self._install(call, Job(constraints=pins, cached=self.spec.cached))
            except InstallError as error:
                self._relax(call, error)

    def _relax(self, call: Call | Sync, error: InstallError) -> None:
        """Take newer releases of what is not available at the version it had, or does not meet what is declared."""
        if isinstance(call, Sync) or call.alone or call.lines or not self.spec.former:
            raise error
        if self.spec.packages.on_missing != "relax":
            message = f"packages cannot be brought back at the versions they had: {error.problem.message}"
            raise EnvsyncError(Problem("package-missing", message, f"{_HINT} {error.problem.hint}")) from None
        former = [one for one in self.spec.former if one.origin is None]
        pins = tuple(_pin(one) if self._is_available(one) else _floor(one) for one in former)
        for constraints in (pins, tuple(map(_floor, former))):
            try:
                self._install(call, Job(constraints=constraints, cached=self.spec.cached))
            except InstallError:
                continue
            return
        self._install(call, Job(cached=self.spec.cached))

    def _is_available(self, one: Distribution) -> bool:
        command = self.installer.ask(
            self.place, replace(self._undeclared([_pin(one)]), dependencies=False), Job(index=self.declared.index)
        )
        return command is None or self.runner.succeeds(command)

    def bring_rest(self) -> None:
        """Install what is not there yet, at the version it had: together, else one by one to tell what is missing."""
        there = self._installed()
        exact = self.spec.packages.exact and not self.spec.only_damaged
        wanted = [one for one in self.spec.former if not exact or one.name in SEEDS]
        rest = [one for one in wanted if not _is_back(one, there) and not self._is_superseded(one, there)]
        plain = [one for one in rest if one.origin is None]
        self.brought += tuple(one.name for one in rest)
        if rest and not self._bring_batch(plain, there):
            self._bring(plain)
        self._bring([one for one in rest if one.origin is not None])

    def _is_superseded(self, one: Distribution, there: InstalledPackages) -> bool:
        """Check whether what came from a URL or a directory had to give way to a release that is declared."""
        found = there.versions().get(one.name)
        if one.origin is None or not any(
            other.name == one.name and other.origin is None for other in there.distributions
        ):
            return False
        if self.spec.packages.on_missing != "relax":
            shown = f"{one.name} {one.version} from {one.origin.requirement}"
            message = f"{shown} does not meet what is declared, which brings {found}"
            raise EnvsyncError(Problem("package-missing", message, _HINT))
        return True

    def _bring_batch(self, rest: list[Distribution], there: InstalledPackages) -> bool:
        """Install distributions with what they require; whatever is there already keeps its version."""
        if not rest or self.spec.only_damaged:
            return not rest
        present = [_pin(one) for one in there.distributions if one.origin is None]
        try:
            self._install(self._undeclared([*present, *map(_pin, rest)]), Job(cached=self.spec.cached))
        except InstallError:
            return False
        return True

    def _bring(self, wanted: list[Distribution]) -> None:
        """Install distributions just as they were, without what they require."""
        if not wanted:
            return
        self.loosely = True
        self.brought += tuple(one.name for one in wanted)
        try:
            self._install_exactly(wanted)
        except InstallError:
            failures = [failure for one in wanted if (failure := self._bring_one(one))]
            if failures:
                message = f"cannot bring back {'; '.join(failures)}"
                raise EnvsyncError(Problem("package-missing", message, _HINT)) from None

    def _install_exactly(self, wanted: list[Distribution]) -> None:
        hashed = {one.name: line for one in wanted if (line := self._hashed(one))}
        lines = [line for one in wanted if one.name not in hashed for line in _lines(one)]
        for group in ([*hashed.values()], lines):
            if group:
                self._install(replace(self._undeclared(group), dependencies=False), Job(cached=self.spec.cached))

    def _hashed(self, one: Distribution) -> str:
        """Return the line that pins a distribution with its declared hashes; empty where it has none."""
        lines = [line for line in self.declared.hashes if one.origin is None and _is_pinned(line, one)]
        hashes = dict.fromkeys(word for line in lines for word in line.split() if word.startswith("--hash="))
        return " ".join((_pin(one), *hashes)) if hashes else ""

    def _bring_one(self, one: Distribution) -> str:
        """Bring back one distribution; returns what went wrong, empty if nothing did."""
        shown = f"{one.name} {one.version}"
        try:
            self._install_exactly([one])
        except InstallError as error:
            if one.name in SEEDS and one.origin is None:
                return self._reseed(one)
            if self.spec.packages.on_missing == "relax" and one.origin is None and not self.spec.only_damaged:
                try:
                    self._install(self._undeclared([_floor(one)]), Job())
                except InstallError as again:
                    return f"{shown} or newer ({again.problem.message}; {again.problem.hint})"
                return ""
            return f"{shown} ({error.problem.message}; {error.problem.hint})"
        return ""

    def _reseed(self, one: Distribution) -> str:
        """Bring back pip, setuptools or wheel in the version that virtualenv ships: any will do; none is no failure."""
        from virtualenv.seed.wheels.embed import get_embed_wheel  # noqa: PLC0415  # only for rebuilding

        wheel = get_embed_wheel(one.name, self.blueprint.minor)
        if wheel is not None:
            self.runner.succeeds(
                self.installer.install(self.place, Call((str(wheel.path),), "/", dependencies=False), Job())
            )
        return ""

    def check_consistency(self) -> Iterator[str]:
        """Check that what was installed without a look at its requirements has them, unless that was so before."""
        if not self.loosely or self.spec.only_damaged or self.runner.succeeds(self.installer.check(self.place)):
            return
        markers = dict(self.spec.markers)
        before = unmet_requirements(self.spec.former, markers | _markers_of(self.spec.former_python))
        left = unmet_requirements(self._installed().distributions, markers)
        new = [one for one in left if one not in before]
        if new and not self.is_locked:
            message = f"what was brought back would not be consistent: {'; '.join(new[:4])}"
            raise EnvsyncError(Problem("package-missing", message, _HINT))
        if left:
            yield f"not consistent, as before: {'; '.join(left[:4])}"

    def unrequest(self) -> None:
        """Take the mark of having been asked for from what came only as a dependency before (PEP 376)."""
        names = {one.name for one in self.spec.former if not one.requested} & {*self.brought}
        for metadata in metadata_places(self.place, self.blueprint.libraries):
            directory, entry = metadata[len(self.place) + 1 :], os.path.basename(metadata)
            marked = entry.endswith(".dist-info") and os.path.isfile(f"{metadata}/REQUESTED")
            if marked and canonical_name(entry.partition("-")[0]) in names:
                remove_recorded(Root(self.place), directory, "REQUESTED")

    def _installed(self) -> InstalledPackages:
        return read_installed(self.place, self.blueprint.libraries)

    def _undeclared(self, lines: list[str]) -> Call:
        return undeclared_call(self.declared, lines)

    def _install(self, call: Call | Sync, job: Job) -> None:
        job = replace(job, index=self.declared.index)
        self.runner.run(self.installer.install(self.place, call, job))


def _markers_of(version: str) -> dict[str, str]:
    """Return the environment markers that tell the version of a Python (PEP 508); none where it is not known."""
    if not version:
        return {}
    minor = ".".join(version.split(".")[:2])
    return {"python_full_version": version, "python_version": minor, "implementation_version": version}


def _is_back(one: Distribution, there: InstalledPackages) -> bool:
    found = next((other for other in there.distributions if other.name == one.name), None)
    return found is not None and (one.origin is None or found.origin == one.origin)


def _pin(one: Distribution) -> str:
    return f"{one.name}=={one.version}"


def _floor(one: Distribution) -> str:
    return f"{one.name}>={one.version}"


def _is_pinned(line: str, one: Distribution) -> bool:
    """Check whether a line with hashes is for a distribution, however its name is written, at its version."""
    requirement = read_requirement(line.partition(" --hash=")[0])
    if requirement is None:
        return False
    versions = {canonical_version(each.version) for each in requirement.specifier if each.operator in {"==", "==="}}
    return canonical_name(requirement.name) == one.name and canonical_version(one.version) in versions


def _lines(one: Distribution) -> Iterator[str]:
    """Return the lines of a requirements file that install a distribution as it was."""
    if one.origin is None:
        yield _pin(one)
    elif one.origin.editable:
        yield f"-e {one.origin.requirement}"
    else:
        yield f"{one.name} @ {one.origin.requirement}"
