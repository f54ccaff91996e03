"""Carry out the actions of one environment's plan, as they stand."""

import contextlib
import os
from datetime import UTC, datetime
from typing import assert_never

from envsync.apply.embedded import declare_paths, declare_scripts
from envsync.apply.relinked import check_relinked
from envsync.apply.rollback import go_back, settle_rollback
from envsync.apply.scripts import carry_additions, rename_activators, render_activators
from envsync.apply.unowned import bring_unowned, holds_more, release_repeated
from envsync.apply.verify import names_no_staging
from envsync.apply.workshop import Workshop, edit_settings, marker_of
from envsync.areas import BUILT
from envsync.errors import EnvsyncError, Problem
from envsync.observe.scripts import unexecutable
from envsync.plan.actions import (
    Action,
    Blueprint,
    Create,
    EnvironmentPlan,
    Install,
    InstallSpec,
    Link,
    Rebuild,
    Repair,
    Rollback,
)
from envsync.write.area import (
    holds_former,
    keep_as_generation,
    make_area,
    read_area,
    remove_area,
    remove_debris,
    remove_scratch,
    remove_superseded,
)
from envsync.write.contents import swap_contents, undo_contents
from envsync.write.files import make_executable, make_folder, make_link, set_inner_link
from envsync.write.flush import flush
from envsync.write.handles import Root
from envsync.write.swap import move_in, put_back, swap
from envsync.write.tree import bring_along, contents_of, link_tree, make_scratch

__all__ = ["carry_out", "clear_area", "clear_away"]


def clear_away(plan: EnvironmentPlan, shelf: str) -> None:
    """Finish, undo or remove what an interrupted pass left for this environment.

    A former environment that it left goes to the folder ``shelf``, as a generation. Raises ``OSError``.
    """
    folder = plan.world.folder
    for area in folder.leftovers:
        if area in folder.generations:
            settle_rollback(plan, area, _now())
        else:
            clear_area(area, folder.chain.end, shelf)
    if folder.environment is not None and folder.environment.debris:
        remove_debris(Root(folder.chain.end, folder.identity), folder.environment.debris)


def clear_area(area: str, end: str, shelf: str) -> None:
    """Finish, undo or remove what an interrupted pass left in a staging area. Raises ``OSError``.

    Called under the lock of ``end``: an area that was listed before may have become a generation of a pass since.
    """
    marker = read_area(area)
    if marker is not None and (marker.kind, marker.end) != ("staging", end):
        return
    put_back(area, end)
    undo_contents(area, end)
    if holds_former(area, end):
        keep_as_generation(area, _now(), shelf, loose=True)  # nobody has looked whether it is
    else:
        remove_area(area, end)


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
            go_back(action, _now(), lambda repair: _repair(repair, workshop))
            workshop.changes[action.name] = action.changes
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
    area = _build_aside(blueprint, action.spec, workshop)
    try:
        if action.strays:
            _take_place(area, action)
        elif blueprint.exchangeable:
            move_in(f"{area}/{BUILT}", blueprint.end)
        else:
            swap_contents(area, _root(blueprint))
    finally:
        with contextlib.suppress(OSError):  # what is left is cleared away by the next pass
            remove_area(area, blueprint.end)


def _take_place(area: str, action: Create) -> None:
    """Exchange what was built for a folder that holds only stray files, which stay as they are."""
    blueprint, place = action.blueprint, f"{area}/{BUILT}"
    bring_along(_root(blueprint), Root(place), action.strays, over=True)
    flush([area])
    _exchange(area, blueprint)
    if not {*os.listdir(place)} <= {*action.strays}:  # something came into it up to the last instant
        if blueprint.exchangeable:
            swap(area, Root(blueprint.end))
        else:
            undo_contents(area, blueprint.end, even_if_complete=True)
        message = f"something else has written into {blueprint.end} while the environment was being built"
        raise EnvsyncError(Problem("changed-meanwhile", message, "Nothing was lost. Apply again when that has ended."))


def _rebuild(action: Rebuild, workshop: Workshop) -> None:
    blueprint = action.blueprint
    area = _build_aside(blueprint, action.spec, workshop)
    try:
        carry_additions(action, area)
        bring_unowned(area, action)
    except BaseException:
        remove_area(area, blueprint.end)
        raise
    _exchange(area, blueprint)
    loose = holds_more(f"{area}/{BUILT}", action)
    staying = release_repeated(action.generations, area) if loose else 0
    if staying:
        told = f"{staying + 1} earlier contents are kept, since each holds files of yours that no other has"
        workshop.remark(blueprint, f"{told}: see `envsync prune`")
    _keep(area, action, loose=loose)


def _install(action: Install, workshop: Workshop) -> None:
    """Install into a second environment that shares its files with the first, and exchange the two."""
    blueprint = action.blueprint
    before = contents_of(blueprint.end)
    area = make_area(blueprint.area_parent, marker_of(blueprint, discard=not action.keep))
    try:
        link_tree(_root(blueprint), f"{area}/{BUILT}")
        _install_anew(area, blueprint, action.spec, workshop)
        flush([area])
        _refuse_changes(contents_of(blueprint.end), before, blueprint)
    except BaseException:
        remove_area(area, blueprint.end)
        raise
    _exchange(area, blueprint)
    _keep_what_came(area, blueprint, before)
    with contextlib.suppress(OSError):  # it is done; what is left is cleared away by the next pass
        _keep(area, action, loose=False)


