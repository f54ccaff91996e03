"""Install packages into an environment: the declared ones, and in a rebuild what was there before."""

import os
from collections.abc import Iterable

from packaging.utils import canonicalize_name

from envsync.apply.installers import Installer, InstallError, Space, Uv, find_installer
from envsync.errors import EnvsyncError, Problem
from envsync.observe.stock import metadata_places, read_stock
from envsync.observed import SEEDS, Declared, Distribution
from envsync.plan.actions import Blueprint, Furnishing
from envsync.write.files import new_file, remove_recorded
from envsync.write.handles import Root

__all__ = ["furnish"]


def furnish(place: str, blueprint: Blueprint, wanted: Furnishing, area: str, space: Space) -> None:
    """Install what a plan wants into the environment at ``place``; ``area`` is where files for the installer may lie.

    Declared packages come first, then the rest of the former stock at the versions it had. Where the manifest leaves
    the choice, and uv cannot work with this Python, pip does it. Raises ``EnvsyncError``, ``OSError``.
    """
    installer = find_installer(wanted.installer, blueprint, space, cached=wanted.cached)
    try:
        _furnish_with(installer, place, blueprint, wanted, area)
    except EnvsyncError:
        locked_by_uv = wanted.declared is not None and wanted.declared.sync is not None
        if wanted.installer != "auto" or locked_by_uv or not isinstance(installer, Uv) or installer.knows(place):
            raise
        _furnish_with(find_installer("pip", blueprint, space), place, blueprint, wanted, area)


def _furnish_with(installer: Installer, place: str, blueprint: Blueprint, wanted: Furnishing, area: str) -> None:
    if wanted.declared is not None:
        _install_declared(place, wanted, wanted.declared, installer, area)
    present = read_stock(place, blueprint.libraries).versions()
    missing = [one for one in wanted.former if one.name not in present]
    _restore(place, missing, wanted, installer)
    _unrequest(place, blueprint, {one.name for one in missing if not one.requested})
    if wanted.remove:
        present = read_stock(place, blueprint.libraries).versions()
        extra = [name for name in wanted.remove if name in present]
        if extra:
            installer.uninstall(place, extra)
    _check(place, blueprint, wanted)


def _install_declared(place: str, wanted: Furnishing, declared: Declared, installer: Installer, area: str) -> None:
    if declared.sync is not None and isinstance(installer, Uv):
        installer.sync(place, declared.sync, wanted.sync_options)
    if declared.locked:
        file = f"{area}/locked.txt"
        if not os.path.lexists(file):
            new_file(file, "".join(f"{line}\n" for line in declared.locked).encode())
        installer.install(place, ["-r", file], dependencies=False)
    if declared.arguments:
        arguments = list(declared.arguments)
        folder = next((os.path.dirname(arguments[i + 1]) for i, one in enumerate(arguments) if one == "-r"), "/")
        installer.install(place, arguments, dependencies=not declared.locked, cwd=folder)


def _restore(place: str, missing: list[Distribution], wanted: Furnishing, installer: Installer) -> None:
    """Bring back distributions as they were; together if that works, else one by one to tell which cannot be had."""
    if not missing:
        return
    try:
        installer.install(place, list(_all_arguments(missing)), dependencies=False)
    except InstallError:
        failures = [failure for one in missing if (failure := _restore_one(place, one, wanted, installer))]
        if failures:
            names = "; ".join(failures)
            hint = 'The old environment is kept. With `on-missing = "relax"` newer releases are taken instead.'
            raise EnvsyncError(Problem("package-missing", f"cannot bring back {names}", hint)) from None


def _unrequest(place: str, blueprint: Blueprint, names: set[str]) -> None:
    """Take the mark of having been asked for from what came only as a dependency before (``REQUESTED``, PEP 376)."""
    for metadata in metadata_places(place, blueprint.libraries):
        folder, entry = metadata[len(place) + 1 :], os.path.basename(metadata)
        marked = entry.endswith(".dist-info") and os.path.isfile(f"{metadata}/REQUESTED")
        if marked and canonicalize_name(entry.partition("-")[0]) in names:
            remove_recorded(Root(place), folder, "REQUESTED")


def _restore_one(place: str, one: Distribution, wanted: Furnishing, installer: Installer) -> str:
    """Bring back one distribution; gives what went wrong, empty if nothing did."""
    try:
        installer.install(place, list(_arguments(one)), dependencies=False)
    except InstallError as error:
        if one.name in SEEDS and one.origin is None:
            return _reseed(place, one, installer)
        if wanted.on_missing == "relax" and one.origin is None:
            try:
                installer.install(place, [f"{one.name}>={one.version}"])
            except InstallError as again:
                return f"{one.name} {one.version} or newer ({again.problem.message}; {again.problem.hint})"
            return ""
        return f"{one.name} {one.version} ({error.problem.message}; {error.problem.hint})"
    return ""


def _reseed(place: str, one: Distribution, installer: Installer) -> str:
    """Bring back pip, setuptools or wheel in the version that virtualenv ships: any will do, none is a pity only."""
    from virtualenv.seed.wheels.embed import get_embed_wheel  # noqa: PLC0415  # only for rebuilding

    wheel = get_embed_wheel(one.name, None)
    if wheel is not None:
        try:
            installer.install(place, [str(wheel.path)], dependencies=False)
        except InstallError:
            return ""
    return ""


def _all_arguments(distributions: Iterable[Distribution]) -> Iterable[str]:
    for one in distributions:
        yield from _arguments(one)


def _arguments(one: Distribution) -> Iterable[str]:
    if one.origin is None:
        yield f"{one.name}=={one.version}"
    elif one.origin.editable:
        yield from ("-e", one.origin.requirement)
    else:
        yield f"{one.name} @ {one.origin.requirement}"


def _check(place: str, blueprint: Blueprint, wanted: Furnishing) -> None:
    """Check that each package is there again."""
    present = read_stock(place, blueprint.libraries).versions()
    gone = [one.name for one in wanted.former if one.name not in {*present, *SEEDS, *wanted.remove}]
    if gone:
        message = f"after installing, these are not there: {', '.join(gone)}"
        raise EnvsyncError(Problem("package-missing", message, "The old environment is kept."))
