"""What an entry holds where a project's directory says it: the name, the path, the packages, the interpreter."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from envsync.apply.adopt import python_name
from envsync.manifest.paths import is_literal, shortened
from envsync.manifest.toml import parse
from envsync.model.dataclass import dataclass
from envsync.model.desired import Manifest
from envsync.model.problems import ManifestError, Problem, UsageError
from envsync.observe.files import read_text
from envsync.observe.owners import Owners
from envsync.observe.search import search
from envsync.plan.adopt import Recorded, entries_for

_PACKAGES = frozenset({"project", "requirements", "packages", "bundles"})
"""Keys of which each says what is installed: where one is given, none is added."""
_LOCATED = frozenset({"path", "target", "aliases"})
_MINOR = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")
_WRITTEN = re.compile(r"\s*([0-9]{1,4}(?:\.[0-9]{1,4})?)(?![0-9])")
"""The minor version that a ``.python-version`` begins with: ``3.12`` of ``3.12.4``."""
_LIMIT = 1 << 20
"""Bytes of the largest file that is read."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a project's directory says of its environment."""

    name: str
    values: tuple[tuple[str, Any], ...]
    """Each key as the manifest is to have it."""
    reasons: tuple[str, ...]
    """Where each comes from: a line for each."""


def suggested(manifest: Manifest, directory: str, given: Mapping[str, Any]) -> Suggestion:
    """Return what a project's directory, absolute, says besides the keys that are ``given``.

    Raises ``UsageError`` where the directory cannot be written in a manifest, or its environment is another tool's.
    """
    home = os.path.expanduser("~")
    if not is_literal(shortened(directory, home)):
        raise UsageError(Problem("usage", f"a manifest cannot hold {directory}", "Work in another directory."))
    found = {} if _LOCATED & {*given, *manifest.default_places} else _located(manifest, directory, home)
    values, reasons = dict(found), list[str]()
    reasons += [f"{key}: as the environment that is there has it" for key in found if key != "path"]
    if not _PACKAGES & {*given}:
        for key, value, reason in _declared(directory, shortened(directory, home)):
            values[key] = value
            reasons.append(reason)
    if not {"python", "requires-python"} & {*given, *values}:
        for value, reason in _python(manifest, directory):
            values["python"] = value
            reasons.append(reason)
    kept = tuple((key, value) for key, value in values.items() if key not in given)
    return Suggestion(_name(directory), kept, tuple(reasons))


def _name(directory: str) -> str:
    """Return the name of a directory as one of an environment; that is checked where it is declared."""
    return re.sub(r"[^\w.+@-]+", "-", os.path.basename(directory)).strip("-.") or "env"


def _located(manifest: Manifest, directory: str, home: str) -> dict[str, Any]:
    """Return the keys that the environment in a project has already; of none that is there, only its path."""
    path = next((f"{directory}/{name}" for name in (".venv", "venv") if _is_there(f"{directory}/{name}")), "")
    found = search([path], cross=True) if path else []
    if not found:
        return {"path": shortened(f"{directory}/.venv", home)}
    one = found[0]
    owner = Owners(manifest).of(one)
    if owner is not None:
        hint = "Give another path: envsync add NAME --path PATH"
        raise UsageError(Problem("usage", f"{path} is not taken: {owner.reason}", hint))
    one = replace(one, python_name=python_name(one, manifest))
    (entry,) = entries_for([one], (), home, manifest.state_dir, {one.end: Recorded()})
    return dict(entry.values)


def _is_there(path: str) -> bool:
    return os.path.isfile(f"{path}/pyvenv.cfg")


def _declared(directory: str, text: str) -> Iterator[tuple[str, Any, str]]:
    """Yield the key that says what a project installs, with its value and where it comes from."""
    for name in ("uv.lock", "pylock.toml"):
        if os.path.isfile(f"{directory}/{name}") and os.path.isfile(f"{directory}/pyproject.toml"):
            yield "project", text, f"project: {name} is there"
            return
    if _project(directory):
        yield "project", text, "project: pyproject.toml has [project]"
        return
    for name in ("pylock.toml", "requirements.txt", "requirements.in"):
        if os.path.isfile(f"{directory}/{name}"):
            yield "requirements", [f"{text}/{name}"], f"requirements: {name} is there"
            return


def _project(directory: str) -> Mapping[str, Any]:
    """Return the table ``[project]`` of a directory; empty where there is none, or none that can be read."""
    return _table(f"{directory}/pyproject.toml", "project")


def _table(file: str, name: str) -> dict[str, Any]:
    """Return a table of a TOML file; empty where there is none, or none that can be read."""
    try:
        table = parse(read_text(file, _LIMIT), file).get(name)
    except ManifestError:
        return {}
    return table if isinstance(table, dict) else {}


def _python(manifest: Manifest, directory: str) -> Iterator[tuple[str, str]]:
    """Yield the interpreter that a project asks for, and where it does; else the newest that has a name."""
    names = _named(manifest)
    if written := _WRITTEN.match(read_text(f"{directory}/.python-version")):
        yield written[1], f"python: {written[1]}, as .python-version has it"
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415  # for `add` only

    request = _project(directory).get("requires-python")
    try:
        allowed = SpecifierSet(request if isinstance(request, str) else "")
    except InvalidSpecifier:
        return
    fitting = [name for name in names if allowed.contains(f"{name}.99")]
    why = f"requires-python is {allowed}" if str(allowed) else "the newest of [pythons]"
    if fitting:
        yield fitting[-1], f"python: {fitting[-1]}, for {why}"
    elif str(allowed):
        yield str(allowed), f"python: {allowed}, as requires-python has it"


def _named(manifest: Manifest) -> list[str]:
    """Return the names of interpreters that are versions, the oldest first."""
    names: set[str] = set()
    for file in (manifest.file, *(source.file for source in manifest.sources)):
        names |= {name for name in _table(file, "pythons") if _MINOR.fullmatch(name)}
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")])
