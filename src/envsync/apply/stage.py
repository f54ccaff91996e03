"""Build and furnish environments in staging directories; what fails leaves nothing of them."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from envsync.apply.build import Workshop, edit_settings
from envsync.apply.embedded_paths import declare_paths
from envsync.apply.verify import names_no_staging
from envsync.formats.staging_marker import BUILT
from envsync.model.packages import INSTALLED
from envsync.model.plan import Blueprint, InstallSpec
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.packages import read_stock
from envsync.observe.processes import temporary_files_in
from envsync.observe.scripts import unexecutable
from envsync.plan.packages import damage_message
from envsync.write.directories import Root
from envsync.write.files import make_executable
from envsync.write.flush import flush
from envsync.write.locks import narrow
from envsync.write.staging import remove_area, remove_built, remove_scratch
from envsync.write.trees import link_tree, make_scratch

if TYPE_CHECKING:
    from envsync.apply.reinstall import Build, Stamps


def build_aside(blueprint: Blueprint, spec: InstallSpec | None, workshop: Workshop) -> str:
    """Build in a staging area, and flush it; on failure nothing of it stays."""
    area = workshop.staging.make(blueprint)
    try:
        if spec is None:
            workshop.build(blueprint, area)
        else:
            _furnish(area, blueprint, spec, workshop, lambda: workshop.build(blueprint, area))
        flush([area])
    except BaseException:
        remove_area(area, blueprint.end)
        raise
    return area


def install_beside(area: str, blueprint: Blueprint, spec: InstallSpec, workshop: Workshop) -> None:
    """Make a second environment in a staging area that shares its files with the first, and install into it.

    What is damaged in it is put right first. Raises ``EnvsyncError`` or ``OSError``.
    """
    first = Root(blueprint.end, blueprint.identity)
    _furnish(area, blueprint, spec, workshop, lambda: link_tree(first, f"{area}/{BUILT}"))


def _furnish(area: str, blueprint: Blueprint, spec: InstallSpec, workshop: Workshop, make: Callable[[], None]) -> None:
    """Install into what ``make`` makes in a staging area; where that fails, perhaps once more without a cache."""
    make()
    try:
        _install(area, blueprint, spec, workshop)
    except EnvsyncError as error:
        if not spec.cached or not workshop.retries.is_worthwhile(blueprint.end, error.problem.code):
            raise
        remove_built(area, BUILT)
        make()
        try:
            _install(area, blueprint, replace(spec, cached=False), workshop)
        except EnvsyncError as again:
            workshop.retries.note_failure(blueprint.end)
            raise (error if again.problem.code in {error.problem.code, "system-error"} else again) from again
        why = f"it failed with it ({error.problem.message})"
        workshop.remark(blueprint, f"installed without the installer's cache, which may be damaged: {why}")


def _install(area: str, blueprint: Blueprint, spec: InstallSpec, workshop: Workshop) -> None:
    from envsync.apply.reinstall import check_sound, put_right  # noqa: PLC0415  # only where packages are declared

    if spec.damaged:
        put_right(area, blueprint, spec, _builder(workshop))
    if not spec.only_damaged or not spec.damaged:
        _install_into(area, blueprint, spec, workshop)
    if spec.damaged:
        check_sound(area, blueprint.libraries)


def _builder(workshop: Workshop) -> "Build":
    return lambda blueprint, spec: build_aside(blueprint, spec, workshop)


def _install_into(area: str, blueprint: Blueprint, spec: InstallSpec, workshop: Workshop) -> None:
    from envsync.apply.install import Space, install  # noqa: PLC0415  # only where packages are declared
    from envsync.apply.reinstall import record_stamps  # noqa: PLC0415

    place = f"{area}/{BUILT}"
    made, before = os.lstat(place), record_stamps(place, blueprint.libraries)
    scratch = make_scratch(area)
    try:
        with workshop.building(spec), temporary_files_in(scratch):
            done = install(place, blueprint, spec, Space(workshop.log_of(blueprint), workshop.shared, scratch))
    finally:
        remove_scratch(area)
    narrow(place)
    if os.lstat(place).st_ino != made.st_ino or not os.path.isfile(f"{place}/pyvenv.cfg"):
        message = f"the installer made the environment for {blueprint.path} itself, and without what was in it"
        hint = "Nothing was changed. Look for a Python that its settings prefer."
        raise EnvsyncError(Problem("verify-failed", message, hint))
    declare_paths(place, blueprint.path, blueprint.libraries)
    sites = [f"{place}/{library}/site-packages" for library in blueprint.libraries]
    for name in unexecutable(place, filter(os.path.isdir, sites)):
        make_executable(Root(place), f"bin/{name}")
    names_no_staging(place, blueprint.path, area)
    settings = dict(done.settings)
    if not spec.only_damaged:
        if _put_new_damage_right(area, blueprint, spec, workshop, before) and INSTALLED in settings:
            settings[INSTALLED] = read_stock(place, blueprint.libraries).digest
        workshop.changes[blueprint.name] = done.changes
        for remark in done.remarks:
            workshop.remark(blueprint, remark)
    if settings:
        edit_settings(Root(place), settings)


def _put_new_damage_right(
    area: str, blueprint: Blueprint, spec: InstallSpec, workshop: Workshop, before: "Stamps"
) -> bool:
    """Compare what was installed since ``before`` with its ``RECORD``; what differs comes again, not from a cache.

    Return whether something did. Raises ``EnvsyncError`` or ``OSError`` where it differs again.
    """
    from envsync.apply.reinstall import find_new_damage, put_right, still_damaged  # noqa: PLC0415

    place = f"{area}/{BUILT}"
    damaged = find_new_damage(place, blueprint.libraries, before, workshop.digests)
    if not damaged:
        return False
    if not spec.cached:
        raise still_damaged(damaged)
    if not all(one.known for one in damaged):
        raise EnvsyncError(Problem("install-failed", damage_message(damaged[0]), "Nothing was changed."))
    try:
        put_right(area, blueprint, replace(spec, damaged=damaged, cached=False), _builder(workshop))
    except EnvsyncError as error:
        raise still_damaged(damaged, error.problem) from error
    left = find_new_damage(place, blueprint.libraries, before)
    if left:
        raise still_damaged(left)
    names = ", ".join(one.package.name for one in damaged)
    workshop.remark(blueprint, f"installed again without the installer's cache, where they are damaged: {names}")
    return True
