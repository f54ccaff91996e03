"""Build and furnish environments in staging directories; what fails leaves nothing of them."""

import os

from envsync.apply.embedded import declare_paths
from envsync.apply.verify import names_no_staging
from envsync.apply.workshop import Workshop, edit_settings, marker_of
from envsync.areas import BUILT
from envsync.errors import EnvsyncError, Problem
from envsync.observe.scripts import unexecutable
from envsync.plan.actions import Blueprint, InstallSpec
from envsync.write.area import make_area, remove_area, remove_scratch
from envsync.write.files import make_executable
from envsync.write.flush import flush
from envsync.write.handles import Root
from envsync.write.tree import make_scratch

__all__ = ["build_aside", "install_anew"]


def build_aside(blueprint: Blueprint, spec: InstallSpec | None, workshop: Workshop) -> str:
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


def install_anew(area: str, blueprint: Blueprint, spec: InstallSpec, workshop: Workshop) -> None:
    """Install into the environment in a staging directory; what is damaged in it is put right first."""
    from envsync.apply.reinstall import check_sound, put_right  # noqa: PLC0415  # only where packages are declared

    if spec.damaged:
        put_right(area, blueprint, spec, lambda alone, fresh: build_aside(alone, fresh, workshop))
    if not spec.only_damaged:
        _install_into(area, blueprint, spec, workshop)
    if spec.damaged:
        check_sound(area, blueprint.libraries)


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
