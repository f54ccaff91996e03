"""Put the activation scripts of an environment right; what a user added to them stays, or the former file is kept."""

import os
from collections.abc import Iterator

from envsync import activation
from envsync.apply.embedded import read_script
from envsync.apply.workshop import Workshop
from envsync.areas import BUILT
from envsync.observe.names import is_activator
from envsync.observed import Script
from envsync.plan.actions import Rebuild, Repair
from envsync.write.files import edit_inner_file, put_inner_file
from envsync.write.handles import Root

__all__ = ["carry_additions", "rename_activators", "render_activators"]


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


def render_activators(root: Root, action: Repair, area: str, workshop: Workshop) -> None:
    """Take activation scripts from the fresh environment that was built in a staging area.

    One that is replaced is kept beside it as ``NAME.orig``, unless nothing was added to what its builder wrote.
    """
    blueprint = action.blueprint
    fresh = Root(f"{area}/{BUILT}")
    named = {script.name: script.named for script in action.scripts if script.kind == "activate"}
    stale = [script.name for script in _stale(action) if script.rendered]
    harmful = {script.name for script in action.scripts if script.harmful}
    kept = []
    for name in (*action.regenerate, *stale):
        if name in stale and name not in harmful and _transplant(root, name, fresh, action):
            continue
        source = f"{fresh.path}/bin/{name}"
        former = _as_written(named.get(name) or blueprint.path, name, area, action, workshop)
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
        workshop.remark(blueprint, f"the former activation scripts are kept in bin: {', '.join(kept)}")


def carry_additions(action: Rebuild, area: str) -> None:
    """Append to the activation scripts of a new environment what a user has appended to those that they replace."""
    former, new = Root(action.blueprint.end, action.blueprint.identity), Root(f"{area}/{BUILT}")
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


def _as_written(path: str, name: str, area: str, action: Repair, workshop: Workshop) -> str:
    """Return an activation script as virtualenv writes it for the former path and prompt; empty if it does not."""
    content = workshop.activation_scripts(action.blueprint, path, action.prompt_before, area).get(name, b"")
    return content.decode("utf-8", "surrogateescape")


def _replace(root: Root, name: str, source: str | None) -> list[str]:
    kept = put_inner_file(root, f"bin/{name}", source)
    return [kept] if kept else []


def _text(root: Root, name: str) -> str:
    return read_script(root, name).decode("utf-8", "surrogateescape")


def _put(root: Root, name: str, text: str) -> None:
    content = text.encode("utf-8", "surrogateescape")
    edit_inner_file(root, f"bin/{name}", lambda _: content)
