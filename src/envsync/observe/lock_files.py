"""Turn lock files into installer calls: ``uv.lock``, also of a workspace further up, and ``pylock.toml`` (PEP 751)."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from packaging.pylock import Package, PackageArchive, PackageDirectory, PackageSdist, PackageVcs, PackageWheel, Pylock
from packaging.tags import Tag, compatible_tags, cpython_tags, generic_tags, mac_platforms, platform_tags
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from envsync.formats.installers.command import Installer
from envsync.model.dataclass import dataclass
from envsync.model.desired import Packages
from envsync.model.interpreter import Facts
from envsync.model.packages import Call, Project, Sync
from envsync.observe.declared_files import Reading, real

if TYPE_CHECKING:
    from packaging.markers import Environment


_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalVM"}


def marker_values(facts: Facts) -> dict[str, str]:
    """Return the values of environment markers for an interpreter of this machine (PEP 508)."""
    from packaging.markers import default_environment  # noqa: PLC0415  # only where packages are declared

    values = {key: str(value) for key, value in default_environment().items()}
    return values | {
        "implementation_name": facts.implementation,
        "implementation_version": facts.version,
        "platform_python_implementation": _IMPLEMENTATIONS.get(facts.implementation, facts.implementation),
        "python_full_version": facts.version,
        "python_version": facts.minor,
    }


_MARKS = {"cpython": "cp", "pypy": "pp", "graalpy": "graalpy"}
_HASHES = ("sha256", "sha384", "sha512")
"""Those that pip takes."""

_Source = PackageVcs | PackageDirectory | PackageArchive | PackageWheel | PackageSdist


@dataclass(slots=True)
class Calls:
    """What a project or a lock comes to."""

    arguments: list[str] = field(default_factory=list)
    """For the call of the requirements."""
    calls: list[Call | Sync] = field(default_factory=list)
    """Calls of its own, before that."""
    projects: list[Project] = field(default_factory=list)
    direct: list[str] = field(default_factory=list)
    """As :attr:`envsync.model.packages.Declared.direct`."""


def uv_lock_of(project: str, document: Mapping[str, Any], reading: Reading) -> str:
    """Return where the ``uv.lock`` of a project is: beside it, or in the root of the workspace that it is in."""
    directory = project
    while directory != os.path.dirname(directory) and _workspace(document) is None:
        directory = os.path.dirname(directory)
        document = reading.toml(f"{directory}/pyproject.toml", quietly=True) or {}
    found = _workspace(document) or {}
    path = os.path.relpath(project, directory)
    is_member = _matches(found.get("members"), path) and not _matches(found.get("exclude"), path)
    return f"{directory if is_member else project}/uv.lock"


def _workspace(document: Mapping[str, Any]) -> dict[str, Any] | None:
    found: Any = document
    for key in ("tool", "uv", "workspace"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _matches(patterns: object, path: str) -> bool:
    wanted = [os.path.normpath(one) for one in patterns if isinstance(one, str)] if isinstance(patterns, list) else []
    return any(
        fnmatchcase(path, one.replace("**/", "*")) and ("**" in one or one.count("/") == path.count("/"))
        for one in wanted
    )


def uv_projects(file: str, reading: Reading, *, editable: bool) -> list[Project]:
    """Return the directories that a ``uv.lock`` names."""
    found = []
    try:
        for package in (reading.toml(file) or {}).get("package", ()):
            source = package.get("source", {})
            path = source.get("editable", source.get("directory"))
            if path is not None:
                place = real(os.path.join(os.path.dirname(file), path))
                found.append(Project(place, editable and "editable" in source))
    except (TypeError, AttributeError) as error:
        reading.refuse(file, "it is not a lock that can be used", error)
    return found


def pylock_calls(file: str, packages: Packages, facts: Facts, reading: Reading, installer: type[Installer]) -> Calls:
    """Read a ``pylock.toml``; what is wrong with it, or is not in it, is a problem."""
    document = reading.toml(file)
    if document is None:
        return Calls()
    reason = "it is not a lock that can be used"
    try:
        lock = Pylock.from_dict(document)
        groups = [*(lock.dependency_groups or ()), *(lock.default_groups or ())]
        check_names(file, packages, lock.extras or None, groups or None, reading)
        editables = [(one.directory, bool(one.directory.editable)) for one in lock.packages if one.directory]
        projects = [Project(_directory(file, one), packages.editable and editable) for one, editable in editables]
        names = [str(one.name) for one in lock.packages]
        if installer.reads_projects:
            plain = ["--no-editable"] if not packages.editable and any(editable for _, editable in editables) else []
            words = ("-r", file, *chosen(packages), *plain)
            calls: list[Call | Sync] = [Call(words, os.path.dirname(file), dependencies=False, alone=True)]
            return Calls(calls=calls, projects=projects, direct=names)
        reason = "it does not fit this Python"
        return Calls(calls=[*_pip_calls(file, lock, packages, facts)], projects=projects, direct=names)
    except Exception as error:  # noqa: BLE001  # packaging raises many kinds, each with a message for people
        reading.refuse(file, reason, error)
        return Calls()


def check_names(
    file: str, packages: Packages, extras: Iterable[str] | None, groups: Iterable[str] | None, reading: Reading
) -> None:
    """Note extras and groups that are not there, where it is known which are."""
    for kind, wanted, known in (("extra", packages.extras, extras), ("group", packages.groups, groups)):
        there = sorted(map(canonicalize_name, known or ()))
        for name in wanted if known is not None else ():
            if canonicalize_name(name) not in there:
                have = f"it has {', '.join(there)}" if there else "it has none"
                reading.refuse(file, f"there is no {kind} {name!r}; {have}")


def chosen(packages: Packages) -> Iterator[str]:
    """Yield extras and groups as options of uv."""
    yield from (text for extra in packages.extras for text in ("--extra", extra))
    yield from (text for group in packages.groups for text in ("--group", group))


def _pip_calls(file: str, lock: Pylock, packages: Packages, facts: Facts) -> Iterator[Call]:
    """Yield what a lock says for an environment's Python: files with hashes, then all else."""
    groups = {canonicalize_name(one) for one in (*(lock.dependency_groups or ()), *(lock.default_groups or ()))}
    selected = list(
        lock.select(
            environment=cast("Environment", marker_values(facts)),
            tags=list(tags_of(facts)),
            extras=[one for one in packages.extras if canonicalize_name(one) in (lock.extras or ())],
            dependency_groups=[one for one in packages.groups if canonicalize_name(one) in groups] or None,
        )
    )
    lines = [line for package, source in selected for line in _lines(file, package, source)]
    others = [text for one, source in selected for text in _arguments(file, one, source, editable=packages.editable)]
    if lines:
        yield Call((), os.path.dirname(file), tuple(lines), dependencies=False)
    if others:
        yield Call(tuple(others), os.path.dirname(file), dependencies=False)


