"""Carry out the actions of one environment's plan, as they stand."""

import contextlib
from dataclasses import replace
from typing import assert_never

from envsync.apply.build import Workshop, edit_settings
from envsync.apply.embedded_paths import carry_additions, declare_scripts, rename_activators, render_activators
from envsync.apply.exchange import (
    NotExchangeableError,
    bring_in,
    bring_unowned,
    contents_at,
    exchange,
    holds_more,
    keep,
    keep_what_came,
    now,
    refuse_changes,
    release_repeated,
    root_of,
    take_place,
)
from envsync.apply.rollback import go_back, settle_rollback, shortcomings
from envsync.apply.stage import build_aside, install_beside
from envsync.apply.verify import reason_not_to_run
from envsync.formats import pyvenv_cfg
from envsync.formats.staging_marker import BUILT
from envsync.model.plan import Action, Blueprint, Create, EnvironmentPlan, Install, Link, Rebuild, Repair, Rollback
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.files import read_text
from envsync.write.copy_up import finish_copy_up
from envsync.write.directories import Root
from envsync.write.exchange import undo_contents
from envsync.write.files import make_executable, make_folder, make_launcher, make_link, set_inner_link
from envsync.write.flush import flush
from envsync.write.staging import holds_former, keep_as_generation, read_area, remove_area, remove_debris
from envsync.write.swap import settle_trade
from envsync.write.trees import Entry, make_scratch, write_tree

_READ = frozenset({"home", "include-system-site-packages", "version", "version_info", "executable"})
"""Keys of ``pyvenv.cfg`` that some Python reads; the others make no difference to how it runs."""


def check_relinked(action: Repair, workshop: Workshop) -> None:
    """Try the interpreter link and the ``pyvenv.cfg`` that a repair would leave, each combination once in a pass.

    A program that runs another Python, say, works as an interpreter and makes no environment: then the environment
    stays what it was. Raises ``EnvsyncError`` (``verify-failed``) or ``OSError``.
    """
    blueprint, settings = action.blueprint, dict(action.settings)
    if not any(relative == "bin/python" for relative, _ in action.links) and "home" not in settings:
        return
    text = pyvenv_cfg.update(read_text(f"{blueprint.end}/pyvenv.cfg"), settings)
    kind = (blueprint.links[0], tuple(pair for pair in pyvenv_cfg.parse(text) if pair[0] in _READ))
    if kind in workshop.tried:
        return
    area = workshop.staging.make(blueprint)
    try:
        place = f"{make_scratch(area)}/trial"
        write_tree(place, _bare(blueprint, text))
        reason = reason_not_to_run(place, blueprint)
    finally:
        remove_area(area, blueprint.end)
    if reason:
        link = blueprint.links[0][1]
        message = f"{link} does not run as the environment {blueprint.path}: {reason}"
        hint = "The environment was left as it was. Name another interpreter."
        raise EnvsyncError(Problem("verify-failed", message, hint))
    workshop.tried.add(kind)


def _bare(blueprint: Blueprint, text: str) -> tuple[Entry, ...]:
    """Return the least that makes an environment."""
    folders = {"bin": None}
    for library in blueprint.libraries:
        parts = f"{library}/site-packages".split("/")
        folders |= dict.fromkeys("/".join(parts[: depth + 1]) for depth in range(len(parts)))
    return (
        *map(Entry, folders),
        Entry("bin/python", link=blueprint.links[0][1]),
        Entry("pyvenv.cfg", content=text.encode("utf-8", "surrogateescape")),
    )


def clear_away(plan: EnvironmentPlan, shelf: str) -> None:
    """Finish, undo or remove what an interrupted pass left for this environment.

    A former environment that it left goes to the folder ``shelf``, as a generation. Raises ``OSError``.
    """
    folder = plan.world.folder
    for area in folder.leftovers:
        if area in folder.generations:
            settle_rollback(plan, area, now())
        else:
            clear_area(area, folder.chain.end, shelf)
    if folder.environment is not None and folder.environment.debris:
        remove_debris(Root(folder.chain.end, folder.identity), folder.environment.debris)