def _keep(area: str, action: Install | Rebuild, *, loose: bool) -> None:
    """Keep a former environment as a generation, or remove it; then those that it supersedes."""
    keep = max(action.keep, int(loose))
    if keep:
        keep_as_generation(area, _now(), action.shelf, loose=loose)
    else:
        remove_area(area, action.blueprint.end)
    surplus = max(0, len(action.generations) + min(1, keep) - action.keep)
    remove_superseded(action.generations[:surplus], action.blueprint.end)


def _keep_what_came(area: str, blueprint: Blueprint, before: dict[str, tuple[int, int, int]]) -> None:
    """Look whether something came into the former environment up to the last instant; then put it back, or keep it."""
    try:
        now = contents_of(f"{area}/{BUILT}")
    except OSError:  # something goes while it is looked at: somebody is at work in it
        now = {}
    if now == before:
        return
    if blueprint.exchangeable:
        swap(area, Root(blueprint.end))
        remove_area(area, blueprint.end)
    else:
        keep_as_generation(area, _now(), os.path.dirname(area), loose=True)
    _refuse_changes(now, before, blueprint)


def _refuse_changes(now: object, before: object, blueprint: Blueprint) -> None:
    if now != before:
        message = f"something else has written into {blueprint.end} while packages were being installed"
        raise EnvsyncError(Problem("changed-meanwhile", message, "Nothing was lost. Apply again when that has ended."))


def _install_anew(area: str, blueprint: Blueprint, spec: InstallSpec, workshop: Workshop) -> None:
    from envsync.apply.reinstall import check_sound, put_right  # noqa: PLC0415  # only where packages are declared

    if spec.damaged:
        put_right(area, blueprint, spec, lambda alone, fresh: _build_aside(alone, fresh, workshop))
    if not spec.only_damaged:
        _install_into(area, blueprint, spec, workshop)
    if spec.damaged:
        check_sound(area, blueprint.libraries)


def _exchange(area: str, blueprint: Blueprint) -> None:
    try:
        if blueprint.exchangeable:
            swap(area, _root(blueprint))
        else:
            swap_contents(area, _root(blueprint))
    except OSError:  # then the former environment is at its place
        remove_area(area, blueprint.end)
        raise


def _root(blueprint: Blueprint) -> Root:
    return Root(blueprint.end, blueprint.identity)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _build_aside(blueprint: Blueprint, spec: InstallSpec | None, workshop: Workshop) -> str:
    """Build in a staging area, and flush it; on failure nothing of it stays."""
    area = make_area(blueprint.area_parent, marker_of(blueprint))
    try:
        workshop.build(blueprint, area)
        if spec is not None:
            _install_into(area, blueprint, spec, workshop)
        flush([area])
    except BaseException:
        remove_area(area, blueprint.end)
        raise
    return area


def _install_into(area: str, blueprint: Blueprint, spec: InstallSpec, workshop: Workshop) -> None:
    from envsync.apply.install import Space, install  # noqa: PLC0415  # only where packages are declared

    place = f"{area}/{BUILT}"
    made = os.lstat(place)
    scratch = make_scratch(area)
    try:
        with workshop.building(spec):
            done = install(place, blueprint, spec, Space(workshop.log_of(blueprint), workshop.shared, scratch))
    finally:
        remove_scratch(area)
    if os.lstat(place).st_ino != made.st_ino or not os.path.isfile(f"{place}/pyvenv.cfg"):
        message = f"the installer made the environment for {blueprint.path} itself, and without what was in it"
        hint = "Nothing was changed. Look for a Python that its settings prefer."
        raise EnvsyncError(Problem("verify-failed", message, hint))
    declare_paths(place, blueprint.path, blueprint.libraries)
    sites = [f"{place}/{library}/site-packages" for library in blueprint.libraries]
    for name in unexecutable(place, filter(os.path.isdir, sites)):
        make_executable(Root(place), f"bin/{name}")
    names_no_staging(place, blueprint.path, area)
    if done.settings:
        edit_settings(Root(place), dict(done.settings))
    if not spec.only_damaged:
        workshop.changes[blueprint.name] = done.changes
        for remark in done.remarks:
            workshop.remark(blueprint, remark)


def _repair(action: Repair, workshop: Workshop) -> None:
    """Put files right, ``pyvenv.cfg`` last: until it is right, the next pass sees that there is work left.

    The activation scripts come after the others, since they show where a moved environment was.
    """
    blueprint, root = action.blueprint, _root(action.blueprint)
    check_relinked(action, workshop)
    for script in action.scripts:
        if script.kind == "mode":
            make_executable(root, f"bin/{script.name}")
    shebangs = {script.name: script.named for script in action.scripts if script.kind == "shebang"}
    declare_scripts(root, shebangs, blueprint.path, blueprint.libraries)
    if rename_activators(root, action):
        area = _build_aside(blueprint, None, workshop)
        try:
            render_activators(root, action, area, workshop)
        finally:
            remove_area(area, blueprint.end)
    for relative, text in action.links:
        set_inner_link(root, relative, text)
    if action.settings:
        edit_settings(root, dict(action.settings))
