"""Templates: what a builder wrote for one environment, rendered for others of its kind; kept between passes."""

import codecs
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from importlib.machinery import PathFinder

from envsync.cache.fingerprint import take
from envsync.cache.store import Cache
from envsync.formats import pyvenv_cfg
from envsync.formats.activation import is_plain
from envsync.formats.shebang import is_activator
from envsync.formats.staging_marker import BUILT
from envsync.model.blueprint import Blueprint
from envsync.model.dataclass import dataclass
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.system import VARIABLES
from envsync.observe.activators import open_activators
from envsync.observe.dependencies import along
from envsync.observe.links import walk
from envsync.write.files import make_directories
from envsync.write.trees import Entry, write_tree

Kind = tuple[object, ...]
Part = bytes | str
"""Text as it is, or the placeholder for what differs."""
_PATH, _NAME, _PROMPT = "path", "name", "prompt"

_STAND_IN = ("/envsync5f0c1d/envsync8e2a4b", "envsync3d7c9f")
"""A path and a prompt that nothing else in a script is called like; neither needs quotes in any shell."""
_ANOTHER = ("/Az0-9_/.b.c-d_E/f.9", "g-H_1.2")
"""Others, with each kind of sign that needs no quotes."""
_SETTINGS = "pyvenv.cfg"


class PathLeftError(EnvsyncError):
    """What was built names the directory in which it was built, where only its builder could put that right."""


@dataclass(frozen=True, slots=True)
class Template:
    """What is common to the environments of a kind."""

    entries: tuple[tuple[str, str | None, int, bytes | None], ...]
    """``(relative, link text, mode, content)``; directories without the last two and with a mode of 0."""
    scripts: tuple[tuple[str, tuple[Part, ...]], ...] | None
    """The activation scripts with placeholders, or ``None`` where they are no mere text with a path in it."""
    remark: str = ""
    """What a person should know of how it was built."""


def kind_of(blueprint: Blueprint, builder: str) -> Kind:
    """Return all that has to be alike for two environments to come from one template of a builder's."""
    has_prompt = blueprint.prompt is not None
    return (builder, blueprint.executable, blueprint.system_site_packages, has_prompt)


def make_template(place: str, blueprint: Blueprint, scratch: str, app_data: str) -> Template:
    """Read what a builder wrote at ``place``, and have the activation scripts written for placeholders.

    ``scratch`` is a directory for throw-away work in the staging directory that ``place`` is in. Raises
    ``PathLeftError`` where anything else names that one, ``OSError``.
    """
    entries = tuple(_entries(place))
    _refuse_naming((Entry(*one[:2], content=one[3]) for one in entries), [os.path.basename(os.path.dirname(scratch))])
    has_prompt = blueprint.prompt is not None
    (path, prompt), (another, its_prompt) = (one if has_prompt else (one[0], None) for one in (_STAND_IN, _ANOTHER))
    scripts = activation_scripts(blueprint.executable, path, prompt, scratch, app_data)
    parts = tuple((name, tuple(_parts(content))) for name, content in scripts.items())
    written = activation_scripts(blueprint.executable, another, its_prompt, scratch, app_data)
    is_mere_text = {name: _filled(text, another, its_prompt) for name, text in parts} == written
    return Template(entries, parts if is_mere_text else None)


def _entries(place: str) -> Iterator[tuple[str, str | None, int, bytes | None]]:
    """Yield what a builder wrote, without the activation scripts and what ``pyvenv.cfg`` says of the place."""
    for directory, directories, names in os.walk(place):
        for name in sorted((*directories, *names)):
            file = f"{directory}/{name}"
            relative = os.path.relpath(file, place)
            if os.path.islink(file):
                yield relative, os.readlink(file), 0, None
            elif os.path.isdir(file):
                yield relative, None, 0, None
            elif not (relative == f"bin/{name}" and is_activator(name)):
                with open(file, "rb") as stream:
                    content = stream.read()
                if relative == _SETTINGS:
                    content = _encoded(pyvenv_cfg.update(_decoded(content), {}, drop=frozenset({"command", "prompt"})))
                yield relative, None, _mode_of(file), content


def _mode_of(file: str) -> int:
    """Return the mode that a file was made with, before the mask of the user's was taken from it (umask(2))."""
    return 0o777 if os.stat(file).st_mode & stat.S_IXUSR else 0o666


def activation_scripts(executable: str, path: str, prompt: str | None, scratch: str, app_data: str) -> dict[str, bytes]:
    """Return the activation scripts of an environment at ``path`` by name, as virtualenv writes them there.

    Which of them there are for such a path, and in which encoding, is seen from what it does write for one like it in
    the directory ``scratch``. Raises ``PathLeftError`` where the two do not agree, ``OSError``.
    """
    like = f"{scratch}/like{path}"
    make_directories(f"{like}/bin")
    with open_activators(executable, prompt, f"{scratch}/{BUILT}", app_data) as activators:
        activators.generate(like)
        there, wanted = dict(activators.render(like)), dict(activators.render(path))
    scripts = {}
    for name in sorted(os.listdir(f"{like}/bin")):
        with open(f"{like}/bin/{name}", "rb") as stream:
            written = stream.read()
        if name in wanted:
            scripts[name] = _written_as(written, there[name], wanted[name], name)
        elif os.fsencode(like) not in written:
            scripts[name] = written
    return scripts


