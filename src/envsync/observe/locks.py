"""Find and read locks: ``uv.lock``, also of a workspace further up, and ``pylock.toml`` (PEP 751)."""

import os
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from packaging.pylock import Package, PackageArchive, PackageDirectory, PackageSdist, PackageVcs, PackageWheel, Pylock
from packaging.tags import Tag, compatible_tags, cpython_tags, generic_tags, mac_platforms, platform_tags
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from envsync.markers import marker_values
from envsync.observe.projects import table
from envsync.observe.reading import Reading, real
from envsync.observed import Facts
from envsync.observed.declared import Call, Project

if TYPE_CHECKING:
    from packaging.markers import Environment

__all__ = ["OTHER_LOCKS", "is_lock", "lock_calls", "lock_projects", "read_lock", "tags_of", "uv_lock_of", "uv_projects"]

OTHER_LOCKS = {
    "poetry.lock": "poetry export --output requirements.txt",
    "pdm.lock": "pdm export --format pylock --output pylock.toml",
    "Pipfile.lock": "pipenv requirements > requirements.txt",
}
"""Locks that are not read, with the command of their tool that writes one that is."""
_MARKS = {"cpython": "cp", "pypy": "pp", "graalpy": "graalpy"}

_Source = PackageVcs | PackageDirectory | PackageArchive | PackageWheel | PackageSdist


def is_lock(file: str) -> bool:
    """Tell a lock by its name: ``pylock.toml``, ``pylock.dev.toml``."""
    return re.fullmatch(r"pylock(?:\.[^.]+)?\.toml", os.path.basename(file)) is not None


def uv_lock_of(project: str, document: Mapping[str, Any], reading: Reading) -> str:
    """Return where the ``uv.lock`` of a project is: beside it, or in the root of the workspace that it is in."""
    if not table(document, "tool", "uv", "workspace"):
        folder = project
        while folder != "/":
            folder = os.path.dirname(folder)
            if not reading.exists(f"{folder}/pyproject.toml"):
                continue
            found = Reading().toml(f"{folder}/pyproject.toml", optional=True) or {}
            if "workspace" in table(found, "tool", "uv"):
                reading.read(f"{folder}/pyproject.toml", optional=True)
                if _is_member(table(found, "tool", "uv", "workspace"), os.path.relpath(project, folder)):
                    return f"{folder}/uv.lock"
                break
    return f"{project}/uv.lock"


def _is_member(workspace: Mapping[str, Any], path: str) -> bool:
    return _matches(workspace.get("members"), path) and not _matches(workspace.get("exclude"), path)


def _matches(patterns: object, path: str) -> bool:
    parts = path.split("/")
    for pattern in patterns if isinstance(patterns, list) else ():
        wanted = os.path.normpath(pattern).split("/") if isinstance(pattern, str) else []
        if "**" in wanted and fnmatchcase(path, "/".join(wanted).replace("**/", "*")):
            return True
        if len(wanted) == len(parts) and all(map(fnmatchcase, parts, wanted)):
            return True
    return False


