"""Replace the paths embedded in an environment by the declared one, in activation scripts too."""

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from envsync.apply.build import EnvironmentBuilder
from envsync.formats import activation, record, shebang
from envsync.formats.shebang import is_activator
from envsync.formats.staging_marker import BUILT
from envsync.model.environment import Script
from envsync.model.plan import Rebuild, Repair
from envsync.observe.packages import metadata_places
from envsync.write.directories import Root
from envsync.write.files import edit_inner_file, put_inner_file

_TEXT_LIMIT = 4 << 20
"""Bytes of the largest file that is taken for a script."""
_AT_ONE_TIME = 2.0
"""Seconds between files that were written by one program at one time."""
_KEPT = "the former activation scripts are kept in bin/: {}"


def embed_path(place: str, built: str, path: str, libraries: tuple[str, ...]) -> None:
    """Replace ``built``, where the environment at ``place`` was built, by the declared ``path`` in its files.

    In scripts in ``bin``, the interpreter is replaced; in other text files outside of ``site-packages``, the directory.
    Files of packages, which may be hard links into an installer's cache, stay as they are. Raises ``OSError``.
    """
    root, name_of_place = Root(place), os.fsencode(built)
    scripts = {}
    for name in sorted(os.listdir(f"{place}/bin")):
        interpreter = shebang.named_interpreter(read_script(root, name)[: shebang.HEAD]) or ""
        if interpreter.startswith(f"{built}/bin/"):
            scripts[name] = interpreter
    retarget_scripts(root, scripts, path, libraries)
    changes = {}
    for relative in _files(place, skip={f"{place}/{library}/site-packages" for library in libraries}):
        content = _read(f"{place}/{relative}")
        if b"\0" not in content and name_of_place in content:
            changes[relative] = content.replace(name_of_place, os.fsencode(path))
    _write_all(root, libraries, changes)


def retarget_scripts(root: Root, scripts: Mapping[str, str], path: str, libraries: tuple[str, ...]) -> None:
    """Replace the interpreters of scripts in ``bin``, given by name, by that of the environment ``path``.

    Symlinks, which are the user's own, stay. Raises ``OSError``.
    """
    changes = {}
    for name, interpreter in scripts.items():
        content = read_script(root, name)
        if shebang.named_interpreter(content[: shebang.HEAD]) == interpreter:
            own = os.path.basename(interpreter)
            own = own if os.path.lexists(f"{root.path}/bin/{own}") else "python"
            changes[f"bin/{name}"] = shebang.retarget(content, f"{path}/bin/{own}")
    _write_all(root, libraries, changes)


def _write_all(root: Root, libraries: tuple[str, ...], changes: dict[str, bytes]) -> None:
    """Write changed files by path, ``RECORD`` first: then a stale file is still one to the next pass."""
    _update_records(root, libraries, changes)
    for relative, content in changes.items():
        edit_inner_file(root, relative, partial(_replaced, content))


def _replaced(content: bytes, _: bytes) -> bytes:
    return content


def read_script(root: Root, name: str) -> bytes:
    """Return the content of a file in ``bin``; empty for a symlink, which is the user's own. Raises ``OSError``."""
    file = f"{root.path}/bin/{name}"
    return _read(file) if os.path.isfile(file) and not os.path.islink(file) else b""


def _files(place: str, skip: set[str]) -> Iterator[str]:
    for directory, directories, names in os.walk(place):
        directories[:] = [name for name in directories if f"{directory}/{name}" not in skip]
        for name in names:
            file = f"{directory}/{name}"
            if not os.path.islink(file) and os.path.isfile(file):
                yield os.path.relpath(file, place)


def _read(file: str) -> bytes:
    """Return the content of a file; empty for one that is too large to be a script. Raises ``OSError``."""
    if os.path.getsize(file) > _TEXT_LIMIT:
        return b""
    with open(file, "rb") as stream:
        return stream.read()


def _update_records(root: Root, libraries: tuple[str, ...], contents: Mapping[str, bytes]) -> None:
    for place in metadata_places(root.path, libraries) if contents else ():
        file = f"{place}/RECORD"
        links = os.path.islink(place) or os.path.islink(file)
        if place.endswith(".dist-info") and os.path.isfile(file) and not links:
            relative = place[len(root.path) + 1 :]
            site = os.path.dirname(relative)
            edit_inner_file(root, f"{relative}/RECORD", partial(_edit_record, site=site, contents=contents))


def _edit_record(content: bytes, site: str, contents: Mapping[str, bytes]) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    return record.update(text, site, contents).encode("utf-8", "surrogateescape")


def rename_activators(root: Root, action: Repair) -> bool:
    """Replace the directory in activation scripts where only that differs. Raises ``OSError``.

    Return whether there are others, which have to be rendered.
    """
    for script in _stale(action):
        if not script.rendered:
            text = _text(root, script.name)
            # Whether this is exact was determined when the script was read.
            changed = activation.renamed(text, script.named, action.blueprint.path, has_prompt=True)
            if changed is not None:
                _put(root, script.name, changed)
    return bool(action.regenerate) or any(script.rendered for script in _stale(action))


