"""Put damaged packages right: fresh ones are installed in an environment of their own, and take their place.

No installer meets the damaged ones, which it might refuse to remove, or write into files that are shared. What was
just installed is damaged where the installer's cache is: it believes what it once unpacked.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from packaging.utils import canonicalize_version

from envsync.formats.staging_marker import BUILT
from envsync.model.packages import Damage
from envsync.model.plan import Blueprint, InstallSpec
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.files import Digests
from envsync.observe.packages import metadata_places, read_all, read_installed
from envsync.observe.record import find_damage, listed_files
from envsync.plan.packages import damage_message
from envsync.write.directories import Root
from envsync.write.staging import remove_staging_dir, take_out
from envsync.write.trees import move_files

Build = Callable[[Blueprint, InstallSpec], str]
"""Builds and installs into an environment in a staging directory of its own, which it gives."""

Stamps = Mapping[str, tuple[int, int]]
"""Inode and time of modification of each ``RECORD``."""

_HINT = "The environment is what it was."


def record_stamps(place: str, libraries: tuple[str, ...]) -> Stamps:
    """Return what changes with each installation of a distribution, by the places of their metadata."""
    stamps = {}
    for metadata in metadata_places(place, libraries):
        with contextlib.suppress(OSError):
            found = os.lstat(f"{metadata}/RECORD")
            stamps[metadata] = (found.st_ino, found.st_mtime_ns)
    return stamps


def find_new_damage(
    place: str, libraries: tuple[str, ...], before: Stamps, digests: Digests | None = None
) -> tuple[Damage, ...]:
    """Compare what was installed in an environment with its ``RECORD``, but not what has the stamps of ``before``."""
    now = record_stamps(place, libraries)
    read = read_all(place, libraries)
    came = {one: read[one] for one in read if one not in now or before.get(one) != now[one]}
    return tuple(one for one in find_damage(place, libraries, came, digests) if one.damaged)


def still_damaged(damaged: tuple[Damage, ...], reason: Problem | None = None) -> EnvsyncError:
    """Return the failure of a second installation, without a cache, with its ``reason`` where there is one."""
    message = f"what was installed is not what its RECORD says: {'; '.join(map(damage_message, damaged))}"
    if reason is None:
        hint = "Nothing was changed. Its wheel is damaged, or was made wrong: build it again, or take another release."
        return EnvsyncError(Problem("package-damaged", f"{message}, without the installer's cache too", hint))
    hint = f"Nothing was changed. {reason.hint}".rstrip()
    return EnvsyncError(Problem("package-damaged", f"{message}; again without its cache: {reason.message}", hint))


def put_right(staging_dir: str, blueprint: Blueprint, spec: InstallSpec, build: Build) -> None:
    """Put the damaged packages of the environment in a staging directory right; all else in it stays.

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
        take_out(staging_dir, files, directories)
        if fresh is not None:
            source = f"{fresh}/{BUILT}"
            move_files(source, Root(place), _all_listed(source, blueprint.libraries))
    finally:
        if fresh is not None:
            remove_staging_dir(fresh, blueprint.end)


def check_sound(staging_dir: str, libraries: tuple[str, ...]) -> None:
    """Raise ``EnvsyncError`` where a package of the environment in a staging directory is damaged."""
    place = f"{staging_dir}/{BUILT}"
    damage = find_damage(place, libraries)
    left = [damage_message(one) for one in damage if one.damaged or one.partial]
    if left:
        raise EnvsyncError(Problem("package-damaged", f"putting it right did not help: {'; '.join(left)}", _HINT))


def _fresh(blueprint: Blueprint, spec: InstallSpec, build: Build) -> str:
    """Install damaged packages again, each as it was, and give the staging directory.

    What spoils a file that is shared with an installer's cache spoils it there as well: then it does without.
    """
    former = tuple(one.package for one in spec.damaged if one.damaged)
    settings = dict(blueprint.settings) | {"include-system-site-packages": "false"}
    alone = replace(blueprint, system_site_packages=False, settings=tuple(settings.items()))
    said = ""
    for cached in (True, False) if spec.cached else (False,):
        try:
            staging_dir = build(alone, replace(spec, former=former, damaged=(), only_damaged=True, cached=cached))
        except EnvsyncError as error:
            if error.problem.code != "package-missing":
                raise
            raise EnvsyncError(replace(error.problem, hint=_HINT)) from None
        said = _shortcoming(f"{staging_dir}/{BUILT}", blueprint.libraries, spec.damaged)
        if not said:
            return staging_dir
        remove_staging_dir(staging_dir, blueprint.end)
    raise EnvsyncError(Problem("package-missing", f"it cannot be had as it was: {said}", _HINT))


def _shortcoming(place: str, libraries: tuple[str, ...], damaged: tuple[Damage, ...]) -> str:
    """Say what is wrong with packages that were installed again; nothing if they are what they were."""
    versions = read_installed(place, libraries).versions()
    for one in damaged:
        had, has = one.package.version, versions.get(one.package.name, "none")
        if one.damaged and canonicalize_version(had) != canonicalize_version(has):
            return f"{one.package.name} {had} was installed, and {has} is to be had"
    return "; ".join(damage_message(one) for one in find_damage(place, libraries) if one.damaged)


def _byte_code(place: str, files: Iterable[str]) -> Iterator[str]:
    """Find what Python compiled of some files: by time and size alone it may not see that they are others now."""
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
    """Give all files of the packages in an environment."""
    infos = [info[len(place) + 1 :] for info in metadata_places(place, libraries)]
    files = sorted({file for info in infos for file in listed_files(place, info)})
    return [file for file in files if os.path.lexists(f"{place}/{file}")]
