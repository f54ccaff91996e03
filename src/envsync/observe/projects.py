"""Turn a declared project into calls of an installer, and know which files its metadata comes from."""

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from packaging.dependency_groups import DependencyGroupResolver
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from envsync.formats.installers.command import Installer
from envsync.manifest.globs import TooManyError, matches
from envsync.model.desired import Packages
from envsync.model.interpreter import Facts
from envsync.model.packages import Call, Project, Sync
from envsync.model.system import VARIABLES
from envsync.observe.declared_files import Reading, real
from envsync.observe.lock_files import Calls, check_names, chosen, marker_values, pylock_calls, uv_lock_of, uv_projects

_OTHER_LOCKS = {
    "poetry.lock": "poetry export --output requirements.txt",
    "pdm.lock": "pdm export --format pylock --output pylock.toml",
    "Pipfile.lock": "pipenv requirements > requirements.txt",
}
"""Locks that are not read, with the command of their tool that writes one that is."""
_MOST = 2000
"""Files, or texts that may be files, that are looked at for one project."""


def project_calls(packages: Packages, facts: Facts, reading: Reading, installer: type[Installer]) -> Calls:
    """Read the declared project; problems are noted in ``reading``."""
    directory = packages.project
    if directory is None:
        return Calls()
    file = f"{directory}/pyproject.toml"
    setup, config = (reading.read(f"{directory}/{name}", optional=True) for name in ("setup.py", "setup.cfg"))
    if setup is None and not os.path.lexists(file):
        reading.refuse(directory, "it is not a Python project: there is no pyproject.toml and no setup.py; add one")
        return Calls()
    document = reading.toml(file) if os.path.lexists(file) else {}
    if document is None:
        return Calls()
    builds = setup is not None or re.search(rb"^name\s*[=:]", config or b"", re.MULTILINE) is not None
    try:
        project = _Project(packages, document, reading, installer, builds=builds)
        return replace(project.calls(facts), direct=project.direct())
    except Exception as error:  # noqa: BLE001  # ours, and packaging's many kinds, each with a message for people
        reading.refuse(file, "", error)
        return Calls()


