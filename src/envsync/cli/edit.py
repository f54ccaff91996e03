"""The commands that write the manifest; none of them touches an environment."""

import errno
import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any
from unicodedata import category

from envsync.cache.store import config_directory
from envsync.cli.consent import opened, renew, trust_written
from envsync.cli.options import Options
from envsync.cli.session import Result, check_names
from envsync.formats.shebang import launched
from envsync.manifest import declared_in, environment_keys, load
from envsync.manifest.edit import Entry, with_entries, without_entry
from envsync.manifest.find import absolute, current_directory, find
from envsync.manifest.paths import is_literal
from envsync.model.desired import Environment, Manifest
from envsync.model.environment import FoundEnvironment
from envsync.model.links import EndKind
from envsync.model.problems import EnvsyncError, ManifestError, Problem, UsageError
from envsync.model.system import VARIABLES
from envsync.model.world import Directory
from envsync.observe.directory import StagingFinder, read_directory
from envsync.observe.discover import discover
from envsync.observe.files import read_regular, read_text
from envsync.observe.links import walk
from envsync.observe.packages import read_installed
from envsync.observe.rights import refuse_as_root
from envsync.observe.search import environment_behind, marked_by, search, store_of
from envsync.plan.adopt import Recorded, adopt, frozen, shortened, template
from envsync.plan.explain import undeclared, undeclared_line
from envsync.plan.unowned import listed, unowned_at_top
from envsync.report.json import Verdict
from envsync.report.terminal import Paint, abbreviate_home, escape
from envsync.write.user_files import new_manifest, replace_manifest

if TYPE_CHECKING:
    from envsync.manifest.schema import Key

_LIMIT = 16 << 20


def _init(options: Options) -> Result:
    file = _own_file(options)
    chain = walk(file)
    if chain.reason:
        raise EnvsyncError(_unwritten(file, chain.reason))
    if chain.kind is not EndKind.MISSING:
        hint = "Nothing was written. Edit it, or write another: envsync init --file PATH"
        raise EnvsyncError(Problem("manifest-exists", f"{file} is there already", hint))
    refuse_as_root(chain.to_make[0] if chain.to_make else chain.end)
    try:
        new_manifest(chain.end, chain.to_make, template(discover().candidates, _home()).encode())
    except OSError as error:
        raise EnvsyncError(_unwritten(file, error.strerror)) from error
    trust_written(options, load(file))
    lines = [f"wrote {file}", "declare what is there already: envsync import PATH; or: envsync add NAME --path PATH"]
    return _result(file, lines, changed=True)


def _import(options: Options) -> Result:
    if options.versions and not options.freeze:
        raise UsageError(Problem("usage", "--versions goes with --freeze", "Nothing was changed."))
    manifest = opened(options).manifest
    file = manifest.file
    tops = [_directory(path) for path in options.paths or (".",)]
    found = search(tops, cross=options.cross)
    ends = {os.path.realpath(one.target or one.path) for one in manifest.environments}
    ends |= {os.path.realpath(one.path) for one in manifest.environments}
    new = [one for one in found if one.end not in ends]
    finder = StagingFinder(manifest.state_dir)
    unfit = {one.end: reason for one in new if (reason := _unfit(one, manifest, finder))}
    skipped = [one for one in new if one.end in unfit]
    names = {*(one.name for one in manifest.environments), *manifest.elsewhere}
    fit = [one for one in new if one.end not in unfit]
    recorded = {one.end: _recorded(one, options) for one in fit}
    entries = adopt(fit, names, _home(), manifest.state_dir, recorded)
    if entries and not options.dry_run:
        _edit(manifest, file, lambda text: with_entries(text, entries))
    verb = "would declare" if options.dry_run else "declared"
    packages = {entry.name: recorded[one.end] for entry, one in zip(entries, fit, strict=True)}
    lines = [line for entry in entries for line in _declared_lines(verb, entry, packages[entry.name])]
    lines += [f"left out {one.paths[0]}: {unfit[one.end]}" for one in skipped]
    lines.append(f"{len(entries)} new, {len(found) - len(new)} declared already")
    more: dict[str, Any] = {"declared": [{"name": entry.name, **dict(entry.values)} for entry in entries]}
    more["skipped"] = [one.paths[0] for one in skipped]
    more["undeclared"] = {name: list(its.undeclared) for name, its in packages.items()}
    more["left_out"] = {name: list(its.left_out) for name, its in packages.items()}
    return _result(file, lines, changed=bool(entries) and not options.dry_run, more=more)


