"""Turn a declared project, or a lock, into calls of an installer."""

import os
from dataclasses import dataclass, field

from packaging.requirements import InvalidRequirement
from packaging.utils import canonicalize_name

from envsync.desired import Packages
from envsync.observe.locks import OTHER_LOCKS, lock_calls, lock_projects, read_lock, uv_lock_of, uv_projects
from envsync.observe.projects import ProjectTable, read_project
from envsync.observe.reading import Reading, real
from envsync.observed import Facts
from envsync.observed.declared import Call, Project, Sync

__all__ = ["ProjectCalls", "project_calls", "required_lock"]


@dataclass(slots=True)
class ProjectCalls:
    """What a project or a lock comes to."""

    arguments: list[str] = field(default_factory=list)
    """For the call of the requirements."""
    calls: list[Call | Sync] = field(default_factory=list)
    """Calls of its own, before that."""
    projects: list[Project] = field(default_factory=list)
    read: bool = False
    """Whether it is a project, whose own metadata says what is installed."""


def project_calls(packages: Packages, facts: Facts, reading: Reading, installer: str) -> ProjectCalls:
    """Read the declared project; problems are noted in ``reading``."""
    directory = packages.project
    project = read_project(directory, reading) if directory is not None else None
    if project is None:
        return ProjectCalls()
    found = _Project(packages, facts, reading, installer, project).calls()
    found.read = True
    return found


def required_lock(file: str, facts: Facts, reading: Reading, installer: str) -> ProjectCalls:
    """Read a lock that is declared as ``requirements``."""
    return _locked(file, Packages(editable=True), facts, reading, installer)


def _locked(file: str, packages: Packages, facts: Facts, reading: Reading, installer: str) -> ProjectCalls:
    extras, groups = packages.extras, packages.groups
    lock = read_lock(file, reading, extras, groups)
    if lock is None:
        return ProjectCalls()
    projects = list(lock_projects(file, lock, editable=packages.editable))
    if installer == "pip":
        calls = lock_calls(file, lock, reading, facts, (extras, groups), editable=packages.editable)
        return ProjectCalls(calls=[*calls], projects=projects)
    options = [text for extra in extras for text in ("--extra", extra)]
    options += [text for group in groups for text in ("--group", group)]
    declared_editable = any(package.directory and package.directory.editable for package in lock.packages)
    options += ["--no-editable"] if declared_editable and not packages.editable else []
    call = Call(("-r", file, *options), os.path.dirname(file), dependencies=False, alone=True)
    return ProjectCalls(calls=[call], projects=projects)


