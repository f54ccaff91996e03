"""Carry out the actions of one environment's plan, as they stand."""

import contextlib
import os
from dataclasses import replace
from typing import assert_never

from envsync.apply.build import EnvironmentBuilder, edit_settings
from envsync.apply.embedded_paths import carry_additions, rename_activators, render_activators, retarget_scripts
from envsync.apply.exchange import (
    NotExchangeableError,
    bring_in,
    bring_unowned,
    contents_at,
    exchange,
    holds_more,
    keep,
    now,
    refuse_changes,
    refuse_last_changes,
    release_repeated,
    root_of,
    take_place,
)
from envsync.apply.links import make_recorded
from envsync.apply.rollback import roll_back_to, settle_rollback, shortcomings
from envsync.apply.stage import build_aside, install_beside
from envsync.apply.verify import mismatch_of
from envsync.formats import pyvenv_cfg
from envsync.formats.staging_marker import BUILT
from envsync.model.blueprint import Blueprint
from envsync.model.plan import Action, Create, EnvironmentPlan, Install, Link, Rebuild, Repair, Rollback
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.files import read_text
from envsync.write.copy_up import finish_copy_up
from envsync.write.directories import Root
from envsync.write.exchange import undo_contents
from envsync.write.files import make_directory, make_executable, set_inner_link
from envsync.write.flush import flush
from envsync.write.staging import (
    holds_former,
    keep_as_generation,
    read_marker_of,
    remove_partial_files,
    remove_staging_dir,
)
from envsync.write.swap import settle_exchange
from envsync.write.trees import Entry, make_scratch, write_tree

_READ = frozenset({"home", "include-system-site-packages", "version", "version_info", "executable"})
"""Keys of ``pyvenv.cfg`` that some Python reads; the others make no difference to how it runs."""


def check_relinked(action: Repair, env_builder: EnvironmentBuilder) -> None:
    """Try the interpreter link and the ``pyvenv.cfg`` that a repair would leave, each combination once in a pass.

    A program that runs another Python, say, works as an interpreter and makes no environment: then the environment
    stays what it was. Raises ``EnvsyncError`` (``verify-failed``) or ``OSError``.
    """
    blueprint, settings = action.blueprint, dict(action.settings)
    if not any(relative == "bin/python" for relative, _ in action.links) and "home" not in settings:
        return
    text = pyvenv_cfg.update(read_text(f"{blueprint.end}/pyvenv.cfg"), settings)
    kind = (blueprint.links[0], tuple(pair for pair in pyvenv_cfg.parse(text) if pair[0] in _READ))
    if kind in env_builder.tried:
        return
    staging_dir = env_builder.staging.make(blueprint)
    try:
        place = f"{make_scratch(staging_dir)}/trial"
        write_tree(place, _bare(blueprint, text))
        reason = mismatch_of(place, blueprint)
    finally:
        remove_staging_dir(staging_dir, blueprint.end)
    if reason:
        link = blueprint.links[0][1]
        message = f"{link} does not run as the environment {blueprint.path}: {reason}"
        hint = "The environment was left as it was. Name another interpreter."
        raise EnvsyncError(Problem("verify-failed", message, hint))
    env_builder.tried.add(kind)


def _bare(blueprint: Blueprint, text: str) -> tuple[Entry, ...]:
    """Return the least that makes an environment."""
    directories = {"bin": None}
    for library in blueprint.libraries:
        parts = f"{library}/site-packages".split("/")
        directories |= dict.fromkeys("/".join(parts[: depth + 1]) for depth in range(len(parts)))
    return (
        *map(Entry, directories),
        Entry("bin/python", link=blueprint.links[0][1]),
        Entry("pyvenv.cfg", content=text.encode("utf-8", "surrogateescape")),
    )


def clear_away(plan: EnvironmentPlan, generations_dir: str) -> None:
    """Finish, undo or remove what an interrupted pass left for this environment.

    A former environment that it left goes to the directory ``generations_dir``, as a generation. Raises ``OSError``.
    """
    directory = plan.world.directory
    for staging_dir in directory.interrupted_staging:
        if staging_dir in directory.generations:
            settle_rollback(plan, staging_dir, now())
        else:
            try:
                clear_staging_dir(staging_dir, directory.chain.end, generations_dir)
            except FileNotFoundError:
                if os.path.lexists(
                    staging_dir
                ):  # else another environment's thread has cleared it away: it has no marker
                    raise
    if directory.environment is not None and directory.environment.partial_files:
        remove_partial_files(Root(directory.chain.end, directory.identity), directory.environment.partial_files)


def clear_staging_dir(staging_dir: str, end: str, generations_dir: str) -> None:
    """Finish, undo or remove what an interrupted pass left in a staging directory. Raises ``OSError``.

    Called under the lock of ``end``: a staging directory that was listed before may have become a generation of a pass
    since.
    """
    marker = read_marker_of(staging_dir)
    if marker is not None and ((marker.kind, marker.end) != ("staging", end) or marker.moves_to):
        return
    settle_exchange(staging_dir, end)
    finish_copy_up(staging_dir, end)
    undo_contents(staging_dir, end)
    if holds_former(staging_dir, end):
        keep_as_generation(staging_dir, now(), generations_dir, irreplaceable=True)  # nobody has looked whether it is
    else:
        remove_staging_dir(staging_dir, end)