def uv_projects(lock: str, project: str, document: Mapping[str, Any]) -> Iterator[Project]:
    """Give the directories that ``uv sync`` builds for a project: those of its lock that it leads to."""
    folder = os.path.dirname(lock)
    entries: dict[str, list[dict[str, Any]]] = {}
    packages = document.get("package")
    for entry in packages if isinstance(packages, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            entries.setdefault(entry["name"], []).append(entry)
    start = [name for name, found in entries.items() if any(_place(one, folder)[0] == real(project) for one in found)]
    pending, seen = list(start), set(start)
    while pending:
        for entry in entries.get(pending.pop(), ()):
            place, editable = _place(entry, folder)
            if place and place != real(project):
                yield Project(place, editable)
            names = set(_edges(entry)) - seen
            seen |= names
            pending += names


def _place(entry: Mapping[str, Any], folder: str) -> tuple[str, bool]:
    source = table(entry, "source")
    for kind in ("editable", "directory", "virtual"):
        if isinstance(source.get(kind), str):
            return real(os.path.join(folder, source[kind])), kind == "editable"
    return "", False


def _edges(entry: Mapping[str, Any]) -> Iterator[str]:
    optional, groups = table(entry, "optional-dependencies"), table(entry, "dev-dependencies")
    for found in (entry.get("dependencies"), *optional.values(), *groups.values()):
        for one in found if isinstance(found, list) else ():
            if isinstance(one, dict) and isinstance(one.get("name"), str):
                yield one["name"]


def read_lock(file: str, reading: Reading, extras: tuple[str, ...], groups: tuple[str, ...]) -> Pylock | None:
    """Read and check a ``pylock.toml``; what is wrong with it, or not in it, is a problem."""
    document = reading.toml(file)
    if document is None:
        return None
    try:
        lock = Pylock.from_dict(document)
    except Exception as error:  # noqa: BLE001  # packaging raises many kinds, each with a message for people
        reading.refuse(file, f"it is not a lock that can be used: {_shown(error)}")
        return None
    known_groups = [*(lock.dependency_groups or ()), *(lock.default_groups or ())]
    for kind, wanted, known in (("extra", extras, lock.extras or ()), ("group", groups, known_groups)):
        for name in wanted:
            if known and canonicalize_name(name) not in map(canonicalize_name, known):
                reading.refuse(file, f"there is no {kind} {name!r} in this lock; it has {', '.join(known)}")
    return lock


def lock_projects(file: str, lock: Pylock, *, editable: bool) -> Iterator[Project]:
    """Give the directories that a lock names."""
    for package in lock.packages:
        if package.directory is not None:
            yield Project(_directory(file, package.directory), editable and bool(package.directory.editable))


def lock_calls(  # noqa: PLR0913  # the environment, and what of the lock is wanted
    file: str, lock: Pylock, reading: Reading, facts: Facts, wanted: tuple[tuple[str, ...], tuple[str, ...]], *,
    editable: bool,
) -> list[Call]:  # fmt: skip
    """Turn what a lock says for an environment's Python into calls of pip: files with hashes, then all else."""
    extras, groups = wanted
    known = {canonicalize_name(one) for one in (*(lock.dependency_groups or ()), *(lock.default_groups or ()))}
    try:
        chosen = list(
            lock.select(
                environment=cast("Environment", marker_values(facts)),
                tags=list(tags_of(facts)),
                extras=[one for one in extras if canonicalize_name(one) in (lock.extras or ())],
                dependency_groups=[one for one in groups if canonicalize_name(one) in known] or None,
            )
        )
        lines = [line for package, source in chosen for line in _file_lines(file, package, source)]
        others = [text for package, source in chosen for text in _arguments(file, package, source, editable=editable)]
    except Exception as error:  # noqa: BLE001  # packaging raises many kinds, each with a message for people
        reading.refuse(file, f"it does not fit this Python: {_shown(error)}")
        return []
    folder = os.path.dirname(file)
    calls = [Call((), folder, tuple(lines), dependencies=False)] if lines else []
    return [*calls, Call(tuple(others), folder, dependencies=False)] if others else calls


def _shown(error: BaseException) -> str:
    return "; ".join(map(str, error.exceptions)) if isinstance(error, ExceptionGroup) else str(error)


def _file_lines(file: str, package: Package, source: _Source) -> Iterator[str]:
    """Give the lines by which pip takes just that file: of all with that name and version, the one with its hash."""
    if not isinstance(source, PackageWheel | PackageSdist):
        return
    location = _location(file, source)
    version = package.version or _version_of(source)
    known = [(name, value) for name, value in sorted(source.hashes.items()) if name in {"sha256", "sha384", "sha512"}]
    if not known:
        raise ValueError(f"{package.name} has no hash that pip takes: sha256, sha384 or sha512")
    name, value = known[0]
    yield f"--find-links {location}#{name}={value}"
    yield f"{package.name}=={version} --hash={name}:{value}"


def _version_of(source: PackageWheel | PackageSdist) -> str:
    if isinstance(source, PackageWheel):
        return str(parse_wheel_filename(source.filename)[1])
    return str(parse_sdist_filename(source.filename)[1])


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
    """Give where a file is: PEP 751 has the path preferred where both are named."""
    if source.path:
        path = os.path.join(os.path.dirname(file), source.path)
        if os.path.isfile(path) or not source.url:
            return _url(os.path.normpath(path))
    return source.url or ""


def _url(path: str) -> str:
    return f"file://{quote(path)}"


def tags_of(facts: Facts) -> Iterator[Tag]:
    """Give the tags of wheels that an interpreter of this machine takes, the best first."""
    version = (int(facts.minor.partition(".")[0]), int(facts.minor.partition(".")[2]))
    digits = f"{version[0]}{version[1]}"
    name = f"{_MARKS.get(facts.implementation, facts.implementation)}{digits}"
    system, _, machine = facts.platform.partition("-")
    platforms = list(mac_platforms(arch=machine) if system == "macosx" and machine else platform_tags())
    if facts.implementation == "cpython":
        flags = "t" if facts.free_threaded else "m" if version < (3, 8) else ""
        yield from cpython_tags(version, [f"cp{digits}{flags}"], platforms)
        yield from compatible_tags(version, name, platforms)
        return
    abi = re.match(r"[a-z]+\d+(?:[-_][a-z]{2}\d+)?(?:[-_]native)?", facts.abi)
    yield from generic_tags(name, [abi[0].replace("-", "_")] if abi else ["none"], platforms)
    yield from compatible_tags(version, "pp3" if facts.implementation == "pypy" else None, platforms)
