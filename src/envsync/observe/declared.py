"""Read what is to be installed: requirement files, projects and locks, by content; nothing is run."""

import hashlib
import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

from packaging.dependency_groups import resolve_dependency_groups
from packaging.markers import Environment
from packaging.pylock import Package, PackageArchive, PackageDirectory, PackageSdist, PackageVcs, PackageWheel, Pylock
from packaging.requirements import InvalidRequirement, Requirement

from envsync.desired import Packages
from envsync.observe.read import read_regular
from envsync.observed import Declared

__all__ = ["read_declared"]

_LIMIT = 32 << 20
_OPTION = re.compile(r"(?P<name>-{1,2}[A-Za-z][A-Za-z-]*)(?:\s*=\s*|\s+|(?<=^-[rce])(?=\S))(?P<value>.*)")


def read_declared(packages: Packages, environment: dict[str, str], *, with_uv: bool) -> Declared:
    """Read all that the package keys name. ``environment`` are the marker values of the environment's Python (PEP 508).

    ``with_uv`` says whether uv is there to install from ``uv.lock``. What is wrong with the inputs is told, not raised.
    """
    reader = _Reader(environment)
    for text in packages.packages:
        reader.add_requirement(text)
    reader.arguments += packages.packages
    for file in packages.requirements:
        reader.read_requirements(file)
        reader.arguments += ("-r", file)
    for file in packages.constraints:
        reader.read_requirements(file, constraint=True)
        reader.arguments += ("-c", file)
    if packages.project is not None:
        try:
            reader.read_project(packages, with_uv=with_uv)
        except Exception as error:  # noqa: BLE001  # each of packaging's many kinds has a message for people
            shown = "; ".join(map(str, error.exceptions)) if isinstance(error, ExceptionGroup) else str(error)
            reader.problems.append(f"{packages.project}/pyproject.toml: {shown}")
    return reader.result((packages, with_uv))


@dataclass(slots=True)
class _Reader:
    environment: dict[str, str]
    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    editables: list[str] = field(default_factory=list)
    projects: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    sync: str | None = None
    unsure: bool = False
    files: dict[str, bytes | None] = field(default_factory=dict)
    looked_for: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def result(self, options: object) -> Declared:
        digest = hashlib.sha256(repr(options).encode(errors="surrogateescape"))
        for name, content in sorted(self.files.items()):
            digest.update(repr((name, content)).encode(errors="surrogateescape"))
        return Declared(
            requirements=tuple(dict.fromkeys(self.requirements)),
            constraints=tuple(dict.fromkeys(self.constraints)),
            arguments=tuple(self.arguments),
            editables=tuple(dict.fromkeys(self.editables)),
            projects=tuple(dict.fromkeys(self.projects)),
            locked=tuple(self.locked),
            sync=self.sync,
            unsure=self.unsure,
            digest=digest.hexdigest()[:32],
            files=(*self.files, *self.looked_for),
            problems=tuple(self.problems),
        )

    def add_requirement(self, text: str) -> None:
        """Take one PEP 508 requirement, if its marker applies."""
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            self.unsure = True  # a path or a bare URL: what it installs only the installer knows
            return
        if requirement.marker is None or requirement.marker.evaluate(dict(self.environment, extra="")):
            self.requirements.append(text)

    def read(self, file: str) -> bytes | None:
        """Read a file once; a missing one is a problem."""
        if file not in self.files:
            try:
                self.files[file] = read_regular(os.path.realpath(file), _LIMIT)
            except OSError as error:
                self.files[file] = None
                self.problems.append(f"{file}: {error.strerror}")
            else:
                if self.files[file] is None:
                    self.problems.append(f"{file} is not there, or is no regular file")
        return self.files[file]

    def read_requirements(self, file: str, *, constraint: bool = False) -> None:
        """Read a requirements file with its includes (pip's requirements file format)."""
        if file in self.files:
            return
        content = self.read(file)
        if content is None:
            return
        text = re.sub(r"\\\r?\n", "", content.decode("utf-8-sig", "replace"))
        for line in text.splitlines():
            plain = re.sub(r"(^|\s)#.*$", "", line).strip()
            if plain.startswith("-"):
                self._read_option(plain, os.path.dirname(file), constraint=constraint)
            elif plain:
                plain = re.split(r"\s--(?:hash|config-settings|global-option)\b", plain)[0].strip()
                if constraint:
                    self.constraints.append(plain)
                else:
                    self._read_line(plain, os.path.dirname(file))

    def _read_line(self, line: str, folder: str) -> None:
        if line.startswith((".", "/")) and os.path.isdir(os.path.join(folder, line)):
            self.projects.append(_url(os.path.join(folder, line)))
        else:
            self.add_requirement(line)

    def _read_option(self, line: str, folder: str, *, constraint: bool) -> None:
        match = _OPTION.match(line)
        name, value = (match["name"], match["value"].strip()) if match else (line, "")
        place = value if "://" in value else os.path.normpath(os.path.join(folder, value))
        match name:
            case "-r" | "--requirement" if "://" not in value:
                self.read_requirements(place, constraint=constraint)
            case "-c" | "--constraint" if "://" not in value:
                self.read_requirements(place, constraint=True)
            case "-e" | "--editable" if "://" not in value:
                self.editables.append(os.path.realpath(re.sub(r"\[[^\]]*\]$", "", place)))
            case "-i" | "--index-url" | "--extra-index-url" | "-f" | "--find-links" | "--no-index" | "--pre":
                return  # where from, not what
            case _:
                self.unsure = True

    def read_project(self, packages: Packages, *, with_uv: bool) -> None:
        """Read a project: its lock if there is one, else its own dependencies."""
        project = packages.project or ""
        self.looked_for += [f"{project}/uv.lock", f"{project}/pylock.toml"]
        content = self.read(f"{project}/pyproject.toml")
        document = self._parse(f"{project}/pyproject.toml", content)
        if document is None:
            return
        packaged = _is_packaged(document) and bool(_table(document, "project"))
        locked = not (with_uv and os.path.isfile(f"{project}/uv.lock")) and os.path.isfile(f"{project}/pylock.toml")
        if with_uv and os.path.isfile(f"{project}/uv.lock"):
            self._read_uv_lock(f"{project}/uv.lock")
            self.sync = project
            self.unsure = True
        if locked:
            self._read_lock(f"{project}/pylock.toml", packages)
        else:
            self._read_dependencies(document, packages, packaged=packaged)
        if packaged:
            self._add_project(project, document, packages, alone=bool(self.sync or self.locked))

    def _parse(self, file: str, content: bytes | None) -> dict[str, Any] | None:
        if content is None:
            return None
        try:
            return tomllib.loads(content.decode())
        except (ValueError, RecursionError) as error:
            self.problems.append(f"{file}: {error}")
            return None

    def _add_project(self, project: str, document: dict[str, Any], packages: Packages, *, alone: bool) -> None:
        extras = f"[{','.join(packages.extras)}]" if packages.extras and not alone else ""
        if packages.editable:
            self.editables.append(os.path.realpath(project))
        else:
            self.projects.append(_url(project))
        if not self.sync:
            self.arguments += ("-e", f"{project}{extras}") if packages.editable else (f"{project}{extras}",)
        name = document["project"].get("name")
        if isinstance(name, str):
            self.add_requirement(f"{name}{extras}")

    def _read_dependencies(self, document: dict[str, Any], packages: Packages, *, packaged: bool) -> None:
        table = _table(document, "project")
        optional = _table(table, "optional-dependencies")
        own = [*_texts(table.get("dependencies"))]
        for extra in packages.extras:
            own += _texts(optional.get(extra))
        groups: list[str] = []
        for group in packages.groups:
            groups += resolve_dependency_groups(_table(document, "dependency-groups"), group)
        for line in (*own, *groups):
            self.add_requirement(line)
        if self.sync is None:
            self.arguments += groups if packaged else [*own, *groups]

    def _read_uv_lock(self, file: str) -> None:
        """Take from ``uv.lock`` which versions it allows; which of them are wanted here, uv decides."""
        document = self._parse(file, self.read(file)) or {}
        versions: dict[str, set[str]] = {}
        for package in document.get("package", []):
            if {"editable", "virtual", "directory"}.isdisjoint(package.get("source", {})) and "version" in package:
                versions.setdefault(package["name"], set()).add(package["version"])
        self.constraints += [f"{name}=={version}" for name, (version, *more) in versions.items() if not more]

    def _read_lock(self, file: str, packages: Packages) -> None:
        document = self._parse(file, self.read(file))
        if document is None:
            return
        try:
            lock = Pylock.from_dict(document)
            chosen = lock.select(
                environment=_as_environment(self.environment),
                extras=packages.extras,
                dependency_groups=packages.groups or None,
            )
            self.locked += _pins(list(chosen), os.path.dirname(file))
        except Exception as error:  # noqa: BLE001  # packaging raises many kinds, each with a message for people
            self.problems.append(f"{file}: {error}")
        for pin in self.locked:
            self.add_requirement(pin.split(" --hash", 1)[0])


