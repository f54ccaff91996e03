"""Change what a manifest declares: add an environment, remove one, pin one's interpreter. No environment is touched."""

import contextlib
import errno
import os
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from envsync.manifest import check_names, declared_in, environment_keys, load
from envsync.manifest.edit import Entry, with_entries, with_value, without_entry
from envsync.manifest.edit_lines import failed
from envsync.manifest.find import current_directory
from envsync.manifest.paths import is_literal, shortened
from envsync.model.desired import Environment, Exposed, Manifest, PythonPath
from envsync.model.edits import Added, Declaration, Pin, Removed
from envsync.model.problems import EnvsyncError, ManifestError, Problem, UsageError
from envsync.observe.files import listed_names, read_regular, read_text
from envsync.observe.links import walk
from envsync.observe.trust import TrustLevel, record_for, trust_level_of
from envsync.observe.unsafe import UnsafePlaces
from envsync.write.user_files import record_trust, replace_manifest

if TYPE_CHECKING:
    from envsync.manifest.schema import Key

_LIMIT = 16 << 20
"""Bytes of the largest manifest that is edited."""


def add(manifest: Manifest, name: str, values: Mapping[str, Any]) -> Added:
    """Declare an environment, in the manifest itself.

    ``values`` are keys, kebab-case, with what they are to hold: text, a boolean or a list of texts. A relative path in
    them means the current directory. Raises ``UsageError`` for a name or a path that is another environment's,
    ``ManifestError`` for values that a manifest cannot hold, ``EnvsyncError`` where the file cannot be changed.
    """
    if not isinstance(name, str):
        raise _unfit("the name", name)
    values = {key: _plain(key, value) for key, value in values.items()}
    if name in {*(one.name for one in manifest.environments), *manifest.elsewhere}:
        taken = next((f" for {one.path}" for one in manifest.environments if one.name == name), " for other hosts")
        message = f"an environment is called {name} already,{taken}"
        raise UsageError(Problem("name-taken", message, "Give another name: envsync add NAME"))
    if "path" not in {*values, *manifest.default_places}:
        hint = f"envsync add {shlex.quote(name)} --path PATH"
        raise UsageError(Problem("usage", "a path is missing: where people and tools find it", hint))
    keys = {key.name: key for key in environment_keys()}
    ordered = (*(key for key in keys if key in values), *(key for key in values if key not in keys))
    entry = Entry(name, tuple((key, _written(keys.get(key), values[key])) for key in ordered))
    edit(manifest, manifest.file, lambda text: with_entries(text, [entry]), partial(_refuse_taken, name))
    return Added(manifest.file, Declaration(name, entry.values))


def _plain(key: str, value: object) -> object:
    """Return a value as TOML has it. Raises ``UsageError`` for one that it cannot hold."""
    match value:
        case os.PathLike():
            return os.fspath(value)
        case list() | tuple():
            return [_plain(key, one) for one in value]
        case str() | bool() | int():
            return value
        case _:
            raise _unfit(key, value)


def _unfit(what: str, value: object) -> UsageError:
    message = f"{what} is a {type(value).__name__}, which a manifest cannot hold"
    return UsageError(Problem("usage", message, "Pass text, a path, a boolean, or a list of texts."))


def remove(manifest: Manifest, name: str) -> Removed:
    """Declare an environment no more, in the file that declares it; everything else stays.

    Raises ``UsageError`` for a name that is not declared, ``EnvsyncError`` where the file cannot be changed.
    """
    if name not in manifest.elsewhere:
        check_names(manifest, (name,))
    file = declared_in(manifest.file, name) or manifest.file
    edit(manifest, file, lambda text: without_entry(text, name))
    gone = next((one for one in manifest.environments if one.name == name), None)
    return Removed(manifest.file, name, file, tuple(_left(gone)) if gone else ())


def edit(
    main: Manifest, file: str, change: Callable[[str], str], check: Callable[[Manifest], None] = lambda _: None
) -> None:
    """Change a file, a manifest or one that it includes, if the manifest as a whole is valid with it.

    A manifest that was trusted as it was stays trusted. Raises ``ManifestError``, ``EnvsyncError``, and what ``check``
    raises for the manifest as it would be.
    """
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
    renew_trust(main, candidate)


