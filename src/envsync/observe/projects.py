"""Read projects: whether one is a package, what its extras and groups are, and which files its metadata comes from."""

import glob
import os
from collections.abc import Iterable, Iterator
from configparser import Error as ConfigError
from configparser import RawConfigParser
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from packaging.dependency_groups import DependencyGroupResolver
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envsync.observe.reading import Reading

__all__ = ["ProjectTable", "metadata_files", "read_project", "table"]

_MOST = 2000
"""Files, or texts that may be files, that are looked at for one project."""
_TABLES = (
    *("project", "project.optional-dependencies", "dependency-groups", "build-system"),
    *("tool", "tool.uv", "tool.uv.sources", "tool.uv.workspace"),
)


def table(document: Any, *keys: str) -> dict[str, Any]:
    """Return a table within a table; an empty one where there is none."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


@dataclass(slots=True)
class ProjectTable:
    """What ``pyproject.toml`` says of a project, and what lies beside it."""

    directory: str
    document: dict[str, Any] = field(default_factory=dict)
    buildable: bool = False
    """Whether a build backend is named, or ``setup.py`` is there."""

    @property
    def file(self) -> str:
        """The path of its ``pyproject.toml``."""
        return f"{self.directory}/pyproject.toml"

    @property
    def is_package(self) -> bool:
        """Whether it is installed itself, or only lists what it needs (uv's virtual projects)."""
        package = table(self.document, "tool", "uv").get("package")
        return package if isinstance(package, bool) else self.buildable

    @property
    def dynamic(self) -> list[str]:
        """The fields that only a build tells."""
        return _texts(table(self.document, "project").get("dynamic"))

    def extras(self) -> dict[str, list[str]] | None:
        """Return the lines of each extra by its normalized name; ``None`` where only a build tells."""
        if "project" not in self.document or "optional-dependencies" in self.dynamic:
            return None
        found = table(self.document, "project", "optional-dependencies")
        return {canonicalize_name(name): _texts(lines) for name, lines in found.items()}

    def groups(self) -> set[str]:
        """Return the normalized names of its dependency groups, uv's old ``dev-dependencies`` among them."""
        found = {canonicalize_name(name) for name in table(self.document, "dependency-groups")}
        return found | ({"dev"} if self.old_group() else set())

    def old_group(self) -> list[str]:
        """Return uv's old place for the group ``dev``."""
        return _texts(table(self.document, "tool", "uv").get("dev-dependencies"))

    def is_old(self, group: str) -> bool:
        """Check whether a group is in uv's old place alone."""
        known = {canonicalize_name(name) for name in table(self.document, "dependency-groups")}
        return canonicalize_name(group) == "dev" and "dev" not in known

    def group_lines(self, group: str) -> list[str]:
        """Return the requirements of a group with those that it includes. Raises what packaging raises."""
        if self.is_old(group):
            return self.old_group()
        return [str(one) for one in DependencyGroupResolver(table(self.document, "dependency-groups")).resolve(group)]

    def dependencies(self, extras: Iterable[str]) -> list[str]:
        """Return its own requirements and those of extras; its own name stands for those extras of its.

        Raises ``ValueError``.
        """
        project = table(self.document, "project")
        known = self.extras() or {}
        name = canonicalize_name(str(project.get("name", "")))
        none: frozenset[str] = frozenset()
        lines = [(line, none) for line in _texts(project.get("dependencies"))]
        lines += [(line, none) for extra in extras for line in known.get(canonicalize_name(extra), ())]
        found: dict[str, None] = {}
        seen: set[tuple[str, frozenset[str]]] = set()
        while lines:
            text, conditions = lines.pop(0)
            requirement = Requirement(text)
            conditions |= {str(requirement.marker)} if requirement.marker else none
            if canonicalize_name(requirement.name) != name:
                requirement.marker = None
                marker = " and ".join(f"({one})" for one in sorted(conditions))
                found[f"{requirement} ; {marker}" if marker else str(requirement)] = None
                continue
            wanted = {(canonicalize_name(extra), conditions) for extra in requirement.extras} - seen
            seen |= wanted
            if len(seen) > _MOST:
                raise ValueError("extras name each other too often")
            lines += [(line, conditions) for extra, _ in sorted(wanted) for line in known.get(extra, ())]
        return list(found)

    def sources(self, used: Iterable[str]) -> list[str]:
        """List the ``tool.uv.sources`` that name something used; all of them where only a build tells what is used."""
        named = {canonicalize_name(name): name for name in table(self.document, "tool", "uv", "sources")}
        if "dependencies" in self.dynamic or "project" not in self.document:
            return sorted(named.values())
        names = {canonicalize_name(requirement.name) for requirement in _requirements(used)}
        return sorted(name for key, name in named.items() if key in names)


def read_project(directory: str, reading: Reading) -> ProjectTable | None:
    """Read what is declared as ``project``; where it is none, that is a problem."""
    missing = [f"{directory}/{name}" for name in ("setup.py", "setup.cfg") if not reading.exists(f"{directory}/{name}")]
    there = os.path.lexists(f"{directory}/pyproject.toml")
    document = reading.toml(f"{directory}/pyproject.toml", optional=not there)
    if there and document is None:
        return None
    project = ProjectTable(directory, document or {})
    setup = f"{directory}/setup.py" not in missing
    project.buildable = (
        setup or "build-system" in project.document or (there and _names_itself(f"{directory}/setup.cfg"))
    )
    if not there and not setup:
        reading.refuse(directory, _no_project(directory))
    elif not project.buildable and "project" not in project.document:
        reason = "it has neither [project] nor [build-system], and there is no setup.py beside it; add one of them"
        reading.refuse(project.file, f"{directory} is not a Python project: {reason}")
    elif complaints := list(_misshapen(project.document)):
        for one in complaints:
            reading.refuse(project.file, one)
    else:
        return project
    return None


def _no_project(directory: str) -> str:
    if not os.path.isdir(directory):
        return "it is not there, or not a directory"
    alone = " (setup.cfg alone is not enough for pip or uv)" if os.path.isfile(f"{directory}/setup.cfg") else ""
    return f"{directory} is not a Python project: there is no pyproject.toml and no setup.py{alone}; add one"


def _names_itself(file: str) -> bool:
    """Check whether a ``setup.cfg`` has the metadata of a package, for setuptools, the default backend."""
    parser = RawConfigParser(strict=False)
    try:
        with open(file, encoding="utf-8") as stream:
            parser.read_string(stream.read(1 << 20))
    except (OSError, ValueError, ConfigError):
        return False
    return parser.has_option("metadata", "name")


def _misshapen(document: dict[str, Any]) -> Iterator[str]:
    for key in _TABLES:
        found: Any = document
        for part in key.split("."):
            found = found.get(part, {}) if isinstance(found, dict) else {}
        if not isinstance(found, dict):
            yield f"`{key}` must be a table"
    project = table(document, "project")
    lists = {"project.dependencies": project.get("dependencies", []), "project.dynamic": project.get("dynamic", [])}
    optional = table(project, "optional-dependencies")
    lists |= {f"project.optional-dependencies.{name}": value for name, value in optional.items()}
    lists["tool.uv.dev-dependencies"] = table(document, "tool", "uv").get("dev-dependencies", [])
    for key, value in lists.items():
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            yield f"`{key}` must be a list of texts"


def metadata_files(directory: str, reading: Reading) -> tuple[str, ...]:
    """Let the files count that the metadata of a project comes from, and list them; some may not be there."""
    fixed = [f"{directory}/{name}" for name in ("pyproject.toml", "setup.py", "setup.cfg")]
    document = _quietly(fixed[0], reading)
    found = [*fixed, *_cache_keys(directory, document, reading)]
    dynamic = _texts(table(document, "project").get("dynamic"))
    if dynamic or "project" not in document:
        named = (os.path.normpath(f"{directory}/{text}") for text in islice(_all_texts(table(document, "tool")), _MOST))
        found += [path for path in named if path.startswith(f"{directory}/") and _is_file(path)]
    if "dependencies" in dynamic or "project" not in document:
        found += sorted(islice(glob.iglob("requirements*.txt", root_dir=directory), _MOST))
    files = tuple(dict.fromkeys(os.path.join(directory, one) for one in found))
    for file in files:
        reading.count(file)
    return files


def _quietly(file: str, reading: Reading) -> dict[str, Any]:
    """Read ``pyproject.toml`` of a project that an installer builds: what is wrong with it, that one says."""
    apart = Reading(digests=reading.digests)
    return apart.toml(file, optional=True) or {}


def _cache_keys(directory: str, document: dict[str, Any], reading: Reading) -> Iterator[str]:
    """Give the files of ``[tool.uv] cache-keys``, which say when uv builds a project again."""
    keys = table(document, "tool", "uv").get("cache-keys")
    for key in keys if isinstance(keys, list) else ():
        name = key.get("env") if isinstance(key, dict) else None
        if isinstance(name, str):
            reading.variables[name] = os.environ.get(name)
        pattern = key.get("file") if isinstance(key, dict) else key
        if isinstance(pattern, str) and "\0" not in pattern:
            matching = glob.iglob(pattern, root_dir=directory, recursive=True, include_hidden=True)
            files = (os.path.join(directory, one) for one in matching)
            yield from sorted(islice(filter(_is_file, files), _MOST)) or [os.path.join(directory, pattern)]


def _is_file(path: str) -> bool:
    return os.path.isfile(path)


def _all_texts(value: object) -> Iterator[str]:
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str) and one and "\0" not in one:
            yield one
        elif isinstance(one, dict):
            pending += one.values()
        elif isinstance(one, list):
            pending += one


def _requirements(lines: Iterable[str]) -> Iterator[Requirement]:
    for line in lines:
        try:
            yield Requirement(line)
        except InvalidRequirement:
            continue


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