_Source = PackageVcs | PackageDirectory | PackageArchive | PackageWheel | PackageSdist


def _pins(chosen: list[tuple[Package, _Source]], folder: str) -> list[str]:
    pins = [_pin(package, source, folder) for package, source in chosen]
    if not all(isinstance(source, PackageWheel | PackageSdist) for _, source in chosen):
        return pins  # an installer that checks hashes wants one for each, and a repository has none
    return [f"{pin}{_hashes(package)}" for pin, (package, _) in zip(pins, chosen, strict=True)]


def _hashes(package: Package) -> str:
    files: list[PackageWheel | PackageSdist] = [*(package.wheels or ())]
    if package.sdist is not None:
        files.append(package.sdist)
    return "".join(f" --hash={name}:{value}" for file in files for name, value in sorted(file.hashes.items()))


def _pin(package: Package, source: _Source, folder: str) -> str:
    """Write what a lock chose as a requirement (PEP 751)."""
    match source:
        case PackageVcs():
            part = f"#subdirectory={source.subdirectory}" if source.subdirectory else ""
            return f"{package.name} @ {source.type}+{source.url or source.path}@{source.commit_id}{part}"
        case PackageDirectory():
            return f"{package.name} @ {_url(os.path.join(folder, source.path))}"
        case PackageArchive():
            return f"{package.name} @ {source.url or _url(os.path.join(folder, source.path or ''))}"
        case PackageWheel() | PackageSdist():
            return f"{package.name}=={package.version}"


def _as_environment(values: dict[str, str]) -> Environment:
    return cast("Environment", values)


def _is_packaged(document: dict[str, Any]) -> bool:
    """Tell whether a project can be installed itself, or only lists what it needs (uv's virtual projects)."""
    package = _table(_table(document, "tool"), "uv").get("package")
    return package if isinstance(package, bool) else "build-system" in document


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    table = document.get(key, {})
    if not isinstance(table, dict):
        raise TypeError(f"{key} is no table")
    return table


def _url(path: str) -> str:
    return f"file://{quote(os.path.realpath(path))}"


def _texts(value: object) -> Iterable[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
