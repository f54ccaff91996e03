"""Load a whole manifest: files gathered, validated table by table, and built; all problems at once."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace

import platformdirs

from envsync.manifest.aliases import AliasPattern
from envsync.manifest.document import Document, Gathering
from envsync.manifest.find import absolute, current_directory
from envsync.manifest.paths import Recorder, full_path
from envsync.manifest.pythons import Bundles, PathContext, Pythons
from envsync.manifest.tables import ManifestTable
from envsync.manifest.validate import (
    MOST_PROBLEMS,
    Values,
    applies,
    environment,
    environment_values,
    resolved,
    settings,
    written,
)
from envsync.manifest.wording import Unfit, escaped, quoted
from envsync.model.dataclass import dataclass
from envsync.model.desired import Environment, Manifest, PythonPath, PythonRequest, Source
from envsync.model.problems import ManifestError, Problem
from envsync.model.system import PLATFORM

_NAMED = {"envs": "the environment", "pythons": "the interpreter", "bundles": "the bundle"}


def names(documents: Sequence[Document]) -> Iterator[Problem]:
    """Environments, interpreters and bundles that two files declare (within one, TOML itself forbids it)."""
    for table, kind in _NAMED.items():
        first: dict[str, Document] = {}
        for document in documents:
            entries = document.table.get(table)
            for name in entries if isinstance(entries, dict) else ():
                if (other := first.setdefault(name, document)) is not document:
                    message = f"{kind} {quoted(name)} is declared in {_place(other, table, name)} already"
                    message += f", and again in {_place(document, table, name)}"
                    yield document.problem("manifest-duplicate", message, (table, name), "rename one of them")


def commands(environments: Sequence[Environment], documents: Sequence[Document]) -> Iterator[Problem]:
    """Links that one environment exposes twice; ``documents`` are those of the ``environments``, one by one."""
    for one, document in zip(environments, documents, strict=True):
        links = [each.link for each in one.expose]
        for exposed in (each for at, each in enumerate(one.expose) if each.link in links[:at]):
            message = f"{quoted(exposed.link)} is exposed twice"
            hint = f'expose it under another name: "{escaped(exposed.command)}:NAME"'
            yield document.problem("manifest-duplicate", message, ("envs", one.name, "expose"), hint)


def _place(document: Document, table: str, name: str) -> str:
    found = document.find((table, name))
    return escaped(document.file) + (f":{found[0]}" if found else "")


_NONE: Mapping[str, str] = {}
_NO_VALUES: Values = {}
_BIN_DIR = "~/.local/bin"


@dataclass(frozen=True, slots=True)
class _Machine:
    hostname: str
    platform: str


@dataclass(slots=True)
class _Found:
    """What validation leaves: the main table where it is sound, and the sound environments."""

    top: ManifestTable | None = None
    here: list[Environment] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    """Where each of ``here`` is declared."""
    patterns: list[list[AliasPattern]] = field(default_factory=list)
    """The aliases of each of ``here`` that have globs."""
    elsewhere: list[str] = field(default_factory=list)
    pythons: tuple[tuple[str, str], ...] = ()
    defaults: Values = field(default_factory=dict)
    """Of the main table."""


def load(
    file: str, *, hostname: str | None = None, platform: str | None = None, texts: Mapping[str, str] = _NONE
) -> Manifest:
    """Return what the manifest ``file`` and its includes say for this host.

    ``texts`` holds what some of the files, by their paths as opened, are taken to say instead. Raises ManifestError
    with every problem found in all of them.
    """
    recorder = Recorder()
    gathering = Gathering(recorder, texts)
    gathering.add(_opened(file))
    documents, problems = gathering.documents, gathering.problems
    if not documents:
        raise ManifestError(tuple(problems), recorder.inputs())
    problems.extend(names(documents))
    state_dir = _state_dir(documents[0], recorder)
    bin_dir = _bin_dir(documents[0], recorder, problems)
    machine = _Machine(hostname or os.uname().nodename, platform or PLATFORM)
    found = _validated(gathering, state_dir, bin_dir, recorder, machine)
    problems.extend(commands(found.here, found.documents))
    problems.extend(_expand_aliases(found, recorder))
    if problems or found.top is None:
        raise ManifestError(_in_order(problems, documents), recorder.inputs())
    return Manifest(
        file=documents[0].file,
        state_dir=state_dir,
        bin_dir=bin_dir,
        environments=tuple(found.here),
        keep=found.top.keep,
        builders=tuple(found.top.builder.split("|")),
        installer=found.top.installer,
        elsewhere=tuple(found.elsewhere),
        default_places=tuple(key for key in ("path", "target") if key in found.defaults),
        pythons=found.pythons,
        on_event=tuple(found.top.on_event),
        inputs=recorder.inputs(),
        sources=tuple(Source(one.file, one.owner, _digest(one.text)) for one in documents),
    )


def declared_in(file: str, name: str) -> str | None:
    """Return which file, the manifest ``file`` or one that it includes, declares an environment; None if none does."""
    gathering = Gathering(Recorder())
    gathering.add(_opened(file))
    for document in gathering.documents:
        table = document.table.get("envs")
        if isinstance(table, dict) and name in table:
            return document.file
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _opened(file: str) -> str:
    """Return the absolute path of the manifest, as it will be opened."""
    try:
        return absolute(file, file if file.startswith("/") else current_directory())
    except OSError:
        message = "is a relative path, and the current directory no longer exists"
        problem = Problem("manifest-missing", message, "", file)
        raise ManifestError((problem,)) from None


def _state_dir(main: Document, recorder: Recorder) -> str:
    default = f"{platformdirs.user_state_dir('envsync', appauthor=False)}/envs"
    return _directory(main, "state-dir", recorder) or absolute(default, "/")


def _bin_dir(main: Document, recorder: Recorder, problems: list[Problem]) -> str:
    try:
        return _directory(main, "bin-dir", recorder) or full_path(_BIN_DIR, main.directory, recorder)
    except Unfit as unfit:
        problems.append(main.problem("manifest-value", unfit.message, ("bin-dir",), unfit.hint))
        return main.directory


def _directory(main: Document, key: str, recorder: Recorder) -> str | None:
    """Return a directory among the settings, ahead of their validation: relative targets need it."""
    text = main.table.get(key)
    try:
        return full_path(text, main.directory, recorder) if isinstance(text, str) else None
    except Unfit:
        # Validation tells of it.
        return "/"


def _validated(gathering: Gathering, state_dir: str, bin_dir: str, recorder: Recorder, machine: _Machine) -> _Found:
    """Validate every document, and build each environment at once: raw tables take much memory."""
    names = _named_pythons(gathering.documents, recorder)
    bundles = Bundles(_bundles(gathering.documents), gathering.complete)
    found = _Found(pythons=tuple((name, one.path) for name, one in names.items() if isinstance(one, PythonPath)))
    defaults: dict[int, Values] = {}
    hidden = False  # whether the paths of faulty defaults are unknown
    for document in gathering.documents:
        pythons = Pythons(document.directory, recorder, names, complete=gathering.complete)
        scope = PathContext(document.directory, state_dir, bin_dir, pythons, recorder, bundles)
        table = settings(document, scope, gathering.problems)
        common = {**defaults.get(id(document.parent), _NO_VALUES), **(written(table.defaults) if table else {})}
        if document.parent is None:
            found.top, found.defaults = table, common
        defaults[id(document)] = common
        raw = document.table.get("defaults")
        hidden = hidden or (table is None and isinstance(raw, dict) and "path" in raw)
        for name, own in environment_values(document, scope, gathering.problems):
            merged = {**common, **own}
            if "path" not in merged and hidden:
                continue
            values = resolved(document, name, merged, gathering.problems)
            if values is None:
                continue
            gathering.problems.extend(_without_project(document, name, own, values))
            if applies(values, machine.hostname, machine.platform):
                found.patterns.append([one for one in values.get("aliases", ()) if isinstance(one, AliasPattern)])
                found.here.append(environment(name, values, bundles))
                found.documents.append(document)
            else:
                found.elsewhere.append(name)
    return found


def _expand_aliases(found: _Found, recorder: Recorder) -> Iterator[Problem]:
    """Add the aliases that globs mean, except where an environment is declared; yield what is wrong with them."""
    taken = {place for one in found.here for place in (one.path, one.target, *one.aliases) if place is not None}
    for at, patterns in enumerate(found.patterns):
        for pattern in patterns:
            one, document = found.here[at], found.documents[at]
            try:
                links = tuple(pattern.links(recorder, taken))
            except Unfit as unfit:
                yield document.problem("manifest-value", unfit.message, ("envs", one.name, "aliases"), unfit.hint)
                continue
            found.here[at] = replace(one, aliases=tuple(dict.fromkeys((*one.aliases, *links))))


def _without_project(document: Document, name: str, own: Values, values: Values) -> Iterator[Problem]:
    """Yield of an environment's keys that say something of a project, where it has none."""
    for key in ("groups", "extras"):
        if own.get(key) and not values.get("project"):
            hint = "they are the project's: name its directory, or leave them out"
            yield document.problem("manifest-value", "needs `project`", ("envs", name, key), hint)


