"""The commands that write the manifest; none of them touches an environment."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from envsync.apply.declare import add, remove
from envsync.cache.store import config_directory
from envsync.cli.consent import opened
from envsync.cli.options import Options
from envsync.cli.result import DONE, Result, Verdict
from envsync.manifest import load
from envsync.manifest.find import NAMED, SET, find
from envsync.model.edits import Added, Adopted, Declaration, Removed, Written
from envsync.model.system import VARIABLES
from envsync.observe.trust import record_for
from envsync.report.terminal import abbreviate_home, escape, tilde
from envsync.write.user_files import record_trust

if TYPE_CHECKING:
    from envsync.report.terminal import Paint


def _init(options: Options) -> Result:
    from envsync.apply.adopt import write_first  # noqa: PLC0415  # loads what looks for interpreters

    written = write_first(_own_file(options))
    if find(options.file)[1] in {NAMED, SET}:  # it may be found there later
        with contextlib.suppress(OSError):  # then the user has to trust it
            record_trust(record_for(load(written.manifest)))
    more = "declare what is there already: envsync import PATH; or: envsync add NAME --path PATH"
    return _result(written, [f"wrote {written.manifest}", more])


def _import(options: Options) -> Result:
    from envsync.apply.adopt import Choices, adopt  # noqa: PLC0415  # loads what looks for environments
    from envsync.cli.progress import display  # noqa: PLC0415

    choices = Choices(options.cross, options.freeze, options.versions, options.dry_run)
    manifest, paths = opened(options).manifest, options.paths or (".",)
    with display(options, f"searching {', '.join(map(tilde, paths))}"):
        adopted = adopt(manifest, paths, choices)
    verb = "would declare" if options.dry_run else "declared"
    lines = [line for one in adopted.declared for line in _declared_lines(verb, one)]
    lines += [f"left out {path}: {reason}" for path, reason in adopted.skipped]
    return _result(adopted, [*lines, f"{len(adopted.declared)} new, {adopted.known} declared already"])


def _add(options: Options) -> Result:
    added = add(opened(options).manifest, options.names[0], dict(options.values))
    return _result(added, [f"declared {added.declared.name} in {added.manifest}", "make it: envsync apply"])


def _remove(options: Options) -> Result:
    from envsync.manifest.selection import selected  # noqa: PLC0415  # `add` loads little

    manifest = opened(options).manifest
    removed: list[Removed] = []
    for name in selected(manifest, options.names, elsewhere=True):
        removed.append(remove(load(manifest.file) if removed else manifest, name))
    lines = [f"{one.name} is no longer declared in {one.file}; nothing else was removed" for one in removed]
    lines += [f"left: {path}" for one in removed for path in one.left]
    result = _result(removed[0], lines)
    each = [entry for one in removed for entry in one.to_dict()["no_longer_declared"]]
    return replace(result, more=result.more | {"no_longer_declared": each})


COMMANDS = {"init": _init, "import": _import, "add": _add, "remove": _remove}


def _own_file(options: Options) -> str:
    """Return where a new manifest belongs: where it is named, else in the user's configuration directory."""
    if options.file is not None or VARIABLES.get("ENVSYNC_FILE"):
        return find(options.file)[0]
    return f"{config_directory()}/envs.toml"


def _declared_lines(verb: str, one: Declaration) -> Iterator[str]:
    from envsync.plan.undeclared import undeclared_line  # noqa: PLC0415  # only here

    yield f"{verb} {one.name}: {dict(one.values)['path']}"
    if one.undeclared:
        yield f"  {undeclared_line(one.undeclared)}"
    yield from (f"  left out: {reason}" for reason in one.left_out)


def _result(done: Written | Added | Removed | Adopted, lines: Iterable[str]) -> Result:
    def show(_: "Paint") -> list[str]:
        return [abbreviate_home(escape(line)) for line in shown]

    shown, document = list(lines), done.to_dict()
    return Result(done.manifest, Verdict(document["status"], DONE), (), show, more=document)