def pinned(main: str, name: str, link: str) -> tuple[Pin, Environment]:
    """Return the change of the manifest ``main``, or of the include that declares it, and what it then declares.

    Only the environment's own table changes. Raises ``EnvsyncError`` or ``ManifestError``; writes nothing.
    """
    file = declared_in(main, name) or main
    former = read_regular(os.path.realpath(file), _LIMIT) or b""
    python = shortened(link, os.path.expanduser("~"))
    text = with_value(former.decode("utf-8", "surrogateescape"), name, "python", python)
    manifest = load(main, texts={file: text})
    found = next((one for one in manifest.environments if one.name == name), None)
    if found is None or not isinstance(found.python, PythonPath) or not os.path.samefile(found.python.path, link):
        raise failed(f"{python} would mean another interpreter there")
    return Pin(file, former, text.encode("utf-8", "surrogateescape"), python, link), found


def renew_trust(before: Manifest, now: Manifest) -> None:
    """Trust a manifest as changed by envsync itself, where its former content was trusted."""
    if now.sources != before.sources and trust_level_of(before) is TrustLevel.UNCHANGED:
        with contextlib.suppress(OSError):  # then hooks ask again
            record_trust(record_for(now))


def _refuse_taken(name: str, manifest: Manifest) -> None:
    """Refuse an environment where none may be, or whose path is another one's: neither would be managed."""
    new = [one for one in manifest.environments if one.name == name]
    for one in new:
        end = walk(one.path).end
        if unsafe := UnsafePlaces(manifest.file).why(end):
            hint = f"Give {name} a directory of its own, such as .venv in the project. Nothing was changed."
            raise UsageError(Problem("unsafe-path", f"{end} is no place for an environment: {unsafe}", hint))
    for other in manifest.environments:
        if other.name != name and any(one.path in {other.path, *other.aliases} for one in new):
            hint = "Choose another path; for a second way to the same environment, use `aliases`."
            raise UsageError(Problem("path-shared", f"{new[0].path} belongs to the environment {other.name}", hint))


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        message = "what is not UTF-8 cannot be written in a manifest"
        raise UsageError(Problem("usage", message, "Nothing was changed. Rename the file or directory.")) from None


def _as_candidate(problem: Problem) -> Problem:
    """Return a problem without its line: what would stand there was not written."""
    message = f"with that, {problem.key or problem.file}: {problem.message}"
    return Problem(problem.code, message, problem.hint or "Nothing was changed.", key=None)


def _written(key: "Key | None", value: Any) -> Any:
    """Return what stands in the manifest for a value that was given in the current directory."""
    if isinstance(value, list | tuple):
        return [_written(key, one) for one in value]
    if key is None or not isinstance(value, str) or not value or value.startswith(("~", "$")):
        return value
    home = os.path.expanduser("~")
    if value.startswith("/"):  # a shell expanded the tilde; another machine may have another home directory
        return shortened(value, home) if key.is_path(value) else value
    if not key.is_relative(value):
        return value
    directory = current_directory()
    if not is_literal(shortened(directory, home)):
        message = f"the current directory cannot be written in a manifest: {directory}"
        raise UsageError(Problem("usage", message, f"Make {key.name} absolute, or work in another directory."))
    return shortened(key.beside(directory, value), home)


def _left(gone: Environment) -> list[str]:
    """Return what an environment that is no longer declared leaves on the disk."""
    from envsync.formats.shebang import launched  # noqa: PLC0415  # `add` loads little

    exposed = [found for one in gone.expose for found in _exposed(one, gone.path)]
    links = [link for link in (gone.path, *gone.aliases, *(one.link for one in exposed)) if os.path.islink(link)]
    links += [one.link for one in exposed if launched(read_text(one.link)) == f"{gone.path}/bin/{one.command}"]
    ends = dict.fromkeys(walk(place).end for place in (gone.path, gone.target) if place is not None)
    return [*dict.fromkeys(links), *(end for end in ends if os.path.isfile(f"{end}/pyvenv.cfg"))]


def _exposed(one: Exposed, path: str) -> list[Exposed]:
    """Return what is exposed: for ``*``, whatever there leads to a command of the environment at ``path``."""
    if not one.stands_for_all:
        return [one]
    directory = os.path.dirname(one.link)
    links = [link for name in listed_names(directory) if os.path.islink(link := f"{directory}/{name}")]
    texts = [(link, os.readlink(link)) for link in links]
    return [Exposed(os.path.basename(text), link) for link, text in texts if os.path.dirname(text) == f"{path}/bin"]