@dataclass(slots=True)
class _Project:
    packages: Packages
    facts: Facts
    reading: Reading
    installer: str
    table: ProjectTable

    def calls(self) -> ProjectCalls:
        """Choose between its locks and its own requirements."""
        directory = self.table.directory
        uv_lock = uv_lock_of(directory, self.table.document, self.reading)
        pylock = f"{directory}/pylock.toml"
        # what only the other installer reads counts as well: the digest does not tell which one it is
        locked = {file: self.reading.read(file, optional=True) is not None for file in (uv_lock, pylock)}
        self._check_names()
        if locked[uv_lock] and self.installer == "uv":
            return self._synced(uv_lock)
        if locked[pylock]:
            return self._from_pylock(pylock)
        if locked[uv_lock]:
            remedy = 'set `installer` to "uv", or write a pylock.toml: uv export --format pylock.toml -o pylock.toml'
            self.reading.refuse(uv_lock, f"only uv installs from it, and pip is the installer here; {remedy}")
            return ProjectCalls()
        for name, command in OTHER_LOCKS.items():
            if self.reading.exists(f"{directory}/{name}"):
                remedy = f"export it ({command}), or name requirements files instead of `project`"
                self.reading.refuse(f"{directory}/{name}", f"envsync does not read this lock; {remedy}")
                return ProjectCalls()
        return self._unlocked()

    def _check_names(self) -> None:
        """Note extras and groups that are not there."""
        extras, groups = self.table.extras(), self.table.groups()
        known = (("extra", self.packages.extras, extras), ("group", self.packages.groups, groups))
        for kind, wanted, there in known:
            for name in wanted if there is not None else ():
                if canonicalize_name(name) not in (there or ()):
                    have = f"it has {', '.join(sorted(there or ()))}" if there else "it has none"
                    self.reading.refuse(self.table.file, f"there is no {kind} {name!r}; {have}")

    def _synced(self, lock: str) -> ProjectCalls:
        options = ["--no-default-groups", *([] if self.packages.editable else ["--no-editable"])]
        options += [text for group in self.packages.groups for text in ("--group", group)]
        options += [text for extra in self.packages.extras for text in ("--extra", extra)]
        document = self.reading.toml(lock)
        if document is None:
            return ProjectCalls()
        call = Sync(self.table.directory, lock, tuple(options))
        projects = [*self._own(), *uv_projects(lock, self.table.directory, document)]
        return ProjectCalls(calls=[call], projects=projects)

    def _own(self) -> list[Project]:
        return [Project(real(self.table.directory), self.packages.editable)] if self.table.is_package else []

    def _from_pylock(self, file: str) -> ProjectCalls:
        found = _locked(file, self.packages, self.facts, self.reading, self.installer)
        listed = real(self.table.directory) in {one.path for one in found.projects}
        if self.table.is_package and not listed and found.calls:
            arguments = self._argument("")
            found.calls.append(Call(arguments, self.table.directory, dependencies=False))
            found.projects += self._own()
        return found

    def _argument(self, extras: str) -> tuple[str, ...]:
        place = f"{self.table.directory}{extras}"
        return ("-e", place) if self.packages.editable else (place,)

    def _unlocked(self) -> ProjectCalls:
        """Install the project by its own requirements."""
        try:
            groups = {name: self.table.group_lines(name) for name in self._groups()}
            needed = self.table.dependencies(self.packages.extras)
        except InvalidRequirement as error:
            self.reading.refuse(self.table.file, str(error).replace("\n", " "))
            return ProjectCalls()
        except Exception as error:  # noqa: BLE001  # packaging raises many kinds, each with a message for people
            shown = "; ".join(map(str, error.exceptions)) if isinstance(error, ExceptionGroup) else str(error)
            self.reading.refuse(self.table.file, shown)
            return ProjectCalls()
        if self.installer == "pip":
            self._refuse_sources([*needed, *(line for lines in groups.values() for line in lines)])
        else:
            old = (lines for name, lines in groups.items() if self.table.is_old(name))
            self._refuse_old_sources([line for lines in old for line in lines])
        arguments = [*self._itself(needed)]
        for name, lines in groups.items():
            native = self.installer == "uv" and not self.table.is_old(name)
            arguments += ("--group", f"{self.table.file}:{name}") if native else lines
        return ProjectCalls(arguments=arguments, projects=self._own())

    def _groups(self) -> list[str]:
        there = self.table.groups()
        return [name for name in self.packages.groups if canonicalize_name(name) in there]

    def _itself(self, needed: list[str]) -> tuple[str, ...]:
        extras = self.packages.extras
        if self.table.is_package:
            return self._argument(f"[{','.join(extras)}]" if extras else "")
        if self.installer == "uv":
            return ("-r", self.table.file, *(text for extra in extras for text in ("--extra", extra)))
        if "dependencies" in self.table.dynamic or "optional-dependencies" in self.table.dynamic:
            reason = "its requirements are dynamic, and nothing builds it; add [build-system], or list them"
            self.reading.refuse(self.table.file, reason)
        return tuple(needed)

    def _refuse_old_sources(self, used: list[str]) -> None:
        """Note sources that uv takes for the group in its old place with a ``uv.lock`` alone."""
        for name in self.table.sources(used) if used else ():
            reason = f"[tool.uv.sources] {name} holds for dev-dependencies only with a uv.lock; run `uv lock`"
            self.reading.refuse(self.table.file, f"{reason}, or use [dependency-groups]")

    def _refuse_sources(self, used: list[str]) -> None:
        for name in self.table.sources(used):
            reason = f'[tool.uv.sources] {name} needs uv; set `installer` to "uv", or take it out'
            self.reading.refuse(self.table.file, reason)