def _add(options: Options) -> Result:
    manifest = opened(options).manifest
    file = manifest.file
    name = options.names[0]
    if name in {*(one.name for one in manifest.environments), *manifest.elsewhere}:
        raise UsageError(Problem("name-taken", f"an environment is called {name} already", "Choose another name."))
    given = dict(options.values)
    if "path" not in given:
        hint = f"envsync add {shlex.quote(name)} --path PATH"
        raise UsageError(Problem("usage", "--path says where people and tools find it", hint))
    values = ((key.name, _value(key, given[key.name])) for key in environment_keys() if key.name in given)
    entry = Entry(name, tuple(values))
    _edit(manifest, file, lambda text: with_entries(text, [entry]), partial(_refuse_taken, name))
    more = {"declared": [{"name": name, **dict(entry.values)}]}
    return _result(file, [f"declared {name} in {file}", "make it: envsync apply"], changed=True, more=more)


def _remove(options: Options) -> Result:
    manifest = opened(options).manifest
    file = manifest.file
    name = options.names[0]
    if name not in manifest.elsewhere:
        check_names(manifest, (name,))
    place = declared_in(file, name) or file
    _edit(manifest, place, lambda text: without_entry(text, name))
    gone = next((one for one in manifest.environments if one.name == name), None)
    left = _left(gone) if gone else []
    lines = [f"{name} is declared no more in {place}; nothing else was removed", *(f"left: {one}" for one in left)]
    return _result(file, lines, changed=True, more={"removed": name, "left": left})


COMMANDS = {"init": _init, "import": _import, "add": _add, "remove": _remove}


def _refuse_taken(name: str, manifest: Manifest) -> None:
    """Refuse an environment whose path is another one's: from then on neither would be looked after."""
    new = [one for one in manifest.environments if one.name == name]
    for other in manifest.environments:
        if other.name != name and any(one.path in {other.path, *other.aliases} for one in new):
            hint = "Choose another path; for a second way to the same environment, use `aliases`."
            raise UsageError(Problem("path-shared", f"{new[0].path} belongs to the environment {other.name}", hint))


def _edit(
    main: Manifest, file: str, change: Callable[[str], str], check: Callable[[Manifest], None] = lambda _: None
) -> None:
    """Change a file, a manifest or one that it includes, if the manifest as a whole is good with it."""
    former = read_regular(os.path.realpath(file), _LIMIT) or b""
    text = change(former.decode("utf-8", "surrogateescape"))
    content = _encoded(text)
    try:
        candidate = load(main.file, texts={file: text})
        check(candidate)
    except ManifestError as error:
        raise ManifestError(tuple(_as_candidate(problem) for problem in error.problems)) from error
    try:
        replace_manifest(file, former, content)
    except OSError as error:
        hint = "Nothing was changed. Try again." if error.errno == errno.ESTALE else "Nothing was changed."
        raise EnvsyncError(Problem("edit-failed", f"{file}: {error.strerror}", hint)) from error
    renew(main, candidate)


def _directory(path: str) -> str:
    directory = absolute(os.path.expanduser(path), current_directory())
    if os.path.isfile(directory):
        directory = next(environment_behind(directory), directory)
    if not path or not os.path.isdir(directory):
        raise UsageError(
            Problem("usage", f"{path or repr(path)} is no directory", "Name the directories to look into.")
        )
    return directory


def _unwritten(file: str, reason: str | None) -> Problem:
    return Problem("edit-failed", f"{file}: {reason}", "Nothing was written.")


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        message = "what is not UTF-8 cannot be written in a manifest"
        raise UsageError(Problem("usage", message, "Nothing was changed. Rename the file or directory.")) from None