def clear_area(area: str, end: str, shelf: str) -> None:
    """Finish, undo or remove what an interrupted pass left in a staging area. Raises ``OSError``.

    Called under the lock of ``end``: an area that was listed before may have become a generation of a pass since.
    """
    marker = read_area(area)
    if marker is not None and ((marker.kind, marker.end) != ("staging", end) or marker.moves_to):
        return
    settle_trade(area, end)
    finish_copy_up(area, end)
    undo_contents(area, end)
    if holds_former(area, end):
        keep_as_generation(area, now(), shelf, loose=True)  # nobody has looked whether it is
    else:
        remove_area(area, end)


def carry_out(action: Action, workshop: Workshop) -> None:
    """Carry out one action. Raises ``EnvsyncError`` or ``OSError``; then nothing is half made."""
    try:
        _carry_out(action, workshop)
    except NotExchangeableError as refused:
        if not isinstance(action, Create | Rebuild | Install):
            raise
        here = replace(action.blueprint, exchangeable=False, area_parent=action.blueprint.end)
        workshop.remark(here, f"{here.end} cannot be swapped as a whole ({refused}): its entries were, not atomically")
        _carry_out(replace(action, blueprint=here), workshop)


def _carry_out(action: Action, workshop: Workshop) -> None:
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
            workshop.remarks.setdefault(action.name, []).extend(shortcomings(action))
            go_back(action, now(), lambda repair: _repair(repair, workshop))
            workshop.changes[action.name] = action.changes
        case Link():
            for folder in action.to_make:
                make_folder(folder)
            (make_launcher if action.is_launcher else make_link)(action.place, action.text)
        case _:
            assert_never(action)


def _create(action: Create, workshop: Workshop) -> None:
    blueprint = action.blueprint
    for folder in action.to_make:
        make_folder(folder)
    area = build_aside(blueprint, action.spec, workshop)
    try:
        area = take_place(area, action) if action.strays else bring_in(area, blueprint)
    finally:
        with contextlib.suppress(OSError):  # what is left is cleared away by the next pass
            remove_area(area, blueprint.end)


def _rebuild(action: Rebuild, workshop: Workshop) -> None:
    blueprint = action.blueprint
    area = build_aside(blueprint, action.spec, workshop)
    try:
        carry_additions(action, area)
        bring_unowned(area, action)
    except BaseException:
        remove_area(area, blueprint.end)
        raise
    area = exchange(area, blueprint)
    with contextlib.suppress(OSError):  # it is done; what is left is cleared away by the next pass
        loose = holds_more(f"{area}/{BUILT}", action)
        staying = release_repeated(action.generations, area) if loose else 0
        if staying:
            told = f"{staying + 1} earlier contents are kept, since each holds files of yours that no other has"
            workshop.remark(blueprint, f"{told}: see `envsync prune`")
        keep(area, action, loose=loose)


def _install(action: Install, workshop: Workshop) -> None:
    """Install into a second environment that shares its files with the first, and exchange the two."""
    blueprint = action.blueprint
    before = contents_at(blueprint.end, blueprint)
    area = workshop.staging.make(blueprint, discard=not action.keep)
    try:
        install_beside(area, blueprint, action.spec, workshop)
        flush([area])
        refuse_changes(contents_at(blueprint.end, blueprint), before, blueprint)
    except BaseException:
        remove_area(area, blueprint.end)
        raise
    area = exchange(area, blueprint)
    keep_what_came(area, blueprint, before)
    with contextlib.suppress(OSError):  # it is done; what is left is cleared away by the next pass
        keep(area, action, loose=False)


def _repair(action: Repair, workshop: Workshop) -> None:
    """Put files right, ``pyvenv.cfg`` last: until it is right, the next pass sees that there is work left.

    The activation scripts come after the others, since they show where a moved environment was.
    """
    blueprint, root = action.blueprint, root_of(action.blueprint)
    check_relinked(action, workshop)
    for script in action.scripts:
        if script.kind == "mode":
            make_executable(root, f"bin/{script.name}")
    shebangs = {script.name: script.named for script in action.scripts if script.kind == "shebang"}
    declare_scripts(root, shebangs, blueprint.path, blueprint.libraries)
    if rename_activators(root, action):
        area = build_aside(blueprint, None, workshop)
        try:
            render_activators(root, action, area, workshop)
        finally:
            remove_area(area, blueprint.end)
    for relative, text in action.links:
        set_inner_link(root, relative, text)
    if action.settings:
        edit_settings(root, dict(action.settings))
