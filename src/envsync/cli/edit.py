"""The commands that write the manifest; none of them touches an environment."""

import contextlib
import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from envsync.apply.declare import add, remove
from envsync.cli import signals
from envsync.cli.consent import opened
from envsync.cli.options import Options
from envsync.cli.result import DONE, Result, Verdict
from envsync.manifest import load
from envsync.manifest.find import NAMED, SET, current_directory, find, of_user
from envsync.model.edits import Added, Adopted, Declaration, LeftOut, Removed, Written
from envsync.model.problems import EnvsyncError, ManifestError
from envsync.model.system import VARIABLES
from envsync.observe.trust import record_for
from envsync.report.terminal import abbreviate_home, escape, tilde
from envsync.write.user_files import record_trust

if TYPE_CHECKING:
    from envsync.model.desired import Manifest
    from envsync.report.terminal import Paint

_USUAL = ("src", "code", "projects", "Projects", "dev", "Developer", "work", "repos", "git")
"""Directories below the home directory in which people keep projects."""
_SHOWN = 3
_LOOKING = "looking for interpreters"
"""What takes time where a first manifest is written."""


def _init(options: Options) -> Result:
    from envsync.apply.adopt import write_first  # noqa: PLC0415  # loads what looks for interpreters
    from envsync.cli.progress import display  # noqa: PLC0415

    with display(options, _LOOKING):
        written = write_first(_own_file(options))
    if find(options.file)[1] in {NAMED, SET}:  # it may be found there later
        with contextlib.suppress(OSError):  # then the user has to trust it
            record_trust(record_for(load(written.manifest)))
    where = next((f"~/{name}" for name in _USUAL if os.path.isdir(os.path.expanduser(f"~/{name}"))), "~")
    return _result(written, [f"wrote {written.manifest}", f"Next: envsync import {where}"])


def _import(options: Options) -> Result:
    from envsync.apply.adopt import Choices, declare_found, find_undeclared  # noqa: PLC0415  # loads much
    from envsync.cli.progress import display  # noqa: PLC0415

    choices = Choices(options.cross, options.freeze, options.versions, options.dry_run)
    paths = options.paths or (".",)
    with _manifest(options, paths) as (manifest, lines), display(options, f"searching {', '.join(map(tilde, paths))}"):
        found = find_undeclared(manifest, paths, choices)
        adopted, interrupted = signals.completed(lambda: declare_found(manifest, found))
    verb = "would declare" if options.dry_run else "declared"
    lines += [line for one in adopted.declared for line in _declared_lines(verb, one, options)]
    lines += _left_out_lines(adopted.skipped)
    lines.append(f"{len(adopted.declared)} new, {adopted.known} declared already")
    if adopted.changed:
        lines.append("Next: envsync plan, then envsync apply")
    elif not (adopted.known or adopted.declared or interrupted):
        lines.append("Next: envsync import PATH for another place, or envsync add in a project")
    result = _result(adopted, lines)
    return replace(result, verdict=replace(result.verdict, exit_code=interrupted))


@contextlib.contextmanager
def _manifest(options: Options, directories: Iterable[str] = ()) -> "Iterator[tuple[Manifest, list[str]]]":
    """Yield the manifest to write in, and what to say of it: a first one is written where there is none."""
    if _has_manifest(options):
        yield opened(options).manifest, []
        return
    from envsync.apply.adopt import draft, first  # noqa: PLC0415  # loads what looks for interpreters
    from envsync.cli.progress import display  # noqa: PLC0415

    if options.dry_run:
        yield draft(file := _own_file(options)), [f"would write {file}"]
        return
    with display(options, _LOOKING), first(_own_file(options), directories) as manifest:
        yield manifest, [f"wrote {manifest.file}"]


def _has_manifest(options: Options) -> bool:
    """Check whether a manifest was named, or one is found."""
    try:
        find(options.file)
    except ManifestError:
        return options.file is not None
    return True