def _written_as(written: bytes, rendered: str, wanted: str, name: str) -> bytes:
    """Encode a text as another one of its kind was: PowerShell's may have a byte order mark."""
    for mark in (b"", codecs.BOM_UTF8):
        if mark + _encoded(rendered) == written:
            return mark + _encoded(wanted)
    message = f"virtualenv does not write bin/{name} as it renders it"
    raise PathLeftError(Problem("builder-unfit", message, "Install another release of virtualenv."))


def _parts(content: bytes) -> Iterator[Part]:
    """Split a script wherever it names the stand-ins: the path before its last component."""
    (path, prompt), placeholders = _STAND_IN, (_PATH, _NAME, _PROMPT)
    names = [path.encode(), os.path.basename(path).encode(), prompt.encode()]
    for piece in re.split(b"(" + b"|".join(map(re.escape, names)) + b")", content):
        yield placeholders[names.index(piece)] if piece in names else piece


def _filled(parts: tuple[Part, ...], path: str, prompt: str | None) -> bytes:
    values = {_PATH: os.fsencode(path), _NAME: os.fsencode(os.path.basename(path)), _PROMPT: _encoded(prompt or "")}
    return b"".join(part if isinstance(part, bytes) else values[part] for part in parts)


def plain_scripts(template: Template, blueprint: Blueprint) -> dict[str, bytes] | None:
    """Return the activation scripts of an environment from its template; ``None`` where virtualenv has to be asked."""
    if template.scripts is None or not all(map(is_plain, filter(None, (blueprint.path, blueprint.prompt)))):
        return None
    return {name: _filled(parts, blueprint.path, blueprint.prompt) for name, parts in template.scripts}


def render(
    template: Template, scripts: Mapping[str, bytes], blueprint: Blueprint, place: str, staging: Iterable[str]
) -> None:
    """Write an environment to ``place`` from its template and its activation scripts.

    ``staging`` are the names of the staging directories that it was made in, of which nothing may be left. Raises
    ``PathLeftError``, ``OSError``.
    """
    ours = {f"bin/{name}": text for name, text in blueprint.links}
    entries = [
        Entry(relative, link, _settings(content, blueprint) if relative == _SETTINGS else content, mode)
        for relative, link, mode, content in template.entries
        if relative not in ours
    ]
    entries += [Entry(f"bin/{name}", content=content, mode=0o666) for name, content in scripts.items()]
    entries += [Entry(relative, link=text) for relative, text in ours.items()]
    _refuse_naming(entries, staging)
    write_tree(place, entries)


def _refuse_naming(entries: Iterable[Entry], staging: Iterable[str]) -> None:
    """Raise ``PathLeftError`` where an entry names a staging directory: such names stand verbatim in any quotes."""
    names = [os.fsencode(name) for name in staging]
    for entry in entries:
        text = os.fsencode(entry.link or "") if entry.content is None else entry.content
        if any(name in text for name in names):
            message = f"{entry.relative} names the directory in which it was built"
            raise PathLeftError(Problem("builder-unfit", message, "Try another `builder`."))


def _settings(content: bytes | None, blueprint: Blueprint) -> bytes:
    text = _decoded(content or b"")
    written = dict(pyvenv_cfg.parse(text))
    kept = {key: value for key, value in blueprint.optional if key in written}
    return _encoded(pyvenv_cfg.update(text, kept | dict(blueprint.settings)))


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def recall_template(cache: Cache, kind: Kind, blueprint: Blueprint) -> Template | None:
    """Return the template of a kind that an earlier pass made, if what builds is what it was."""
    return cache.get(_name_of(kind), _origin(kind, blueprint)[0], lambda fields: Template(*fields))


def remember_template(cache: Cache, kind: Kind, blueprint: Blueprint, template: Template, began: int) -> None:
    """Keep a template that was begun at ``began`` (nanoseconds since the epoch)."""
    key, paths = _origin(kind, blueprint)
    fields = (template.entries, template.scripts, template.remark)
    evidence = take((place for path in paths for place in along(walk(path))), began)
    cache.put(_name_of(kind), key, fields, evidence)


def _name_of(kind: Kind) -> str:
    return f"template-{sha256(repr(kind).encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def _origin(kind: Kind, blueprint: Blueprint) -> tuple[str, list[str]]:
    """Return what tells apart all that builds, and its files: the interpreter, the builder, virtualenv's activators."""
    library = f"{blueprint.stdlib}/venv"
    paths = [blueprint.executable, f"{blueprint.stdlib}/os.py", f"{library}/__init__.py", f"{library}/scripts/common"]
    paths += [one.program for one in blueprint.builders[:1] if one.program]
    spec = PathFinder.find_spec("virtualenv")
    origin = spec.origin if spec else None
    paths += [origin, f"{os.path.dirname(origin)}/version.py"] if origin else [""]
    settings = sorted((key, value) for key, value in VARIABLES.items() if key.startswith("UV_"))
    return repr((kind, paths, settings)), [path for path in paths if path]
