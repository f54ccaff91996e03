"""Entries for environments that exist already, and the manifest to begin with. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from envsync.manifest import checks
from envsync.manifest.edit import Entry
from envsync.manifest.paths import is_literal, no_pattern, shortened
from envsync.manifest.wording import Unfit, quoted
from envsync.model.dataclass import dataclass
from envsync.model.environment import FoundEnvironment
from envsync.model.interpreter import Candidate
from envsync.model.packages import Distribution, InstalledPackages
from envsync.plan.undeclared import asked_for, undeclared

_USUAL = {".venv", "venv", ".env", "env", ".virtualenv", "virtualenv"}
"""Names that say nothing: then it is called after the directory that it is in."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What of an environment's packages goes into its entry, and what does not."""

    packages: tuple[str, ...] = ()
    """Requirements (PEP 508)."""
    project: str | None = None
    """The directory of the editable project that the environment belongs to."""
    left_out: tuple[str, ...] = ()
    """What was asked for, and why it is not among the packages: a sentence for each."""
    undeclared: tuple[str, ...] = ()
    """Names of what comes with nothing that is recorded."""


def entries_for(
    found: Iterable[FoundEnvironment],
    taken: Collection[str],
    home: str,
    state_dir: str,
    recorded: Mapping[str, Recorded],
) -> list[Entry]:
    """Return an entry for each environment, in order, under a name that is not among ``taken``.

    ``recorded`` says by the end of an environment what of its packages is to be in its entry.
    """
    names = {*taken}
    entries = []
    for one in found:
        name = _free(_names(one.paths[0]), names)
        names.add(name)
        values = [("path", shortened(one.paths[0], home)), *_values(one, home, state_dir)]
        packages = recorded[one.end]
        values += [("packages", list(packages.packages))] if packages.packages else []
        values += [("project", shortened(packages.project, home))] if packages.project else []
        remarks = _remarks(one, home, suggests_project=packages.project is None)
        entries.append(Entry(name, tuple(values), (*remarks, *(f"left out: {reason}" for reason in packages.left_out))))
    return entries