class _Project:
    """What ``pyproject.toml`` says of a project, and what it comes to."""

    def __init__(
        self,
        packages: Packages,
        document: dict[str, Any],
        reading: Reading,
        installer: type[Installer],
        *,
        builds: bool,
    ) -> None:
        """Take the document apart; ``builds`` says whether setuptools needs nothing of it. Raises ``Exception``."""
        self.packages, self.document, self.reading, self.installer = packages, document, reading, installer
        self.directory = packages.project or "/"
        self.file = f"{self.directory}/pyproject.toml"
        project, uv = _table(document, "project"), _table(document, "tool", "uv")
        builds = builds or "build-system" in document
        if not builds and "project" not in document:
            raise ValueError("it is not a Python project: add [project], [build-system], or a setup.py beside it")
        package = uv.get("package")
        self.is_package = package if isinstance(package, bool) else builds
        """Whether it is installed itself, or only lists what it needs (uv's virtual projects)."""
        dynamic = project.get("dynamic") if "project" in document else ["dependencies", "optional-dependencies"]
        self.dynamic = {"dependencies", "optional-dependencies"}.intersection(_texts(dynamic))
        """What of it only a build tells."""
        self.name = canonicalize_name(str(project.get("name", "")))
        self.dependencies = _requirements(project.get("dependencies", []))
        extras = _table(project, "optional-dependencies").items()
        self.extras = {str(canonicalize_name(name)): _requirements(lines) for name, lines in extras}
        former = {"dev": uv["dev-dependencies"]} if "dev-dependencies" in uv else {}  # uv's, before PEP 735
        self.groups = DependencyGroupResolver({**former, **_table(document, "dependency-groups")})
        self.sources = _table(uv, "sources")

    def calls(self, facts: Facts) -> Calls:
        """Choose between its locks and its own requirements."""
        uv_lock, pylock = uv_lock_of(self.directory, self.document, self.reading), f"{self.directory}/pylock.toml"
        # what only the other installer reads counts as well: the digest does not tell which one it is
        locked = {file: self.reading.read(file, optional=True) is not None for file in (uv_lock, pylock)}
        if locked[pylock] and not (locked[uv_lock] and self.installer.reads_projects):
            return self._from_pylock(pylock, facts)
        extras = None if "optional-dependencies" in self.dynamic else self.extras
        check_names(self.file, self.packages, extras, self.groups.dependency_groups, self.reading)
        if locked[uv_lock] and self.installer.reads_projects:
            return self._synced(uv_lock)
        if locked[uv_lock]:
            remedy = 'set `installer` to "uv", or write a pylock.toml: uv export --format pylock.toml -o pylock.toml'
            self.reading.refuse(uv_lock, f"only uv installs from it, and pip is the installer here; {remedy}")
            return Calls()
        for name, command in _OTHER_LOCKS.items():
            if self.reading.read(f"{self.directory}/{name}", optional=True) is not None:
                remedy = f"export it ({command}), or name requirements files instead of `project`"
                self.reading.refuse(f"{self.directory}/{name}", f"envsync does not read this lock; {remedy}")
                return Calls()
        arguments = self._by_uv() if self.installer.reads_projects else self._by_pip(marker_values(facts))
        return Calls(arguments, projects=self._own())

    def direct(self) -> list[str]:
        """Return what is declared with it: itself, or what it lists where it is no package; groups, but no extras."""
        itself = [str(self.name), real(self.directory)] if self.is_package else [one.name for one in self.dependencies]
        return [
            canonicalize_name(one) if "/" not in one else one for one in (*itself, *(x.name for x in self._grouped()))
        ]

    def _grouped(self) -> list[Requirement]:
        """Return the requirements of the chosen groups that are there."""
        wanted = [name for name in self.packages.groups if canonicalize_name(name) in self.groups.dependency_groups]
        return [line for name in wanted for line in self.groups.resolve(name)]

    def _synced(self, lock: str) -> Calls:
        options = ["--no-default-groups", *([] if self.packages.editable else ["--no-editable"])]
        options += chosen(self.packages)
        found = uv_projects(lock, self.reading, editable=self.packages.editable)
        others = [one for one in found if one.path != real(self.directory)]
        return Calls(calls=[Sync(self.directory, lock, tuple(options))], projects=[*self._own(), *others])

    def _own(self) -> list[Project]:
        own = [Project(real(self.directory), self.packages.editable)] if self.is_package else []
        return [*own, *self._by_path()]

    def _by_path(self) -> Iterator[Project]:
        """Return the directories that its requirements name: by a ``file:`` URL, or as a source of uv's."""
        for source in self.sources.values() if self.installer.reads_projects else ():
            path = source.get("path") if isinstance(source, dict) else None
            if isinstance(path, str) and os.path.isdir(os.path.join(self.directory, path)):
                yield Project(real(os.path.join(self.directory, path)), bool(source.get("editable")))
        for one in self.dependencies:
            path = unquote(urlsplit(one.url or "").path) if (one.url or "").startswith("file:") else ""
            if path.startswith("/") and os.path.isdir(path):
                yield Project(real(path), editable=False)

    def _from_pylock(self, file: str, facts: Facts) -> Calls:
        found = pylock_calls(file, self.packages, facts, self.reading, self.installer)
        if self.is_package and real(self.directory) not in {one.path for one in found.projects} and found.calls:
            found.calls.append(Call(tuple(self._itself()), self.directory, dependencies=False))
            found.projects += self._own()
        return found

    def _itself(self) -> list[str]:
        extras = f"[{','.join(self.packages.extras)}]" if self.packages.extras else ""
        plain = not {*"#[]"} & {*self.directory}
        place = self.directory if plain else f"file://{quote(self.directory)}"
        return [*(["-e"] if self.packages.editable else []), f"{place}{extras}"]

    def _by_uv(self) -> list[str]:
        groups = tuple(f"{self.file}:{name}" for name in self.packages.groups)
        if self.is_package:
            return [*self._itself(), *chosen(Packages(groups=groups))]
        return ["-r", self.file, *chosen(replace(self.packages, groups=groups))]

    def _by_pip(self, environment: dict[str, str]) -> list[str]:
        lines = self._grouped()
        needed = self._needed(environment | {"extra": ""})
        if self.dynamic and not self.is_package:
            raise ValueError("its requirements are dynamic, and nothing builds it; add [build-system], or list them")
        names = {canonicalize_name(one.name) for one in (*needed, *lines)}
        for name in self.sources:
            if "dependencies" in self.dynamic or canonicalize_name(name) in names:
                remedy = 'set `installer` to "uv", or take it out'
                self.reading.refuse(self.file, f"[tool.uv.sources] {name} needs uv; {remedy}")
        own = self._itself() if self.is_package else map(str, needed)
        return [*own, *map(str, lines)]

    def _needed(self, environment: dict[str, str]) -> list[Requirement]:
        """Return its own requirements and those of extras; its own name stands for those extras of its."""
        wanted = [str(canonicalize_name(extra)) for extra in self.packages.extras]
        lines = [*self.dependencies, *(line for extra in wanted for line in self.extras.get(extra, ()))]
        for line in lines:  # which grow
            is_own = canonicalize_name(line.name) == self.name
            applies = is_own and (line.marker is None or line.marker.evaluate(environment))
            for extra in map(canonicalize_name, sorted(line.extras) if applies else ()):
                lines += self.extras.get(extra, ()) if extra not in wanted else ()
                wanted.append(extra)
        return list({str(line): line for line in lines if canonicalize_name(line.name) != self.name}.values())