def _left_out_lines(skipped: Iterable[LeftOut]) -> Iterator[str]:
    """Yield what is not declared, with one line for each reason."""
    reasons: dict[str, list[str]] = {}
    for one in skipped:
        reasons.setdefault(one.reason, []).append(one.path)
    for reason, paths in reasons.items():
        more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
        yield f"left out {', '.join(paths[:_SHOWN])}{more}: {reason}"


def _add(options: Options) -> Result:
    with _manifest(options) as (manifest, lines):
        added, reasons = _added(manifest, options)
    name, path = added.declared.name, dict(added.declared.values).get("path")
    lines += [f"declared {name} in {added.manifest}", *([f"  path: {path}"] if path else [])]
    lines += [f"  {reason}" for reason in reasons]
    return _result(added, [*lines, f"Next: envsync apply {shlex.quote(name)}"])


def _added(manifest: "Manifest", options: Options) -> tuple[Added, tuple[str, ...]]:
    """Declare an environment; return what was declared, and why so."""
    name, given = next(iter(options.names), None), dict(options.values)
    if name is not None and "path" in {*given, *manifest.default_places}:
        return add(manifest, name, given), ()
    from envsync.apply.project import suggested  # noqa: PLC0415  # loads what looks for environments

    found = suggested(manifest, current_directory(), given)
    return add(manifest, found.name if name is None else name, dict(found.values) | given), found.reasons


def _remove(options: Options) -> Result:
    from envsync.manifest.selection import selected  # noqa: PLC0415  # `add` loads little

    manifest = opened(options).manifest
    removed: list[Removed] = []
    for name in selected(manifest, options.names, elsewhere=True):
        removed.append(remove(load(manifest.file) if removed else manifest, name))
    lines = [f"{one.name} is no longer declared in {one.file}; nothing else was removed" for one in removed]
    left = [path for one in removed for path in one.left]
    pruned = _pruned(manifest.file, options) if left else frozenset()
    lines += [f"left: {path}{' (envsync prune removes it)' if path in pruned else ''}" for path in left]
    result = _result(removed[0], lines)
    each = [entry for one in removed for entry in one.to_dict()["no_longer_declared"]]
    return replace(result, more={**result.more, "no_longer_declared": each})


def _pruned(file: str, options: Options) -> frozenset[str]:
    """Return the places that ``prune`` would remove now; none where that is not known."""
    from envsync.apply.prune import find_removals  # noqa: PLC0415  # `add` loads little
    from envsync.cli.session import settings_of  # noqa: PLC0415

    with contextlib.suppress(EnvsyncError, ManifestError, OSError):
        found = find_removals(load(file), settings_of(options)).removals
        return frozenset(one.place for one in found if not one.kept_because)
    return frozenset()


COMMANDS = {"init": _init, "import": _import, "add": _add, "remove": _remove}


def _own_file(options: Options) -> str:
    """Return where a new manifest belongs: where it is named, else in the user's configuration directory."""
    named = options.file is not None or VARIABLES.get("ENVSYNC_FILE")
    return find(options.file)[0] if named else of_user()


def _declared_lines(verb: str, one: Declaration, options: Options) -> Iterator[str]:
    from envsync.plan.undeclared import undeclared_line  # noqa: PLC0415  # only here

    values = dict(one.values)
    yield f"{verb} {one.name}: {values['path']}"
    if one.stable_link is not None:
        found, declared = one.stable_link
        yield f"  python: {declared}, which survives patch upgrades, instead of {found}: the same Python"
    if options.freeze and values.get("packages"):
        yield f"  packages: {', '.join(values['packages'])}"
    if options.freeze and values.get("project"):
        yield f"  project: {values['project']}"
    if one.undeclared:
        yield f"  {undeclared_line(one.undeclared)}"
    yield from (f"  left out: {reason}" for reason in one.left_out)


def _result(done: Written | Added | Removed | Adopted, lines: Iterable[str]) -> Result:
    def show(_: "Paint") -> list[str]:
        return [abbreviate_home(escape(line)) for line in shown]

    shown, document = list(lines), done.to_dict()
    return Result(done.manifest, Verdict(document["status"], DONE), (), show, more=document)
