"""Make every path that is embedded in an environment the declared one, activation scripts included."""

import os
from collections.abc import Callable, Iterator, Mapping
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


def declare_paths(place: str, path: str, libraries: tuple[str, ...]) -> None:
    """Replace the directory ``place``, in which an environment was built, by the declared ``path``.

    Scripts in ``bin`` have their interpreter replaced; in other text files outside of ``site-packages`` the directory's
    name is. The files of the packages stay as they are, hard links to an installer's cache included.
    """
    root = Root(place)
    scripts = {}
    for name in sorted(os.listdir(f"{place}/bin")):
        interpreter = shebang.named_interpreter(read_script(root, name)[: shebang.HEAD]) or ""
        if interpreter.startswith(f"{place}/bin/"):
            scripts[name] = interpreter
    declare_scripts(root, scripts, path, libraries)
    changes = {}
    for relative in _files(place, skip={f"{place}/{library}/site-packages" for library in libraries}):
        content = _read(f"{place}/{relative}")
        if b"\0" not in content and os.fsencode(place) in content:
            changes[relative] = content.replace(os.fsencode(place), os.fsencode(path))
    _carry_out(root, libraries, changes)


def declare_scripts(root: Root, scripts: Mapping[str, str], path: str, libraries: tuple[str, ...]) -> None:
    """Make scripts in ``bin``, given with the interpreter that each names, run with that of the environment ``path``.

    The user's own links stay.
    """
    changes = {}
    for name, interpreter in scripts.items():
        content = read_script(root, name)
        if shebang.named_interpreter(content[: shebang.HEAD]) == interpreter:
            own = os.path.basename(interpreter)
            own = own if os.path.lexists(f"{root.path}/bin/{own}") else "python"
            changes[f"bin/{name}"] = shebang.retarget(content, f"{path}/bin/{own}")
    _carry_out(root, libraries, changes)


def _carry_out(root: Root, libraries: tuple[str, ...], changes: dict[str, bytes]) -> None:
    """Write what has changed, ``RECORD`` before the rest: while a file is stale, the next pass sees that it is."""
    _update_records(root, libraries, changes)
    for relative, content in changes.items():
        edit_inner_file(root, relative, _give(content))


def _give(content: bytes) -> Callable[[bytes], bytes]:
    return lambda _: content


def read_script(root: Root, name: str) -> bytes:
    """Read a file in ``bin``; nothing of a symlink, which is the user's own."""
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
    """Read a file that may be a script; nothing of one that is too large to be one."""
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
    """Replace the name of the directory in the activation scripts where that is all there is to do.

    Returns whether others are left, which have to be rendered.
    """
    for script in _stale(action):
        if not script.rendered:
            text = _text(root, script.name)
            # That this is exact was found out when the script was read.
            changed = activation.renamed(text, script.named, action.blueprint.path, has_prompt=True)
            if changed is not None:
                _put(root, script.name, changed)
    return bool(action.regenerate) or any(script.rendered for script in _stale(action))


def render_activators(root: Root, action: Repair, staging_dir: str, env_builder: EnvironmentBuilder) -> None:
    """Take activation scripts from the fresh environment that was built in a staging directory.

    One that is replaced is kept beside it as ``NAME.orig``, unless nothing was added to what its builder wrote.
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
        # One that names another directory, and that this path cannot have, is only put aside.
        elif os.path.isfile(source) or name in named:
            kept += _replace(root, name, source if os.path.isfile(source) else None)
    for name in sorted(os.listdir(f"{fresh.path}/bin")):  # what a script runs by its path has to be there
        runs = name.startswith("deactivate") and f"/{name}" in _text(root, f"activate{name[10:]}")
        if runs and not os.path.lexists(f"{root.path}/bin/{name}"):
            put_inner_file(root, f"bin/{name}", f"{fresh.path}/bin/{name}")
    if kept:
        env_builder.remark(blueprint, f"the former activation scripts are kept in bin: {', '.join(kept)}")


def carry_additions(action: Rebuild, staging_dir: str) -> None:
    """Append to the activation scripts of a new environment what a user has appended to those that they replace."""
    former, new = Root(action.blueprint.end, action.blueprint.identity), Root(f"{staging_dir}/{BUILT}")
    for name in sorted(os.listdir(f"{new.path}/bin")):
        if is_activator(name):
            written, text = _text(new, name), _text(former, name)
            if written and text.startswith(written) and text != written:
                _put(new, name, text)


def _stale(action: Repair) -> Iterator[Script]:
    return (one for one in action.scripts if one.kind == "activate" and one.name not in action.regenerate)


def _transplant(root: Root, name: str, fresh: Root, action: Repair) -> bool:
    """Make a script name the declared path as the fresh one does, and leave all else; return whether that is exact."""
    path, has_prompt = action.blueprint.path, action.prompt_before is not None
    changed = activation.transplanted(name, _text(root, name), _text(fresh, name), path, has_prompt=has_prompt)
    if changed is not None:
        _put(root, name, changed)
    return changed is not None


def _as_written(path: str, name: str, staging_dir: str, action: Repair, env_builder: EnvironmentBuilder) -> str:
    """Return an activation script as virtualenv writes it for the former path and prompt; empty if it does not."""
    content = env_builder.activation_scripts(action.blueprint, path, action.prompt_before, staging_dir).get(name, b"")
    return content.decode("utf-8", "surrogateescape")


def _replace(root: Root, name: str, source: str | None) -> list[str]:
    kept = put_inner_file(root, f"bin/{name}", source)
    return [kept] if kept else []


def _text(root: Root, name: str) -> str:
    return read_script(root, name).decode("utf-8", "surrogateescape")


def _put(root: Root, name: str, text: str) -> None:
    content = text.encode("utf-8", "surrogateescape")
    edit_inner_file(root, f"bin/{name}", lambda _: content)
