"""Turn what the manifest's package keys declare into calls of an installer, without a judgement of its own."""

import os
from collections.abc import Iterator
from dataclasses import replace

from envsync.formats.installers import INSTALLERS
from envsync.model.desired import Packages
from envsync.model.interpreter import Facts
from envsync.model.packages import Call, Declared, Project
from envsync.observe.backends import choose_installer
from envsync.observe.declared_files import Reading, misleading_settings, real
from envsync.observe.direct import direct_names
from envsync.observe.local_paths import local_of
from envsync.observe.lock_files import Calls, pylock_calls
from envsync.observe.projects import metadata_files, project_calls
from envsync.observe.requirements import Requirements, is_lock, read_requirements


def read_declared(packages: Packages, facts: Facts, *, wanted: str, there: tuple[str, ...]) -> Declared:
    """Read all that the package keys name, for an environment's Python; nothing is run.

    ``wanted`` is the manifest's ``installer``, ``there`` the names of the installers that are there, the preferred
    one first. What is wrong with the declarations is among the result's ``problems``.
    """
    reading = Reading()
    files = [_read_file(file, packages, reading) for file in packages.requirements if not is_lock(file)]
    limits = [_read_file(file, packages, reading, constraint=True) for file in packages.constraints]
    directory = packages.project or next((os.path.dirname(one.file) for one in files), "/")
    homes = list(dict.fromkeys(one.home for one in (*files, *limits) if one.home)) or [directory]
    everything = [*files, *limits, _listed(packages.packages, homes[0])]
    installer = INSTALLERS[_installer(wanted, there, facts, everything, reading)]
    project = project_calls(packages, facts, reading, installer)
    locks = [file for file in packages.requirements if is_lock(file)]
    first = [project, *(pylock_calls(file, Packages(), facts, reading, installer) for file in locks)]
    projects = [found for one in first for found in one.projects]
    projects += [found for one in everything for found in _projects(one, one.home or directory, reading)]
    built = [one.path for one in projects] + ([packages.project] if packages.project else [])
    metadata = [file for path in dict.fromkeys(built) for file in metadata_files(path, reading)]
    ends = [text for one in limits for text in ("-c", one.file)]
    ends += installer.restated([one for file in everything for one in file.index])
    later = tuple(_calls([*packages.packages, *project.arguments], files, homes, ends))
    if installer.reads_projects and later:
        for file, what in misleading_settings(later[0].directory, reading):
            reading.refuse(file, f'{what} would overrule the manifest; take it out, or set `installer` to "pip"')
    return Declared(
        installer=installer.name,
        calls=(*(call for one in first for call in one.calls), *later),
        index=tuple(dict.fromkeys(line for one in everything for line in one.index_lines(one.home or directory))),
        hashes=tuple(dict.fromkeys(line for one in files for line in one.hashes)),
        directory=directory,
        projects=tuple(dict.fromkeys(projects)),
        direct=frozenset(_direct(first, everything, directory)),
        digest=reading.digest(replace(packages, on_missing="", declared=())),
        metadata=reading.digest_of(metadata),
        files=tuple(reading.digests),
        variables=tuple(reading.variables),
        problems=tuple(reading.problems),
    )


def _listed(packages: tuple[str, ...], home: str) -> Requirements:
    local = [found for text in packages for found in local_of(text, "packages")]
    return Requirements("", local, [*packages], home)


def _direct(first: list[Calls], read: list[Requirements], directory: str) -> Iterator[str]:
    """Yield what is declared itself, as :attr:`Declared.direct` has it."""
    for calls in first:
        yield from calls.direct
    for one in read:
        yield from direct_names(one.direct, one.home or directory)


def _read_file(file: str, packages: Packages, reading: Reading, *, constraint: bool = False) -> Requirements:
    if os.path.basename(file) in {"pyproject.toml", "setup.cfg"} or file.endswith(".py"):
        reading.refuse(file, "it is no requirements file; name the directory of a project as `project`")
    elif constraint and is_lock(file):
        reading.refuse(file, "a lock cannot be a constraint; name it in `requirements`")
    else:
        found = read_requirements(file, reading, constraint=constraint)
        found.home = _home(found, packages.project, reading)
        return found
    return Requirements(file)


def _home(one: Requirements, project: str | None, reading: Reading) -> str:
    """Find the directory that the relative paths of a file are written for; nothing where it has none."""
    paths = [local for local in one.locals if not local.path.startswith("/")]
    own = os.path.dirname(one.file)
    above = [own]
    while above[-1] != os.path.dirname(above[-1]):
        above.append(os.path.dirname(above[-1]))
    mine = [project] if project else []
    for candidate in ([*mine, *above] if project in above else [*above, *mine]) if paths else ():
        if all(local.is_in(candidate) for local in paths):
            return candidate
    for local in [local for local in paths if not local.is_in(own)][:1]:
        what = "Python project" if local.kind == "directory" else "file"
        reason = f"there is no {what} {local.path} in {own} or any directory above it; correct the path"
        reading.refuse(local.place, reason)
        reading.count(os.path.join(own, local.path))
    return ""


def _installer(wanted: str, there: tuple[str, ...], facts: Facts, read: list[Requirements], reading: Reading) -> str:
    """Choose the installer, and note what the chosen one cannot do."""
    cannot = [one for file in read for one in file.unsupported]
    installer = choose_installer(wanted, there, facts, {name for name, _, _ in cannot})
    for name, place, what in cannot:
        if name == installer:
            choices = [*(other for other in INSTALLERS if other != installer), *(["auto"] if wanted != "auto" else [])]
            others = " or ".join(f'"{other}"' for other in choices)
            reading.refuse(place, f"{name} cannot do this: {what}; change it, or set `installer` to {others}")
    return installer


def _projects(one: Requirements, directory: str, reading: Reading) -> Iterator[Project]:
    """Let what lies on this machine count: archives by their content, directories as projects."""
    for local in one.locals:
        path = real(os.path.join(directory, local.path))
        if local.kind == "directory" or (local.kind == "archive" and os.path.isdir(path)):
            yield Project(path, local.editable)
        elif local.kind == "archive":
            reading.count(path)


def _calls(arguments: list[str], files: list[Requirements], homes: list[str], ends: list[str]) -> Iterator[Call]:
    """Yield the calls for all but locks, each in the directory that its paths are written for; most need just one."""
    for home in homes:
        words = [text for one in files if (one.home or homes[0]) == home for text in ("-r", one.file)]
        words = [*arguments, *words] if home == homes[0] else words
        if words:
            yield Call((*words, *ends), home)
