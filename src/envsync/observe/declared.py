"""Turn what the manifest's package keys declare into calls of an installer, without a judgement of its own."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from envsync.desired import Packages
from envsync.observe.locks import is_lock
from envsync.observe.project_calls import ProjectCalls, project_calls, required_lock
from envsync.observe.projects import metadata_files
from envsync.observe.reading import Reading, real
from envsync.observe.requirements import Local, Requirements, local_of, read_requirements
from envsync.observed import Facts
from envsync.observed.declared import Call, Declared, Project, Sync

__all__ = ["read_declared"]

_OLDEST_FOR_UV = (3, 8)


def read_declared(packages: Packages, facts: Facts, *, wanted: str, uv: str | None) -> Declared:
    """Read all that the package keys name, for an environment's Python; nothing is run.

    ``wanted`` is the manifest's ``installer``, ``uv`` the path of uv where it is there. What is wrong with the
    declarations is among the result's ``problems``.
    """
    reading = Reading()
    files = [_read_file(file, reading) for file in packages.requirements if not is_lock(file)]
    constraints = [_read_file(file, reading, constraint=True) for file in packages.constraints]
    installer = _installer(wanted, uv, facts, [*files, *constraints], reading)
    project = project_calls(packages, facts, reading, installer)
    locked = [required_lock(file, facts, reading, installer) for file in packages.requirements if is_lock(file)]
    composer = _Composer(packages, installer, reading, project, files, constraints)
    calls = [*project.calls, *(call for one in locked for call in one.calls), *composer.calls()]
    projects = [*project.projects, *(found for one in locked for found in one.projects), *composer.projects]
    metadata = [file for one in projects for file in metadata_files(one.path, reading)]
    metadata += metadata_files(packages.project, reading) if packages.project and project.read else ()
    return Declared(
        installer=installer,
        calls=tuple(calls),
        index=tuple(dict.fromkeys(composer.index())),
        hashes=tuple(dict.fromkeys(line for one in files for line in one.hashes)),
        directory=composer.directory,
        projects=tuple(dict.fromkeys(projects)),
        digest=reading.digest(replace(packages, on_missing="", declared=())),
        metadata=reading.digest_of(metadata),
        files=tuple(dict.fromkeys((*reading.digests, *reading.looked_for))),
        variables=tuple(reading.variables),
        problems=tuple(reading.problems),
    )


def _read_file(file: str, reading: Reading, *, constraint: bool = False) -> Requirements:
    name = os.path.basename(file)
    if name in {"pyproject.toml", "setup.py", "setup.cfg"} and not constraint:
        reading.refuse(file, "it is no requirements file; name its directory as `project`")
    elif name.endswith(".py"):
        reading.refuse(file, "it is a script, no requirements file")
    elif constraint and is_lock(file):
        reading.refuse(file, "a lock cannot be a constraint; name it in `requirements`")
    else:
        return read_requirements(file, reading, constraint=constraint)
    return Requirements(file, constraint)


def _installer(wanted: str, uv: str | None, facts: Facts, files: list[Requirements], reading: Reading) -> str:
    """Choose the installer, and note what the chosen one cannot do."""
    uv_cannot = [one for file in files for one in file.uv_cannot]
    if wanted == "auto":
        version = tuple(int(part) for part in facts.version_info.split(".")[:2])
        installer = "uv" if uv is not None and version >= _OLDEST_FOR_UV and not uv_cannot else "pip"
    else:
        installer = wanted
    if installer == "uv":
        for place, what in uv_cannot:
            reading.refuse(place, f'uv cannot do this: {what}; change it, or set `installer` to "pip" or "auto"')
        return installer
    for place, reason in (one for file in files for one in file.pip_cannot):
        reading.refuse(place, reason)
    return installer


@dataclass(slots=True)
class _Composer:
    """Puts requirements files into calls, each in the directory that its paths are written for."""

    packages: Packages
    installer: str
    reading: Reading
    project: ProjectCalls
    files: list[Requirements]
    constraints: list[Requirements]
    projects: list[Project] = field(default_factory=list)
    homes: dict[str, str] = field(default_factory=dict)
    """The directory of each file that has relative paths."""

    @property
    def directory(self) -> str:
        """The directory for everything else."""
        first = next((os.path.dirname(one.file) for one in self.files), "/")
        return self.packages.project or first

    def calls(self) -> Iterator[Call | Sync]:
        """Give the calls for all but locks; all requirements in one call where one directory does for them."""
        for one in (*self.files, *self.constraints):
            home = self._home(one)
            if home is not None:
                self.homes[one.file] = home
            self._count(one.locals, home or self.directory)
        self._count([local for text in self.packages.packages if (local := local_of(text, "packages"))], self.directory)
        directories = list(dict.fromkeys(self.homes.values())) or [self.directory]
        for directory in directories:
            first = directory == directories[0]
            named = [one.file for one in self.files if self.homes.get(one.file, directories[0]) == directory]
            arguments = [text for file in named for text in ("-r", file)]
            if first:
                arguments = [*self.packages.packages, *self.project.arguments, *arguments]
            if arguments:
                limits = [text for one in self.constraints for text in ("-c", one.file)]
                yield Call((*arguments, *limits, *self._uv_options()), directory)

    def index(self) -> Iterator[str]:
        """Give the index options of all files, with absolute paths."""
        for one in (*self.files, *self.constraints):
            for line in one.index:
                yield from line.written(self.homes.get(one.file, self.directory))

    def _uv_options(self) -> list[str]:
        """Give what uv passes over in a file and takes on its command line."""
        if self.installer != "uv":
            return []
        lines = [line for one in (*self.files, *self.constraints) for line in one.index]
        options = ["--prerelease=allow"] if any(line.option == "--pre" for line in lines) else []
        hosts = dict.fromkeys(line.value for line in lines if line.option == "--trusted-host")
        return options + [text for host in hosts for text in ("--allow-insecure-host", host)]

    def _home(self, one: Requirements) -> str | None:
        """Find the directory that the relative paths of a file are written for; None where it has none."""
        paths = [local for local in one.locals if local.relative]
        if not paths:
            return None
        own = os.path.dirname(one.file)
        for candidate in self._candidates(own):
            if all(local.is_in(candidate) for local in paths):
                return candidate
        missing = next((local for local in paths if not local.is_in(own)), paths[0])
        what = "Python project" if missing.kind == "directory" else "file"
        reason = f"there is no {what} {missing.path} in {own} or any directory above it; correct the path"
        self.reading.refuse(missing.place, reason)
        self.reading.looked_for[os.path.join(own, missing.path)] = None
        return own

    def _candidates(self, own: str) -> Iterator[str]:
        project = self.packages.project
        if project and (own == project or own.startswith(f"{project.rstrip('/')}/")):
            yield project
        folder = own
        while True:
            yield folder
            if folder == os.path.dirname(folder):
                break
            folder = os.path.dirname(folder)
        if project:
            yield project

    def _count(self, found: list[Local], directory: str) -> None:
        """Let what lies on this machine count: archives by their content, directories as projects."""
        for local in found:
            path = real(os.path.join(directory, local.path))
            if local.kind == "links":
                continue
            if local.kind == "archive" and not os.path.isdir(path):
                self.reading.count(path)
            else:
                self.projects.append(Project(path, local.editable))