def metadata_files(directory: str, reading: Reading) -> list[str]:
    """Let the files count that the metadata of a project comes from, and list them; some may not be there."""
    document = reading.toml(f"{directory}/pyproject.toml", quietly=True) or {}
    project, tool = document.get("project"), document.get("tool")
    found = ["pyproject.toml", "setup.py", "setup.cfg"]
    if isinstance(tool, dict) and isinstance(uv := tool.get("uv"), dict):
        found += _cache_keys(directory, uv.get("cache-keys"), reading)
    if not isinstance(project, dict) or "dynamic" in project:
        named = (os.path.normpath(text) for text in islice(_texts(tool), _MOST))
        found += [one for one in named if not one.startswith(("/", "..")) and os.path.isfile(f"{directory}/{one}")]
        found += sorted(islice(glob.iglob("requirements*.txt", root_dir=directory), _MOST))
    files = list(dict.fromkeys(os.path.join(directory, one) for one in found))
    for file in files:
        reading.count(file)
    return files


def _cache_keys(directory: str, keys: object, reading: Reading) -> Iterator[str]:
    """Yield the files of ``[tool.uv] cache-keys``, which say when uv builds a project again."""
    for key in keys if isinstance(keys, list) else ():
        parts = key if isinstance(key, dict) else {"file": key}
        if isinstance(name := parts.get("env"), str):
            reading.variables[name] = VARIABLES.get(name)
        if isinstance(pattern := parts.get("file"), str) and "\0" not in pattern:
            try:
                found = matches(pattern, directory, hidden=True)
            except TooManyError as error:
                reading.refuse(f"{directory}/pyproject.toml", f"{pattern} of [tool.uv] cache-keys {error}")
            else:
                yield from [one for one in found if os.path.isfile(one)][:_MOST] or [pattern]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value.replace("\0", "")
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _table(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return a table within a table; an empty one where there is none. Raises ``TypeError``."""
    for key in keys:
        document = document.get(key, {})
        if not isinstance(document, dict):
            raise TypeError(f"`{key}` must be a table")
    return document


def _requirements(lines: object) -> list[Requirement]:
    """Read requirements. Raises ``TypeError`` and ``ValueError``."""
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise TypeError(f"{lines!r} must be a list of requirements")
    return [Requirement(line) for line in lines]
