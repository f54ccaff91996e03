"""Build environments and install packages in staging directories; a failure leaves nothing of them."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from envsync.apply.build import EnvironmentBuilder, edit_settings
from envsync.apply.embedded_paths import embed_path
from envsync.apply.verify import refuse_staging_paths
from envsync.formats.staging_marker import BUILT
from envsync.model.blueprint import Blueprint
from envsync.model.install import InstallSpec
from envsync.model.packages import INSTALLED
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.packages import read_installed
from envsync.observe.processes import temporary_files_in
from envsync.observe.scripts import unexecutable
from envsync.plan.packages import damage_message
from envsync.write.directories import Root
from envsync.write.files import make_executable
from envsync.write.flush import flush
from envsync.write.locks import remove_others_write
from envsync.write.staging import remove_built, remove_scratch, remove_staging_dir
from envsync.write.trees import link_tree, make_scratch

if TYPE_CHECKING:
    from envsync.apply.alike import Turn
    from envsync.apply.install import Installed
    from envsync.apply.reinstall import Build, Stamps


def build_aside(blueprint: Blueprint, spec: InstallSpec | None, env_builder: EnvironmentBuilder) -> str:
    """Build in a staging directory, and flush it; on failure nothing of it stays."""
    staging_dir = env_builder.staging.make(blueprint)
    try:
        if spec is None:
            env_builder.build(blueprint, staging_dir)
        else:
            _install_packages(
                staging_dir,
                blueprint,
                spec,
                env_builder,
                lambda: env_builder.build(blueprint, staging_dir),
            )
        env_builder.progress.step(blueprint.name, "writing to disk")
        flush([staging_dir])
    except BaseException:
        remove_staging_dir(staging_dir, blueprint.end)
        raise
    return staging_dir


def install_beside(staging_dir: str, blueprint: Blueprint, spec: InstallSpec, env_builder: EnvironmentBuilder) -> None:
    """Make a second environment in a staging directory that shares its files with the first, and install into it.

    What is damaged in it is put right first. Raises ``EnvsyncError`` or ``OSError``.
    """
    first = Root(blueprint.end, blueprint.identity)
    _install_packages(staging_dir, blueprint, spec, env_builder, lambda: link_tree(first, f"{staging_dir}/{BUILT}"))


def _install_packages(
    staging_dir: str,
    blueprint: Blueprint,
    spec: InstallSpec,
    env_builder: EnvironmentBuilder,
    make: Callable[[], None],
) -> None:
    """Install into what ``make`` makes in a staging directory; where that fails, perhaps once more without a cache."""
    make()
    try:
        _install(staging_dir, blueprint, spec, env_builder)
    except EnvsyncError as error:
        if not spec.cached or not env_builder.retries.is_worthwhile(blueprint.end, error.problem.code):
            raise
        remove_built(staging_dir, BUILT)
        make()
        try:
            _install(staging_dir, blueprint, replace(spec, cached=False), env_builder)
        except EnvsyncError as again:
            env_builder.retries.note_failure(blueprint.end)
            raise (error if again.problem.code in {error.problem.code, "system-error"} else again) from again
        why = f"it failed with it ({error.problem.message})"
        env_builder.remark(blueprint, f"installed without the installer's cache, which may be damaged: {why}")


def _install(staging_dir: str, blueprint: Blueprint, spec: InstallSpec, env_builder: EnvironmentBuilder) -> None:
    from envsync.apply.reinstall import check_sound, reinstall  # noqa: PLC0415  # only where packages are declared

    if spec.damaged:
        reinstall(staging_dir, blueprint, spec, _builder(env_builder))
    if not spec.only_damaged or not spec.damaged:
        _install_into(staging_dir, blueprint, spec, env_builder)
    if spec.damaged:
        check_sound(staging_dir, blueprint.libraries)


def _builder(env_builder: EnvironmentBuilder) -> "Build":
    return lambda blueprint, spec: build_aside(blueprint, spec, env_builder)


def _install_into(staging_dir: str, blueprint: Blueprint, spec: InstallSpec, env_builder: EnvironmentBuilder) -> None:
    from envsync.apply.alike import Turn  # noqa: PLC0415  # only where packages are declared
    from envsync.apply.reinstall import record_stamps  # noqa: PLC0415

    place = f"{staging_dir}/{BUILT}"
    before = record_stamps(place, blueprint.libraries)
    alike = None if before else env_builder.alike  # of a new environment alone
    with alike.turn(blueprint, spec) if alike else contextlib.nullcontext(Turn()) as turn:
        done = _run_installer(staging_dir, blueprint, spec, env_builder, turn)
        settings = dict(done.settings)
        if not spec.only_damaged:
            damaged = not turn.is_verified and _put_new_damage_right(staging_dir, blueprint, spec, env_builder, before)
            if damaged:
                turn.spoil()
            if damaged and INSTALLED in settings:
                settings[INSTALLED] = read_installed(place, blueprint.libraries).digest
            env_builder.changes[blueprint.name] = done.changes
            for remark in done.remarks:
                env_builder.remark(blueprint, remark)
    if settings:
        edit_settings(Root(place), settings)


def _run_installer(
    staging_dir: str, blueprint: Blueprint, spec: InstallSpec, env_builder: EnvironmentBuilder, turn: "Turn"
) -> "Installed":
    """Install in a turn, and make the paths in what was installed the declared ones."""
    from envsync.apply.install import Space, install  # noqa: PLC0415  # only where packages are declared

    place = f"{staging_dir}/{BUILT}"
    made = os.lstat(place)
    scratch = make_scratch(staging_dir)
    try:
        space = Space(env_builder.log_of(blueprint), env_builder.cache.directory, scratch, env_builder.progress)
        with env_builder.building(spec), temporary_files_in(scratch):
            done, built = turn.install(place, blueprint.libraries, partial(install, place, blueprint, spec, space))
    finally:
        remove_scratch(staging_dir)
    if not turn.is_verified:
        remove_others_write(place)
    if os.lstat(place).st_ino != made.st_ino or not os.path.isfile(f"{place}/pyvenv.cfg"):
        message = f"the installer made the environment for {blueprint.path} itself, and without what was in it"
        hint = "Nothing was changed. Look for a Python that its settings prefer."
        raise EnvsyncError(Problem("verify-failed", message, hint))
    embed_path(place, built, blueprint.path, blueprint.libraries)
    sites = [f"{place}/{library}/site-packages" for library in blueprint.libraries]
    for name in unexecutable(place, filter(os.path.isdir, sites)):
        make_executable(Root(place), f"bin/{name}")
    refuse_staging_paths(place, blueprint.path, staging_dir, os.path.dirname(built))
    return done


def _put_new_damage_right(
    staging_dir: str, blueprint: Blueprint, spec: InstallSpec, env_builder: EnvironmentBuilder, before: "Stamps"
) -> bool:
    """Compare what was installed since ``before`` with its ``RECORD``; what differs comes again, not from a cache.

    Return whether something did. Raises ``EnvsyncError`` or ``OSError`` where it differs again.
    """
    from envsync.apply.reinstall import find_new_damage, reinstall, still_damaged  # noqa: PLC0415

    place = f"{staging_dir}/{BUILT}"
    damaged = find_new_damage(place, blueprint.libraries, before, env_builder.digests)
    if not damaged:
        return False
    if not spec.cached:
        raise still_damaged(damaged)
    if not all(one.known for one in damaged):
        raise EnvsyncError(Problem("install-failed", damage_message(damaged[0]), "Nothing was changed."))
    try:
        reinstall(staging_dir, blueprint, replace(spec, damaged=damaged, cached=False), _builder(env_builder))
    except EnvsyncError as error:
        raise still_damaged(damaged, error.problem) from error
    left = find_new_damage(place, blueprint.libraries, before)
    if left:
        raise still_damaged(left)
    names = ", ".join(one.package.name for one in damaged)
    env_builder.remark(blueprint, f"installed again without the installer's cache, where they are damaged: {names}")
    return True