def stable_link(one: FoundEnvironment, pythons: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
    """Return the interpreter link that was found and what is declared, where that follows upgrades instead.

    ``pythons`` are names, each with its link.
    """
    links = dict(pythons)
    if one.link is not None and one.python_name is not None and one.python_name not in links:
        return one.link, one.python_name  # a version request
    found, declared = one.link, links.get(one.python_name or "", one.python)
    if found is None or declared is None or found.rpartition("/")[0] == declared.rpartition("/")[0]:
        return None
    return found, declared


def frozen(installed: InstalledPackages, projects: Collection[str], *, versions: bool) -> Recorded:
    """Record what was asked for by name, with ``versions`` at the ones that are there; direct URLs as they are.

    An editable project is recorded where it is the only one among ``projects``, the directories that may be declared.
    """
    asked = asked_for(installed.distributions)
    own = [one for one in asked if (place := _editable(one)) is not None and place in projects]
    project = own[0] if len(own) == 1 else None
    lines = {one.name: _requirement_line(one, versions=versions) for one in asked if _editable(one) is None}
    packages = {name: line for name, line in lines.items() if _is_requirement(line)}
    left_out = [
        f"{one.name}, which is editable, from {_editable(one)}: `packages` holds no editable projects"
        for one in asked
        if _editable(one) is not None and one is not project
    ]
    left_out += [f"{quoted(line)}, which is no requirement" for name, line in lines.items() if name not in packages]
    left_out += [f"{quoted(name)}, which does not tell what it is of" for name in installed.broken]
    declared = [*packages, *([project.name] if project else [])]
    return Recorded(
        packages=tuple(packages.values()),
        project=_editable(project) if project else None,
        left_out=tuple(left_out),
        undeclared=undeclared(installed.distributions, declared),
    )


def _editable(one: Distribution) -> str | None:
    return one.origin.requirement if one.origin is not None and one.origin.editable else None


def _requirement_line(one: Distribution, *, versions: bool) -> str:
    if one.origin is not None:
        return f"{one.name} @ {one.origin.requirement}"
    return f"{one.name}=={one.version}" if versions else one.name


def _is_requirement(line: str) -> bool:
    try:
        checks.package(line)
    except Unfit:
        return False
    return True


def _values(one: FoundEnvironment, home: str, state_dir: str) -> Iterable[tuple[str, Any]]:
    if one.text is not None:
        inside = one.text.removeprefix(f"{state_dir}/")
        yield "target", shortened(one.text, home) if inside == one.text or inside.startswith("~") else inside
    if one.python is not None:
        yield "python", one.python_name or shortened(one.python, home)
    aliases = [no_pattern(shortened(path, home)) for path in one.paths[1:] if path != one.text]
    if aliases:
        yield "aliases", aliases
    if one.prompt:
        yield "prompt", one.prompt
    if one.system_site_packages:
        yield "system-site-packages", True


def _remarks(one: FoundEnvironment, home: str, *, suggests_project: bool) -> Iterable[str]:
    if one.python is not None and not one.works:
        yield "its interpreter is gone: name another one"
    kinds = {file.rpartition("/")[2]: shortened(file, home) for file in one.inputs}
    for name in ("requirements.txt", "requirements.in"):
        if name in kinds:
            yield f"requirements = [{quoted(kinds[name], len(kinds[name]))}]"
            break
    if suggests_project and kinds.keys() & {"pyproject.toml", "uv.lock", "pylock.toml"}:
        directory = next(iter(kinds.values())).rpartition("/")[0]
        yield f"project = {quoted(directory, len(directory))}"


def _names(path: str) -> Iterable[str]:
    """Yield names for the environment at ``path``, the shortest first."""
    parts = [part for part in map(_fit, path.split("/")) if part]
    if path.rpartition("/")[2] in _USUAL and len(parts) > 1:
        parts.pop()
    for count in range(1, len(parts) + 1):
        yield "-".join(parts[-count:])[-80:].lstrip("-.")


def _free(names: Iterable[str], taken: Collection[str]) -> str:
    shortest = "env"
    for number, name in enumerate(names):
        shortest = name if number == 0 else shortest
        if name not in taken:
            return name
    return next(name for number in range(2, len(taken) + 3) if (name := f"{shortest}-{number}") not in taken)


def _fit(part: str) -> str:
    """Return a part of a path as it may stand in a name."""
    return re.sub(r"[^\w.+@-]+", "-", part).strip("-.")


_HEAD = """\
# The virtual environments of this machine: `envsync apply` makes them so, `envsync plan` shows what it would do.
# Every key, with what it means: `envsync schema`.

version = 1

# state-dir = "~/.local/state/envsync/envs"   # where relative targets lie
# keep = 1                                    # generations kept of each environment, for `envsync rollback`

[pythons]                                     # names for interpreter links; these were found here
"""
_TAIL = """
# [envs.blog]
# path = "~/src/blog/.venv"                   # where people and tools find it
# target = "blog"                             # path is then a symlink into state-dir
# python = {python}                             # a name from above, a path, or a version request such as ">=3.11"
"""
_OLDEST = (3, 7)


def template(candidates: Iterable[Candidate], home: str) -> str:
    """Return a commented manifest that names the interpreters found, by the links that survive upgrades.

    One without such a link stands in a comment: by name it would be pinned, where a version request follows.
    """
    best: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=lambda one: (one.stable, one.version), reverse=True):
        if candidate.version >= _OLDEST and not candidate.floating and not candidate.last_resort:
            best.setdefault(request_for(candidate), candidate)
    ordered = sorted(best.items(), key=lambda item: (item[1].implementation != "cpython", item[1].version[:2]))
    lines = [_python_line(name, candidate, home) for name, candidate in ordered if is_literal(candidate.link)]
    stable = [name for name, candidate in ordered if candidate.stable and name == _minor(candidate)]
    return _HEAD + "".join(lines) + _TAIL.replace("{python}", f'"{stable[-1] if stable else "3.12"}"')


def request_for(candidate: Candidate) -> str:
    """Return the version request for a candidate's minor version: ``3.12``, ``3.13t``, ``pypy3.10``."""
    implementation = "" if candidate.implementation == "cpython" else candidate.implementation
    return f"{implementation}{_minor(candidate)}{'t' if candidate.free_threaded else ''}"


def _minor(candidate: Candidate) -> str:
    return ".".join(map(str, candidate.version[:2]))


def _python_line(name: str, candidate: Candidate, home: str) -> str:
    path = shortened(candidate.link, home).replace("\\", "\\\\").replace('"', '\\"')
    if candidate.stable:
        return f'"{name}" = "{path}"\n'
    return f'# "{name}" = "{path}"   # names one patch release\n'
