"""Declare environments that are there already, and write the manifest to begin with. No environment is touched."""

import contextlib
import os
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from unicodedata import category

from envsync.apply.declare import edit
from envsync.manifest import load
from envsync.manifest.edit import Entry, with_entries
from envsync.manifest.find import absolute, current_directory
from envsync.manifest.paths import is_literal
from envsync.model.dataclass import dataclass
from envsync.model.desired import Manifest
from envsync.model.edits import Adopted, Declaration, LeftOut, Written
from envsync.model.environment import FoundEnvironment, library_name
from envsync.model.links import Chain, EndKind
from envsync.model.problems import EnvsyncError, Problem, UsageError
from envsync.model.world import Directory
from envsync.observe.directory import StagingFinder, read_directory
from envsync.observe.discover import discover, install_roots, tree_named, version_manager_of
from envsync.observe.links import walk
from envsync.observe.owners import Owners
from envsync.observe.packages import read_installed
from envsync.observe.rights import refuse_as_root
from envsync.observe.search import environment_behind, search
from envsync.observe.unsafe import UnsafePlaces
from envsync.plan.adopt import Recorded, entries_for, frozen, request_for, stable_link, template
from envsync.plan.undeclared import undeclared
from envsync.plan.unowned import listed, unowned_at_top
from envsync.write.user_files import new_manifest, take_back_manifest


@dataclass(frozen=True, slots=True)
class Choices:
    """What to look at and to record."""

    cross: bool = False
    """Whether to look into other file systems too."""
    freeze: bool = False
    """Whether to record the packages that were asked for by name."""
    versions: bool = False
    """Whether to record them at the versions that are installed."""
    dry_run: bool = False
    """Whether to write nothing."""


def write_first(file: str) -> Written:
    """Write a manifest with the interpreters of this machine, where none is. Raises ``EnvsyncError``."""
    _write_first(walk(file))
    return Written(file)


def _write_first(chain: Chain) -> bytes:
    file = chain.start
    if chain.reason:
        raise EnvsyncError(_unwritten(file, chain.reason))
    if chain.kind is not EndKind.MISSING:
        hint = "Nothing was written. Change it: envsync edit; or write another: envsync init --file PATH"
        raise EnvsyncError(Problem("manifest-exists", f"{file} is there already", hint))
    refuse_as_root(chain.to_make[0] if chain.to_make else chain.end)
    content = _first_text().encode()
    try:
        new_manifest(chain.end, chain.to_make, content)
    except OSError as error:
        raise EnvsyncError(_unwritten(file, error.strerror)) from error
    return content


def _first_text() -> str:
    return template(discover().candidates, _home())


def draft(file: str) -> Manifest:
    """Return the manifest that :func:`first` would write; nothing is written."""
    return load(file, texts={file: _first_text()})


@contextlib.contextmanager
def first(file: str, directories: Iterable[str]) -> Iterator[Manifest]:
    """Write the manifest to begin with where none is; it does not stay where the block fails to declare anything.

    Raises ``UsageError`` for a directory that is not there, before anything is written, and ``EnvsyncError``.
    """
    for path in directories:
        _directory(path)
    chain = walk(file)
    content = _write_first(chain)
    try:
        yield load(file)
    except BaseException:
        with contextlib.suppress(OSError):  # somebody else uses it by now
            take_back_manifest(chain.end, chain.to_make, content)
        raise


def adopt(manifest: Manifest, directories: Iterable[str], choices: Choices) -> Adopted:
    """Declare the environments below some directories that are not declared yet, as far as a manifest can.

    A directory may be relative, begin with ``~``, or be a file that names an environment (PEP 832). Raises
    ``UsageError`` for one that is not there, ``EnvsyncError`` or ``ManifestError`` where the manifest cannot be
    changed.
    """
    return declare_found(manifest, find_undeclared(manifest, directories, choices))


@dataclass(frozen=True, slots=True)
class Undeclared:
    """What is to be declared, and what is said of it then."""

    entries: tuple[Entry, ...]
    adopted: Adopted


def declare_found(manifest: Manifest, found: Undeclared) -> Adopted:
    """Declare what was found, unless that is nothing or nothing is to be written. Raises as :func:`adopt` does."""
    if found.adopted.changed:
        edit(manifest, manifest.file, lambda text: with_entries(text, found.entries))
    return found.adopted


def find_undeclared(manifest: Manifest, directories: Iterable[str], choices: Choices) -> Undeclared:
    """Return the environments below some directories that are not declared yet. Raises as :func:`adopt` does."""
    if choices.versions and not choices.freeze:
        raise UsageError(Problem("usage", "--versions goes with --freeze", "Nothing was changed."))
    found = search([_directory(path) for path in directories], cross=choices.cross)
    ends = {os.path.realpath(place) for one in manifest.environments for place in (one.path, one.target or one.path)}
    new = [one for one in found if one.end not in ends]
    finder = StagingFinder(manifest.state_dir)
    owners = Owners(manifest)
    unfit = {one.end: reason for one in new if (reason := _unfit(one, manifest, finder, owners))}
    fit = [replace(one, python_name=python_name(one, manifest)) for one in new if one.end not in unfit]
    recorded = {one.end: _recorded(one, choices) for one in fit}
    names = {*(one.name for one in manifest.environments), *manifest.elsewhere}
    entries = entries_for(fit, names, _home(), manifest.state_dir, recorded)
    if "target" in manifest.default_places:
        entries = [_without_default_target(one) for one in entries]
    changed = bool(entries) and not choices.dry_run
    declared = (
        Declaration(
            entry.name,
            entry.values,
            recorded[one.end].undeclared,
            recorded[one.end].left_out,
            stable_link(one, manifest.pythons),
        )
        for entry, one in zip(entries, fit, strict=True)
    )
    skipped = tuple(unfit[one.end] for one in new if one.end in unfit)
    return Undeclared(tuple(entries), Adopted(manifest.file, tuple(declared), skipped, len(found) - len(new), changed))


