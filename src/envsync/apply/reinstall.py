"""Reinstall damaged packages: into a separate environment, from which their files replace the damaged ones.

So no installer meets the damaged ones, which it might refuse to remove, or whose shared files it might write to. A new
installation is damaged where the installer's cache is, for an installer trusts what it once unpacked.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from envsync.formats.dependency_specifiers import canonical_version
from envsync.formats.staging_marker import BUILT
from envsync.model.blueprint import Blueprint
from envsync.model.install import InstallSpec
from envsync.model.packages import Damage
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.files import Digests
from envsync.observe.packages import metadata_places, read_all, read_installed
from envsync.observe.record import find_damage, listed_files
from envsync.plan.packages import damage_message
from envsync.write.directories import Root
from envsync.write.staging import remove_entries, remove_staging_dir
from envsync.write.trees import move_files

Build = Callable[[Blueprint, InstallSpec], str]
"""Builds and installs an environment, and returns its staging directory."""

Stamps = Mapping[str, tuple[int, int]]
"""(inode, modification time in nanoseconds) of each ``RECORD``, by the path of its metadata."""

_HINT = "The environment is what it was."


def record_stamps(place: str, libraries: tuple[str, ...]) -> Stamps:
    """Return stamps that change with each installation of a distribution."""
    stamps = {}
    for metadata in metadata_places(place, libraries):
        with contextlib.suppress(OSError):
            found = os.lstat(f"{metadata}/RECORD")
            stamps[metadata] = (found.st_ino, found.st_mtime_ns)
    return stamps


def find_new_damage(
    place: str, libraries: tuple[str, ...], before: Stamps, digests: Digests | None = None
) -> tuple[Damage, ...]:
    """Return the damage of distributions whose stamps are not those ``before``, by their ``RECORD`` (PEP 376)."""
    now = record_stamps(place, libraries)
    read = read_all(place, libraries)
    came = {one: read[one] for one in read if one not in now or before.get(one) != now[one]}
    return tuple(one for one in find_damage(place, libraries, came, digests) if one.damaged)


def still_damaged(damaged: tuple[Damage, ...], reason: Problem | None = None) -> EnvsyncError:
    """Return the failure of a second installation, without a cache, perhaps with its ``reason``."""
    message = f"what was installed is not what its RECORD says: {'; '.join(map(damage_message, damaged))}"
    if reason is None:
        hint = "Nothing was changed. Its wheel is damaged or was built wrong: rebuild it, or use another release."
        return EnvsyncError(Problem("package-damaged", f"{message}, also without the installer's cache", hint))
    hint = f"Nothing was changed. {reason.hint}".rstrip()
    return EnvsyncError(
        Problem("package-damaged", f"{message}; reinstalling it without the cache failed: {reason.message}", hint)
    )


def reinstall(staging_dir: str, blueprint: Blueprint, spec: InstallSpec, build: Build) -> None:
    """Replace the damaged packages of the environment in a staging directory; all else stays.

    Raises ``EnvsyncError`` or ``OSError``.
    """
    place = f"{staging_dir}/{BUILT}"
    damaged = [one for one in spec.damaged if one.damaged]
    fresh = _fresh(blueprint, spec, build) if damaged else None
    try:
        files = {file for one in damaged for file in listed_files(place, one.metadata)}
        files |= {*_byte_code(place, files)}
        directories = [directory for one in spec.damaged for directory in one.partial] + [
            one.metadata for one in damaged
        ]
        remove_entries(staging_dir, files, directories)
        if fresh is not None:
            source = f"{fresh}/{BUILT}"
            move_files(source, Root(place), _all_listed(source, blueprint.libraries))
    finally:
        if fresh is not None:
            remove_staging_dir(fresh, blueprint.end)


def check_sound(staging_dir: str, libraries: tuple[str, ...]) -> None:
    """Raise ``EnvsyncError`` (``package-damaged``) if the environment in a staging directory is damaged."""
    place = f"{staging_dir}/{BUILT}"
    damage = find_damage(place, libraries)
    remaining = [damage_message(one) for one in damage if one.damaged or one.partial]
    if remaining:
        raise EnvsyncError(Problem("package-damaged", f"reinstalling did not repair it: {'; '.join(remaining)}", _HINT))


def _fresh(blueprint: Blueprint, spec: InstallSpec, build: Build) -> str:
    """Install damaged packages again, each as it was, and return the staging directory.

    A file that is shared with the installer's cache is damaged there too: then it is installed without the cache.
    """
    former = tuple(one.package for one in spec.damaged if one.damaged)
    alone = replace(blueprint, system_site_packages=False)
    reason = ""
    for cached in (True, False) if spec.cached else (False,):
        try:
            staging_dir = build(alone, replace(spec, former=former, damaged=(), only_damaged=True, cached=cached))
        except EnvsyncError as error:
            if error.problem.code != "package-missing":
                raise
            raise EnvsyncError(replace(error.problem, hint=_HINT)) from None
        reason = _shortcoming(f"{staging_dir}/{BUILT}", blueprint.libraries, spec.damaged)
        if not reason:
            return staging_dir
        remove_staging_dir(staging_dir, blueprint.end)
    raise EnvsyncError(Problem("package-missing", f"it cannot be reinstalled as it was: {reason}", _HINT))


def _shortcoming(place: str, libraries: tuple[str, ...], damaged: tuple[Damage, ...]) -> str:
    """Return what is wrong with packages that were reinstalled; empty if they are as they were."""
    versions = read_installed(place, libraries).versions()
    for one in damaged:
        had, has = one.package.version, versions.get(one.package.name, "none")
        if one.damaged and canonical_version(had) != canonical_version(has):
            return f"{one.package.name} {had} was installed; only {has} is available"
    return "; ".join(damage_message(one) for one in find_damage(place, libraries) if one.damaged)


def _byte_code(place: str, files: Iterable[str]) -> Iterator[str]:
    """Yield the byte code of files, which Python, going by time and size, may take for current."""
    stems: dict[str, set[str]] = {}
    for file in files:
        directory, _, name = file.rpartition("/")
        if name.endswith(".py"):
            stems.setdefault(f"{directory}/__pycache__", set()).add(name.removesuffix(".py"))
    for directory, wanted in stems.items():
        cache = f"{place}/{directory}"
        names = os.listdir(cache) if os.path.isdir(cache) and not os.path.islink(cache) else []
        yield from (
            f"{directory}/{name}" for name in names if name.endswith(".pyc") and name.partition(".")[0] in wanted
        )


def _all_listed(place: str, libraries: tuple[str, ...]) -> list[str]:
    """Return the existing files of all packages in an environment, relative and sorted."""
    infos = [info[len(place) + 1 :] for info in metadata_places(place, libraries)]
    files = sorted({file for info in infos for file in listed_files(place, info)})
    return [file for file in files if os.path.lexists(f"{place}/{file}")]