def _lines(file: str, package: Package, source: _Source) -> Iterator[str]:
    """Yield the lines by which pip takes just that file: of all with that name and version, the one with its hash."""
    if not isinstance(source, PackageWheel | PackageSdist):
        return
    parse = parse_wheel_filename if isinstance(source, PackageWheel) else parse_sdist_filename
    version = package.version or parse(source.filename)[1]
    name = next((one for one in _HASHES if one in source.hashes), None)
    if name is None:
        raise ValueError(f"{package.name} has no hash that pip takes: {', '.join(_HASHES)}")
    yield f"--find-links {_location(file, source)}#{name}={source.hashes[name]}"
    yield f"{package.name}=={version} --hash={name}:{source.hashes[name]}"


def _arguments(file: str, package: Package, source: _Source, *, editable: bool) -> Iterator[str]:
    match source:
        case PackageVcs():
            part = f"#subdirectory={source.subdirectory}" if source.subdirectory else ""
            place = source.url or _url(os.path.join(os.path.dirname(file), source.path or ""))
            yield f"{package.name} @ {source.type}+{place}@{source.commit_id}{part}"
        case PackageDirectory() if editable and source.editable:
            yield from ("-e", _directory(file, source))
        case PackageDirectory():
            yield f"{package.name} @ {_url(_directory(file, source))}"
        case PackageArchive():
            parts = [f"{name}={value}" for name, value in sorted(source.hashes.items())]
            parts += [f"subdirectory={source.subdirectory}"] if source.subdirectory else []
            yield f"{package.name} @ {_location(file, source)}#{'&'.join(parts)}"
        case PackageWheel() | PackageSdist():
            return


def _directory(file: str, source: PackageDirectory) -> str:
    return real(os.path.join(os.path.dirname(file), source.path, source.subdirectory or ""))


def _location(file: str, source: PackageWheel | PackageSdist | PackageArchive) -> str:
    """Return where a file is: PEP 751 has the path preferred where both are named."""
    path = os.path.normpath(os.path.join(os.path.dirname(file), source.path or ""))
    return source.url if source.url and not os.path.isfile(path) else _url(path)


def _url(path: str) -> str:
    return f"file://{quote(path)}"


def tags_of(facts: Facts) -> Iterator[Tag]:
    """Yield the tags of wheels that an interpreter of this machine takes, the best first."""
    version = (int(facts.minor.partition(".")[0]), int(facts.minor.partition(".")[2]))
    name = f"{_MARKS.get(facts.implementation, facts.implementation)}{version[0]}{version[1]}"
    system, _, machine = facts.platform.partition("-")
    platforms = list(mac_platforms(arch=machine) if system == "macosx" and machine else platform_tags())
    if facts.implementation == "cpython":
        flags = "t" if facts.free_threaded else "m" if version < (3, 8) else ""
        yield from cpython_tags(version, [f"{name}{flags}"], platforms)
        yield from compatible_tags(version, name, platforms)
        return
    abi = re.match(r"[a-z]+\d+(?:[-_][a-z]{2}\d+)?(?:[-_]native)?", facts.abi)
    yield from generic_tags(name, [abi[0].replace("-", "_")] if abi else ["none"], platforms)
    yield from compatible_tags(version, "pp3" if facts.implementation == "pypy" else None, platforms)
