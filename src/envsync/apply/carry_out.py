"""Carry out the actions of one environment's plan, as they stand."""

import os
from datetime import UTC, datetime
from typing import assert_never

from envsync.apply import build
from envsync.apply.build import Workshop
from envsync.areas import BUILT, Marker, area_parent
from envsync.plan.actions import Action, Blueprint, Create, EnvironmentPlan, Link, Rebuild, Repair
from envsync.write.area import keep_as_generation, make_area, remove_area, remove_debris
from envsync.write.files import make_folder, make_link, put_inner_file, set_inner_link
from envsync.write.swap import flush, move_in, put_back, swap

__all__ = ["carry_out", "clear_away"]


def clear_away(plan: EnvironmentPlan) -> None:
    """Undo or remove what an interrupted pass left for this environment. Raises ``OSError``."""
    end = plan.world.folder.chain.end
    for area in plan.world.folder.leftovers:
        put_back(area, end)
        remove_area(area)
    found = plan.world.folder.environment
    if found is not None and found.debris:
        remove_debris(end, found.debris)


def carry_out(action: Action, workshop: Workshop) -> None:
    """Carry out one action. Raises ``EnvsyncError`` or ``OSError``; then nothing is half made."""
    match action:
        case Create():
            _create(action, workshop)
        case Repair():
            _repair(action, workshop)
        case Rebuild():
            _rebuild(action, workshop)
        case Link():
            for folder in action.to_make:
                make_folder(folder)
            make_link(action.link, action.text)
        case _:
            assert_never(action)


def _create(action: Create, workshop: Workshop) -> None:
    for folder in action.to_make:
        make_folder(folder)
    area = _build_aside(action.blueprint, workshop)
    try:
        move_in(area, action.blueprint.end)
    finally:
        remove_area(area)


def _rebuild(action: Rebuild, workshop: Workshop) -> None:
    end = action.blueprint.end
    area = _build_aside(action.blueprint, workshop)
    try:
        swap(area, end)
    except BaseException:
        put_back(area, end)
        remove_area(area)
        raise
    if action.keep:
        superseded = action.generations[: len(action.generations) + 1 - action.keep]
        keep_as_generation(area, datetime.now(UTC).isoformat(timespec="seconds"), superseded)
    else:
        remove_area(area)


def _build_aside(blueprint: Blueprint, workshop: Workshop) -> str:
    """Build in a staging area beside the end, and flush it; on failure nothing of it stays."""
    marker = Marker(blueprint.name, blueprint.path, blueprint.end)
    area = make_area(area_parent(blueprint.end), marker)
    try:
        workshop.build(blueprint, f"{area}/{BUILT}")
        flush(area)
    except BaseException:
        remove_area(area)
        raise
    return area


def _repair(action: Repair, workshop: Workshop) -> None:
    """Put files right, ``pyvenv.cfg`` last: until it is right, the next pass sees that there is work left."""
    end, path = action.blueprint.end, action.blueprint.path
    if action.regenerate:
        _regenerate_scripts(action.blueprint, workshop)
    for script in action.scripts:
        build.retarget(end, script.name, script.named, path)
    for relative, text in action.links:
        set_inner_link(end, relative, text)
    if action.settings:
        build.edit_settings(end, dict(action.settings))


def _regenerate_scripts(blueprint: Blueprint, workshop: Workshop) -> None:
    """Take the activation scripts from a fresh build."""
    area = _build_aside(blueprint, workshop)
    try:
        for name in sorted(os.listdir(f"{area}/{BUILT}/bin")):
            fresh = f"{area}/{BUILT}/bin/{name}"
            if name.lower().startswith(("activate", "deactivate")) and not os.path.islink(fresh):
                put_inner_file(blueprint.end, f"bin/{name}", fresh)
    finally:
        remove_area(area)
