"""Carry out the actions of one environment's plan, as they stand."""

import os
from datetime import UTC, datetime
from typing import assert_never

from envsync.apply.embedded import declare_paths, retarget
from envsync.apply.furnish import furnish
from envsync.apply.workshop import Workshop, edit_settings
from envsync.areas import BUILT, Marker
from envsync.plan.actions import (
    Action,
    Blueprint,
    Create,
    EnvironmentPlan,
    Furnishing,
    Install,
    Link,
    Rebuild,
    Repair,
    Rollback,
)
from envsync.plan.furnishing import RECORD
from envsync.write.area import keep_as_generation, make_area, remove_area, remove_debris
from envsync.write.contents import roll_back, swap_contents, undo_contents
from envsync.write.files import make_folder, make_link, put_inner_file, set_inner_link
from envsync.write.swap import flush, move_in, put_back, swap

__all__ = ["carry_out", "clear_away"]


def clear_away(plan: EnvironmentPlan) -> None:
    """Finish, undo or remove what an interrupted pass left for this environment. Raises ``OSError``."""
    end = plan.world.folder.chain.end
    for area in plan.world.folder.leftovers:
        put_back(area, end)
        undo_contents(area, end)
        if area not in plan.world.folder.generations:
            remove_area(area, end)
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
        case Install():
            _install(action, workshop)
        case Rollback():
            roll_back(action.area, action.end, _now(), exchangeable=action.exchangeable)
        case Link():
            for folder in action.to_make:
                make_folder(folder)
            make_link(action.link, action.text)
        case _:
            assert_never(action)


def _create(action: Create, workshop: Workshop) -> None:
    blueprint = action.blueprint
    for folder in action.to_make:
        make_folder(folder)
    area = _build_aside(blueprint, action.furnishing, workshop)
    try:
        if blueprint.exchangeable:
            move_in(area, blueprint.end)
        else:
            swap_contents(area, blueprint.end)
    finally:
        remove_area(area, blueprint.end)


def _rebuild(action: Rebuild, workshop: Workshop) -> None:
    blueprint = action.blueprint
    area = _build_aside(blueprint, action.furnishing, workshop)
    try:
        if blueprint.exchangeable:
            swap(area, blueprint.end)
        else:
            swap_contents(area, blueprint.end)
    except OSError:  # then the former environment is at its place
        remove_area(area, blueprint.end)
        raise
    if action.keep:
        superseded = action.generations[: len(action.generations) + 1 - action.keep]
        keep_as_generation(area, blueprint.end, _now(), action.shelf, superseded)
    else:
        for kept in (area, *action.generations):
            remove_area(kept, blueprint.end)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _install(action: Install, workshop: Workshop) -> None:
    blueprint, wanted = action.blueprint, action.furnishing
    area = make_area(blueprint.area_parent, Marker(blueprint.name, blueprint.path, blueprint.end))
    try:
        furnish(blueprint.end, blueprint, wanted, area, workshop.log_of(blueprint))
        declare_paths(blueprint.end, blueprint.path, blueprint.library)
        _record(blueprint.end, wanted)
    finally:
        remove_area(area, blueprint.end)


def _build_aside(blueprint: Blueprint, wanted: Furnishing | None, workshop: Workshop) -> str:
    """Build in a staging area, and flush it; on failure nothing of it stays."""
    area = make_area(blueprint.area_parent, Marker(blueprint.name, blueprint.path, blueprint.end))
    place = f"{area}/{BUILT}"
    try:
        workshop.build(blueprint, area)
        if wanted is not None:
            furnish(place, blueprint, wanted, area, workshop.log_of(blueprint))
            declare_paths(place, blueprint.path, blueprint.library)
            _record(place, wanted)
        flush(area)
    except BaseException:
        remove_area(area, blueprint.end)
        raise
    return area


def _record(environment: str, wanted: Furnishing) -> None:
    """Write down what was installed from, where nothing else tells it later."""
    if wanted.declared is not None and wanted.declared.unsure:
        edit_settings(environment, {RECORD: wanted.declared.digest})


def _repair(action: Repair, workshop: Workshop) -> None:
    """Put files right, ``pyvenv.cfg`` last: until it is right, the next pass sees that there is work left.

    The activation scripts come after the others, since they tell where a moved environment was.
    """
    end, path = action.blueprint.end, action.blueprint.path
    for script in sorted(action.scripts, key=lambda script: script.kind == "activate"):
        retarget(end, script.name, script.named, path)
    if action.regenerate:
        _regenerate_scripts(action.blueprint, action.regenerate, workshop)
    for relative, text in action.links:
        set_inner_link(end, relative, text)
    if action.settings:
        edit_settings(end, dict(action.settings))


def _regenerate_scripts(blueprint: Blueprint, names: tuple[str, ...], workshop: Workshop) -> None:
    """Take activation scripts from a fresh build."""
    area = _build_aside(blueprint, None, workshop)
    try:
        for name in names:
            fresh = f"{area}/{BUILT}/bin/{name}"
            if os.path.isfile(fresh):
                put_inner_file(blueprint.end, f"bin/{name}", fresh)
    finally:
        remove_area(area, blueprint.end)