def carry_out(action: Action, env_builder: EnvironmentBuilder) -> None:
    """Carry out one action. Raises ``EnvsyncError`` or ``OSError``; then nothing is half made."""
    try:
        _carry_out(action, env_builder)
    except NotExchangeableError as refused:
        if not isinstance(action, Create | Rebuild | Install):
            raise
        here = replace(action.blueprint, exchangeable=False, staging_parent=action.blueprint.end)
        env_builder.remark(
            here, f"{here.end} cannot be swapped as a whole ({refused}): its entries were, not atomically"
        )
        _carry_out(replace(action, blueprint=here), env_builder)


def _carry_out(action: Action, env_builder: EnvironmentBuilder) -> None:
    match action:
        case Create():
            _create(action, env_builder)
        case Repair():
            _repair(action, env_builder)
        case Rebuild():
            _rebuild(action, env_builder)
        case Install():
            _install(action, env_builder)
        case Rollback():
            env_builder.progress.step(action.name, "checking the generation")
            env_builder.remarks.setdefault(action.name, []).extend(shortcomings(action))
            env_builder.progress.step(action.name, "swapping it in")
            roll_back_to(action, now(), lambda repair: _repair(repair, env_builder))
            env_builder.changes[action.name] = action.changes
        case Link():
            make_recorded(action)
        case _:
            assert_never(action)


def _create(action: Create, env_builder: EnvironmentBuilder) -> None:
    blueprint = action.blueprint
    for directory in action.to_make:
        make_directory(directory)
    staging_dir = build_aside(blueprint, action.spec, env_builder)
    try:
        staging_dir = take_place(staging_dir, action) if action.stray_files else bring_in(staging_dir, blueprint)
    finally:
        with contextlib.suppress(OSError):  # what is left is cleared away by the next pass
            remove_staging_dir(staging_dir, blueprint.end)


def _rebuild(action: Rebuild, env_builder: EnvironmentBuilder) -> None:
    blueprint = action.blueprint
    staging_dir = build_aside(blueprint, action.spec, env_builder)
    try:
        bring_unowned(staging_dir, action)
        carry_additions(action, staging_dir, env_builder)
    except BaseException:
        remove_staging_dir(staging_dir, blueprint.end)
        raise
    staging_dir = exchange(staging_dir, blueprint)
    with contextlib.suppress(OSError):  # it is done; what is left is cleared away by the next pass
        irreplaceable = holds_more(f"{staging_dir}/{BUILT}", action)
        staying = release_repeated(action.generations, staging_dir) if irreplaceable else 0
        if staying:
            kept = f"{staying + 1} earlier contents are kept, since each holds files of yours that no other has"
            env_builder.remark(blueprint, f"{kept}: see `envsync prune`")
        keep(staging_dir, action, irreplaceable=irreplaceable)


def _install(action: Install, env_builder: EnvironmentBuilder) -> None:
    """Install into a second environment that shares its files with the first, and exchange the two."""
    blueprint = action.blueprint
    before = contents_at(blueprint.end, blueprint)
    staging_dir = env_builder.staging.make(blueprint, discard=not action.keep)
    try:
        install_beside(staging_dir, blueprint, action.spec, env_builder)
        env_builder.progress.step(blueprint.name, "writing to disk")
        flush([staging_dir])
        refuse_changes(contents_at(blueprint.end, blueprint), before, blueprint)
    except BaseException:
        remove_staging_dir(staging_dir, blueprint.end)
        raise
    staging_dir = exchange(staging_dir, blueprint)
    refuse_last_changes(staging_dir, blueprint, before)
    with contextlib.suppress(OSError):  # it is done; what is left is cleared away by the next pass
        keep(staging_dir, action, irreplaceable=False)


def _repair(action: Repair, env_builder: EnvironmentBuilder) -> None:
    """Put files right, ``pyvenv.cfg`` last: until it is right, the next pass sees that there is work left.

    The activation scripts come after the others, since they show where a moved environment was.
    """
    blueprint, root = action.blueprint, root_of(action.blueprint)
    check_relinked(action, env_builder)
    for script in action.scripts:
        if script.kind == "mode":
            make_executable(root, f"bin/{script.name}")
    shebangs = {script.name: script.named for script in action.scripts if script.kind == "shebang"}
    retarget_scripts(root, shebangs, blueprint.path, blueprint.libraries)
    if rename_activators(root, action):
        staging_dir = build_aside(blueprint, None, env_builder)
        try:
            render_activators(root, action, staging_dir, env_builder)
        finally:
            remove_staging_dir(staging_dir, blueprint.end)
    for relative, text in action.links:
        set_inner_link(root, relative, text)
    if action.settings:
        edit_settings(root, dict(action.settings))