def _without_default_target(entry: Entry) -> Entry:
    """Return the entry of an environment in a directory with no target, where ``[defaults]`` has one for all."""
    path, *more = entry.values
    return entry if "target" in dict(more) else replace(entry, values=(path, ("target", ""), *more))


def _directory(path: str) -> str:
    directory = absolute(os.path.expanduser(path), current_directory())
    if os.path.isfile(directory):
        directory = next(environment_behind(directory), directory)
    if not path or not os.path.isdir(directory):
        raise UsageError(Problem("usage", f"{path or repr(path)} is not a directory", "Name directories to search."))
    return directory


def _unwritten(file: str, reason: str | None) -> Problem:
    return Problem("edit-failed", f"{file}: {reason}", "Nothing was written.")


def _home() -> str:
    return os.path.expanduser("~")


def _unfit(one: FoundEnvironment, manifest: Manifest, finder: StagingFinder, owners: Owners) -> LeftOut | None:
    """Return why an environment is not declared as it is; ``None`` where it may be."""
    path = one.paths[0]
    if not _is_expressible(one, manifest.state_dir):
        return LeftOut(path, "inexpressible", "no manifest can say what it is called or what it shows")
    owner = owners.of(one)
    if owner is not None:
        return owner
    directory = read_directory(walk(one.end), path, UnsafePlaces(manifest.file), finder)
    if directory.unsafe:
        return LeftOut(path, "unsafe-path", directory.unsafe)
    beside = _beside(directory)
    return LeftOut(path, "unowned-files", beside) if beside else None


def python_name(one: FoundEnvironment, manifest: Manifest) -> str | None:
    """Return the name in ``[pythons]`` of the Python that an environment uses, its own link's before others'.

    A name that would follow to another minor version is none, unless its link is the environment's own; nor has a link
    that a person leads elsewhere another name than its own. Where there is none for a patch release that a version
    manager installed, it is the version request that stays with it.
    """
    own, minor = (one.link, one.python), library_name(one.libraries[0]).rstrip("td") if one.libraries else ""
    usable = one.python is not None and one.works and not _is_led_elsewhere(one.link or "")
    real = os.path.realpath(one.python) if one.python is not None and usable else None
    fit = [
        (link != one.link, link != one.python, os.path.dirname(link) != os.path.dirname(one.python or ""), name)
        for name, link in manifest.pythons
        if link in own
        or (real is not None and minor and minor in link and os.path.realpath(link) == real and _lasts(link, one.link))
    ]
    return min(fit)[-1] if fit else _request(one, dict(manifest.pythons))


def _lasts(link: str, former: str | None) -> bool:
    """Check whether a link follows patch upgrades where the former one may."""
    return not _is_patch_path(link) or _is_patch_path(former or "")


def _is_patch_path(link: str) -> bool:
    manager = version_manager_of(link)
    return manager is not None and not manager.stable


def _is_led_elsewhere(link: str) -> bool:
    """Check whether a link to an interpreter is a person's: it leads to another directory, and no tool made it."""
    leads_elsewhere = os.path.islink(link) and os.path.dirname(os.readlink(link)) not in {"", os.path.dirname(link)}
    return leads_elsewhere and version_manager_of(link) is None


def _request(one: FoundEnvironment, names: Container[str]) -> str | None:
    tree = os.path.dirname(os.path.dirname(one.link or ""))
    roots = {os.path.realpath(root.directory) for root in install_roots()}
    if not one.works or one.python != one.link or os.path.realpath(os.path.dirname(tree)) not in roots:
        return None
    candidate = tree_named(os.path.basename(tree), tree)
    if candidate is None or candidate.stable or not candidate.final or not candidate.version:
        return None
    request = request_for(candidate)
    return None if request in names else request


def _beside(directory: Directory) -> str:
    """Name the unowned files in an environment's directory that a rebuild could not exchange; empty if none."""
    if directory.environment is None or not directory.environment.contents.others:
        return ""
    end = directory.chain.end
    try:
        mine = unowned_at_top(end, read_installed(end, directory.environment.libraries, unowned=True))
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    return (
        f"it holds files that are not the environment's: {listed(mine)}; give it a directory of its own" if mine else ""
    )


def _is_expressible(one: FoundEnvironment, state_dir: str) -> bool:
    """Check whether a manifest could say all of it, and would mean the same."""
    texts = [*one.paths, *([one.text] if one.text else []), *([one.python] if one.python else [])]
    return (
        all(text.startswith("/") and is_literal(text) for text in texts)
        and not any(":" in path for path in one.paths)
        and one.text != state_dir
        and not any(category(sign) in {"Cc", "Cs", "Zl", "Zp"} for sign in one.prompt or "")
    )


def _recorded(one: FoundEnvironment, choices: Choices) -> Recorded:
    try:
        installed = read_installed(one.end, one.libraries)
    except OSError as error:
        if not choices.freeze:
            return Recorded()
        raise EnvsyncError(Problem("not-readable", f"{one.end}: {error.strerror}", "Leave out --freeze.")) from error
    if not choices.freeze:
        return Recorded(undeclared=undeclared(installed.distributions, ()))
    return frozen(installed, tuple(_projects_above(one.paths[0])), versions=choices.versions)


def _projects_above(path: str) -> Iterator[str]:
    """Return the directories of projects that an environment lies in."""
    directory = os.path.realpath(os.path.dirname(path))
    while len(directory) > 1:
        if os.path.isfile(f"{directory}/pyproject.toml") and is_literal(directory):
            yield directory
        directory = os.path.dirname(directory)
