"""Find generations, orphans and exposed commands that no manifest declares any more."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from envsync.cache.store import staging_folder
from envsync.formats import pyvenv_cfg
from envsync.formats.shebang import launched
from envsync.formats.staging_marker import BUILT, MARKER, Marker, is_area_name, read_marker
from envsync.model.desired import Manifest
from envsync.model.environment import ExposedOrphan, Former, Generation, Orphan
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.world import Folder
from envsync.observe.base import base_of, with_ends
from envsync.observe.choose import same_version
from envsync.observe.discover import stable_twin
from envsync.observe.environment import read_environment
from envsync.observe.files import read_text
from envsync.observe.interpreters import Interpreters
from envsync.observe.libraries import find_libraries
from envsync.observe.links import Places, walk
from envsync.observe.mounts import Mounts
from envsync.observe.packages import read_stock
from envsync.observe.unowned import find_loose, left_behind, unowned_files


@dataclass(frozen=True, slots=True)
class Kept:
    """One generation."""

    area: str
    made: str
    """When it was replaced, ISO 8601."""
    version: str | None
    """Of its Python."""
    size: int
    """Bytes on the disk."""
    sound: bool
    """Whether it is an environment still."""


def read_kept(area: str) -> Kept:
    """Look at a generation. What cannot be read counts as nothing."""
    marker = read_marker(read_text(f"{area}/{MARKER}"))
    place = f"{area}/{BUILT}"
    settings = dict(pyvenv_cfg.parse(read_text(f"{place}/pyvenv.cfg")))
    try:
        sound = not os.path.islink(place) and read_environment(place, place) is not None
    except OSError:
        sound = False
    version = settings.get("version") or settings.get("version_info")
    return Kept(area, marker.made if marker else "", version, size_of(area), sound)


def size_of(folder: str) -> int:
    """Add up what the files take, a file with several links once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            try:
                found = os.lstat(f"{place}/{name}")
            except OSError:
                continue
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_blocks * 512
    return total


def read_former(folder: Folder, path: str, interpreter: Interpreter | InterpreterProblem) -> Former | None:
    """Return the latest generation of the environment in ``folder``, whose scripts ought to name ``path``.

    ``None`` where none is kept. What cannot be read counts as no environment.
    """
    if not folder.generations:
        return None
    area = folder.generations[-1]
    marker = read_marker(read_text(f"{area}/{MARKER}"))
    former = Former(area, f"{area}/{BUILT}", marker.made if marker is not None else "")
    if os.path.islink(former.place):
        return former
    try:
        found = os.lstat(former.place)
        environment = read_environment(former.place, path)
        if environment is None:
            return former
        seen = with_ends(replace(folder, chain=walk(former.place), environment=environment), interpreter)
        stock = read_stock(former.place, environment.libraries)
    except OSError:
        return former
    return replace(former, environment=seen.environment, identity=(found.st_dev, found.st_ino), stock=stock)


def own_interpreter(former: Former, interpreters: Interpreters) -> Interpreter | None:
    """Return the interpreter that a generation itself leads to, if it works."""
    base = base_of(f"{former.place}/bin/python")
    found = interpreters.at(base.link) if base is not None else None
    return found if isinstance(found, Interpreter) else None


def former_interpreters(former: Former, interpreters: Interpreters) -> Iterator[Interpreter]:
    """Yield interpreters of this machine that a generation may have been made with.

    Those of its very version come first; of these, links that survive a patch upgrade, the generation's own before
    others.
    """
    request = same_version(former.place)
    own = own_interpreter(former, interpreters)
    installed = tuple(interpreters.installed(request)) if request is not None else ()
    found = ((own,) if own is not None else ()) + installed
    yield from sorted(found, key=lambda one: (one.facts.release != former.version, stable_twin(one.link) is not None))


_DEEPEST = 4
"""Folders under the state folder in which targets are looked for."""


def find_orphans(manifest: Manifest) -> tuple[Orphan, ...]:
    """List the environments in the state folder that this manifest made, by their own mark, and declares no more.

    One that is declared for another host, or at the same path, is none; nor is one behind a symlink in that folder.
    """
    places = Places(Mounts())
    protected = {places.name_of(end) for end in _ends(manifest)}
    declared = {(one.name, one.path) for one in manifest.environments}
    orphans = (_orphan(end, manifest) for end in _environments(os.path.realpath(manifest.state_dir)))
    return tuple(
        one
        for one in orphans
        if one is not None
        and not _meets(places.name_of(one.end), protected)
        and one.name not in manifest.elsewhere
        and (one.name, one.path) not in declared
    )


def find_generations(manifest: Manifest) -> tuple[Generation, ...]:
    """List what is kept of earlier contents: of each declared environment, and of this manifest's former ones."""
    ends, places = _ends(manifest), Places(Mounts())
    names = {places.name_of(end) for end in ends}
    common = map(os.path.realpath, (manifest.state_dir, staging_folder()))
    folders = {*common, *(os.path.dirname(end) for end in ends), *ends}
    found: dict[str, list[Generation]] = {}
    for folder in {places.name_of(folder): folder for folder in sorted(folders)}.values():
        for area, marker in _generations(folder):
            end = places.name_of(marker.end)
            declared = end in names
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
                found.setdefault(end, []).append(one)
    return tuple(one for generations in found.values() for one in _ranked(generations, manifest.keep))


def find_exposed(manifest: Manifest, orphans: Iterable[Orphan]) -> tuple[ExposedOrphan, ...]:
    """List what leads to commands of orphans in ``bin-dir``: symlinks, and scripts that envsync has made."""
    paths = {orphan.path for orphan in orphans} - {one.path for one in manifest.environments}
    found = []
    for name in _names(manifest.bin_dir):
        link = f"{manifest.bin_dir}/{name}"
        text = os.readlink(link) if os.path.islink(link) else launched(read_text(link)) or ""
        if text.rpartition("/bin/")[0] in paths and "/" not in text.rpartition("/bin/")[2]:
            found.append(ExposedOrphan(link, text))
    return tuple(found)


def _meets(name: str, others: set[str]) -> bool:
    """Check whether a place is one of others, or holds one, or lies in one."""
    return any(f"{name}/".startswith(f"{one}/") or f"{one}/".startswith(f"{name}/") for one in others)


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
        linked=(os.path.islink(path) or os.path.realpath(path) != end) and walk(path).meets(walk(end)),
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