def _named_pythons(documents: list[Document], recorder: Recorder) -> dict[str, PythonRequest | None]:
    """Return what each name in any ``[pythons]`` stands for; None where validation will object to it."""
    names: dict[str, PythonRequest | None] = {}
    for document in documents:
        pythons = Pythons(document.directory, recorder, {}, complete=True)
        table = document.table.get("pythons")
        for name, text in table.items() if isinstance(table, dict) else ():
            try:
                value = pythons.value(text) if isinstance(text, str) else None
            except Unfit:
                value = None
            names.setdefault(name, value)
    return names


def _bundles(documents: list[Document]) -> dict[str, tuple[str, ...]]:
    """Return the packages of each bundle in any file, as far as they are text; validation objects to others."""
    found: dict[str, tuple[str, ...]] = {}
    for document in documents:
        table = document.table.get("bundles")
        for name, packages in table.items() if isinstance(table, dict) else ():
            items = packages if isinstance(packages, list) else ()
            found.setdefault(name, tuple(one for one in items if isinstance(one, str)))
    return found


def _in_order(problems: list[Problem], documents: list[Document]) -> tuple[Problem, ...]:
    """Problems as one reads the files, from top to bottom; a flood of them is cut."""
    ranks: dict[str | None, int] = {document.file: rank for rank, document in enumerate(documents)}
    ordered = sorted(problems, key=lambda one: (ranks.get(one.file, len(ranks)), one.line or 0, one.column or 0))
    if len(ordered) <= MOST_PROBLEMS:
        return tuple(ordered)
    more = Problem("manifest-value", f"and more; these are the first {MOST_PROBLEMS} problems", file=documents[0].file)
    return (*ordered[:MOST_PROBLEMS], more)