def render_activators(root: Root, action: Repair, staging_dir: str, env_builder: EnvironmentBuilder) -> None:
    """Replace activation scripts by those of the new environment in a staging directory. Raises ``OSError``.

    A former script is kept beside it as ``NAME.orig``, unless it is as its builder wrote it, or could be edited.
    """
    blueprint = action.blueprint
    fresh = Root(f"{staging_dir}/{BUILT}")
    named = {script.name: script.named for script in action.scripts if script.kind == "activate"}
    stale = [script.name for script in _stale(action) if script.rendered]
    harmful = {script.name for script in action.scripts if script.harmful}
    kept = []
    for name in (*action.regenerate, *stale):
        if name in stale and name not in harmful and _transplant(root, name, fresh, action):
            continue
        source = f"{fresh.path}/bin/{name}"
        former = _as_written(named.get(name) or blueprint.path, name, staging_dir, action, env_builder)
        text = _text(root, name)
        if former and text.startswith(former) and os.path.isfile(source):
            _put(root, name, _text(fresh, name) + text.removeprefix(former))
        # One that cannot be written for this path, and names another, is only kept as NAME.orig.
        elif os.path.isfile(source) or name in named:
            kept += _replace(root, name, source if os.path.isfile(source) else None)
    for name in sorted(os.listdir(f"{fresh.path}/bin")):  # scripts that activation scripts run by path
        runs = name.startswith("deactivate") and f"/{name}" in _text(root, f"activate{name[10:]}")
        if runs and not os.path.lexists(f"{root.path}/bin/{name}"):
            put_inner_file(root, f"bin/{name}", f"{fresh.path}/bin/{name}")
    if kept:
        env_builder.remark(blueprint, _KEPT.format(", ".join(kept)))


def carry_additions(action: Rebuild, staging_dir: str, env_builder: EnvironmentBuilder) -> None:
    """Append what a user has appended to former activation scripts to the new ones. Raises ``OSError``.

    One that was changed after it was made, and does not begin as virtualenv writes it now, is kept as ``NAME.orig``.
    """
    former, new = Root(action.blueprint.end, action.blueprint.identity), Root(f"{staging_dir}/{BUILT}")
    names = [name for name in sorted(os.listdir(f"{new.path}/bin")) if is_activator(name) and ".orig" not in name]
    edited, kept = _edited_later(former.path, names), []
    for name in names:
        written, text = _text(new, name), _text(former, name)
        if written and text.startswith(written) and text != written:
            _put(new, name, text)
        elif name in edited and text not in {"", written}:
            kept.append(_free_name(f"{new.path}/bin", name))
            put_inner_file(new, f"bin/{kept[-1]}", f"{former.path}/bin/{name}")
    if kept:
        env_builder.remark(action.blueprint, _KEPT.format(", ".join(kept)))


def _free_name(directory: str, name: str) -> str:
    numbered = (f"{name}.orig" + (f".{number}" if number else "") for number in itertools.count())
    return next(one for one in numbered if not os.path.lexists(f"{directory}/{one}"))


def _edited_later(place: str, names: Iterable[str]) -> set[str]:
    """Name those that were written neither with the first, by the builder, nor with ``pyvenv.cfg``, by a repair."""
    written = {name: _changed_at(f"{place}/bin/{name}") for name in names}
    known = (min(filter(None, written.values()), default=0.0), _changed_at(f"{place}/pyvenv.cfg"))
    return {name for name, at in written.items() if at and all(abs(at - when) > _AT_ONE_TIME for when in known)}


def _changed_at(file: str) -> float:
    """Return when a file's content was changed, in seconds since the epoch; 0 where there is none."""
    try:
        return os.lstat(file).st_mtime
    except OSError:
        return 0.0


def _stale(action: Repair) -> Iterator[Script]:
    return (one for one in action.scripts if one.kind == "activate" and one.name not in action.regenerate)


def _transplant(root: Root, name: str, fresh: Root, action: Repair) -> bool:
    """Replace just the path in a script, as the fresh script has it; return whether that is exact."""
    path, has_prompt = action.blueprint.path, action.prompt_before is not None
    changed = activation.transplanted(name, _text(root, name), _text(fresh, name), path, has_prompt=has_prompt)
    if changed is not None:
        _put(root, name, changed)
    return changed is not None


def _as_written(path: str, name: str, staging_dir: str, action: Repair, env_builder: EnvironmentBuilder) -> str:
    """Return an activation script as virtualenv writes it for the former path and prompt; empty if it writes none."""
    content = env_builder.activation_scripts(action.blueprint, path, action.prompt_before, staging_dir).get(name, b"")
    return content.decode("utf-8", "surrogateescape")


def _replace(root: Root, name: str, source: str | None) -> list[str]:
    kept = put_inner_file(root, f"bin/{name}", source)
    return [kept] if kept else []


def _text(root: Root, name: str) -> str:
    return read_script(root, name).decode("utf-8", "surrogateescape")


def _put(root: Root, name: str, text: str) -> None:
    content = text.encode("utf-8", "surrogateescape")
    edit_inner_file(root, f"bin/{name}", partial(_replaced, content))