def _as_candidate(problem: Problem) -> Problem:
    """Give a problem without the line: what would stand there was not written."""
    message = f"with that, {problem.key or problem.file}: {problem.message}"
    return Problem(problem.code, message, problem.hint or "Nothing was changed.", key=None)


def _own_file(options: Options) -> str:
    """Give where a new manifest belongs: where it is named, else in the user's configuration directory."""
    if options.file is not None or VARIABLES.get("ENVSYNC_FILE"):
        return find(options.file)[0]
    return f"{config_directory()}/envs.toml"


def _home() -> str:
    return os.path.expanduser("~")


def _value(key: "Key", value: Any) -> Any:
    """Give what stands in the manifest for a value on the command line."""
    if isinstance(value, list):
        return [_value(key, one) for one in value]
    if not isinstance(value, str) or not key.is_relative(value) or not value or value.startswith(("~", "/", "$")):
        return value
    directory = current_directory()
    if not is_literal(shortened(directory, _home())):
        message = f"the current directory cannot be written in a manifest: {directory}"
        raise UsageError(Problem("usage", message, f"Make {key.name} absolute, or work in another directory."))
    return shortened(absolute(value, directory), _home())


def _unfit(one: FoundEnvironment, manifest: Manifest, finder: StagingFinder) -> str:
    """Say why an environment cannot be declared as it is, empty if it can."""
    if not _is_expressible(one, manifest.state_dir):
        return "no manifest can say what it is called or what it shows"
    owner = _tool_of(one.end)
    if owner:
        return owner
    directory = read_directory(walk(one.end), one.paths[0], manifest.file, finder)
    return directory.unsafe or _beside(directory)


def _tool_of(end: str) -> str:
    """Say which other tool an environment belongs to, empty if to none: that tool makes and removes it at will."""
    tool = marked_by(end)
    if tool is not None:
        return f"it belongs to {tool}"
    store = store_of(end)
    return f"it belongs to {store[0]}, which keeps it in {store[1]}" if store is not None else ""


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


def _recorded(one: FoundEnvironment, options: Options) -> Recorded:
    try:
        installed = read_installed(one.end, one.libraries)
    except OSError as error:
        if not options.freeze:
            return Recorded()
        raise EnvsyncError(Problem("not-readable", f"{one.end}: {error.strerror}", "Leave out --freeze.")) from error
    if not options.freeze:
        return Recorded(undeclared=undeclared(installed.distributions, ()))
    return frozen(installed, tuple(_projects_above(one.paths[0])), versions=options.versions)


def _projects_above(path: str) -> Iterator[str]:
    """Give the directories of projects that an environment lies in."""
    directory = os.path.realpath(os.path.dirname(path))
    while len(directory) > 1:
        if os.path.isfile(f"{directory}/pyproject.toml") and is_literal(directory):
            yield directory
        directory = os.path.dirname(directory)


def _declared_lines(verb: str, entry: Entry, packages: Recorded) -> Iterator[str]:
    yield f"{verb} {entry.name}: {dict(entry.values)['path']}"
    if packages.undeclared:
        yield f"  {undeclared_line(packages.undeclared)}"
    yield from (f"  left out: {reason}" for reason in packages.left_out)


def _left(gone: Environment) -> list[str]:
    """Say what an environment that is declared no more leaves on the disk."""
    links = [link for link in (gone.path, *gone.aliases, *(one.link for one in gone.expose)) if os.path.islink(link)]
    links += [one.link for one in gone.expose if launched(read_text(one.link)) == f"{gone.path}/bin/{one.command}"]
    ends = dict.fromkeys(walk(place).end for place in (gone.path, gone.target) if place is not None)
    return [*links, *(end for end in ends if os.path.isfile(f"{end}/pyvenv.cfg"))]


def _result(file: str, lines: Iterable[str], *, changed: bool, more: dict[str, Any] | None = None) -> Result:
    def show(_: Paint) -> list[str]:
        return [abbreviate_home(escape(line)) for line in shown]

    shown = list(lines)
    verdict = Verdict("applied" if changed else "in-sync", 0)
    return Result(file, verdict, (), show, more={"changed": changed} | (more or {}))
