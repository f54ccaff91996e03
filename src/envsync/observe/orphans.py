"""Find what a manifest's passes have made and it declares no more; reads only."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

from envsync import pyvenv_cfg
from envsync.areas import BUILT, MARKER, Marker, is_area_name, read_marker
from envsync.desired import Manifest
from envsync.folders import staging_folder
from envsync.observe.chain import walk
from envsync.observe.kept import read_kept, size_of
from envsync.observe.libraries import find_libraries
from envsync.observe.loose import find_loose, left_behind, unowned_files
from envsync.observe.read import read_text
from envsync.observed import ExposedOrphan, Generation, Orphan

__all__ = ["find_exposed", "find_generations", "find_orphans"]

_DEEPEST = 4
"""Folders under the state folder in which targets are looked for."""


def find_orphans(manifest: Manifest) -> tuple[Orphan, ...]:
    """List the environments in the state folder that this manifest made, by their own mark, and declares no more.

    One that is declared for another host, or at the same path, is none; nor is one behind a symlink in that folder.
    """
    protected = _ends(manifest)
    declared = {(one.name, one.path) for one in manifest.environments}
    orphans = (_orphan(end, manifest) for end in _environments(os.path.realpath(manifest.state_dir)))
    return tuple(
        one
        for one in orphans
        if one is not None
        and one.end not in protected
        and one.name not in manifest.elsewhere
        and (one.name, one.path) not in declared
    )


def find_generations(manifest: Manifest) -> tuple[Generation, ...]:
    """List what is kept of earlier contents: of each declared environment, and of this manifest's former ones."""
    ends = _ends(manifest)
    common = map(os.path.realpath, (manifest.state_dir, staging_folder()))
    folders = {*common, *(os.path.dirname(end) for end in ends), *ends}
    found: dict[str, list[Generation]] = {}
    for folder in sorted(folders):
        for area, marker in _generations(folder):
            declared = marker.end in ends
            if declared or (_is_same(marker.manifest, manifest.file) and marker.name not in manifest.elsewhere):
                kept, unowned = read_kept(area), _unowned(area, marker.end)
                one = Generation(
                    name=marker.name,
                    area=area,
                    end=marker.end,
                    made=kept.made,
                    version=kept.version,
                    size=kept.size,
                    declared=declared,
                    surplus=not declared,
                    loose=marker.loose or bool(unowned),
                    unowned=unowned,
                )
                found.setdefault(marker.end, []).append(one)
    return tuple(one for generations in found.values() for one in _ranked(generations, manifest.keep))


def find_exposed(manifest: Manifest, orphans: Iterable[Orphan]) -> tuple[ExposedOrphan, ...]:
    """List the symlinks in ``bin-dir`` that lead to commands of orphans."""
    paths = {orphan.path for orphan in orphans} - {one.path for one in manifest.environments}
    found = []
    for name in _names(manifest.bin_dir):
        link = f"{manifest.bin_dir}/{name}"
        text = os.readlink(link) if os.path.islink(link) else ""
        if text.rpartition("/bin/")[0] in paths and "/" not in text.rpartition("/bin/")[2]:
            found.append(ExposedOrphan(link, text))
    return tuple(found)


def _ends(manifest: Manifest) -> set[str]:
    """Give every folder that a declared environment may have its content in."""
    places = [place for one in manifest.environments for place in (one.path, one.target, *one.aliases) if place]
    return {walk(place).end for place in places} | {os.path.realpath(place) for place in places}


def _environments(top: str) -> Iterator[str]:
    ahead = [(top, 0)]
    while ahead:
        folder, depth = ahead.pop()
        for name in _names(folder):
            place = f"{folder}/{name}"
            if is_area_name(name) or os.path.islink(place) or not os.path.isdir(place):
                continue
            if os.path.isfile(f"{place}/pyvenv.cfg"):
                yield place
            elif depth < _DEEPEST:
                ahead.append((place, depth + 1))


def _orphan(end: str, manifest: Manifest) -> Orphan | None:
    settings = dict(pyvenv_cfg.parse(read_text(f"{end}/pyvenv.cfg")))
    found = os.lstat(end)
    # A copy of an environment bears the marks of the first one; where that lies is one of them.
    if settings.get("envsync-end") != end or found.st_uid != os.geteuid():
        return None
    if not _is_same(settings.get("envsync-manifest", ""), manifest.file):
        return None
    try:
        loose = tuple(unowned_files(end, find_loose(end, find_libraries(end))))
    except OSError as error:
        loose = (f"{error.filename}: {error.strerror}",)
    name, path = settings.get("envsync-name", ""), settings.get("envsync-path", "")
    return Orphan(
        name=name or os.path.basename(end),
        path=path,
        end=end,
        identity=(found.st_dev, found.st_ino),
        size=size_of(end),
        linked=os.path.islink(path) and os.path.realpath(path) == end,
        loose=loose,
    )


def _generations(folder: str) -> Iterator[tuple[str, Marker]]:
    for name in _names(folder):
        area = f"{folder}/{name}"
        if is_area_name(name) and not os.path.islink(area) and os.path.isdir(f"{area}/{BUILT}"):
            marker = read_marker(read_text(f"{area}/{MARKER}"))
            if marker is not None and marker.kind == "generation" and os.lstat(area).st_uid == os.geteuid():
                yield area, marker


def _unowned(area: str, end: str) -> tuple[str, ...]:
    """Return the files of the user's in a generation that the environment does not hold just as they are."""
    former = f"{area}/{BUILT}"
    try:
        return left_behind(former, end, find_loose(former, tuple(find_libraries(former))))
    except OSError as error:
        return (f"{error.filename}: {error.strerror}",)


def _ranked(generations: list[Generation], keep: int) -> list[Generation]:
    """Mark those beyond the newest that are kept."""
    newest = sorted(generations, key=lambda one: one.made, reverse=True)
    return [replace(one, surplus=one.surplus or rank >= keep) for rank, one in enumerate(newest)]


def _is_same(recorded: str, file: str) -> bool:
    """Tell whether a mark names this manifest, by its path as opened or by the file that it leads to."""
    return bool(recorded) and (recorded == file or os.path.realpath(recorded) == os.path.realpath(file))


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
