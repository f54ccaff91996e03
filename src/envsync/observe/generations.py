"""Find generations, and environments that the manifest no longer declares: orphans."""

import os
from collections.abc import Iterator
from dataclasses import replace

from envsync.cache.store import staging_directory
from envsync.formats import pyvenv_cfg
from envsync.formats.staging_marker import BUILT, MARKER, Marker, is_staging_dir_name, read_marker
from envsync.model.dataclass import dataclass
from envsync.model.desired import Manifest
from envsync.model.environment import FormerLink, Generation, LatestGeneration, Orphan
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.world import Directory
from envsync.observe.base import base_of, with_ends
from envsync.observe.choose import same_version
from envsync.observe.discover import stable_twin
from envsync.observe.environment import read_environment
from envsync.observe.files import is_same_manifest, listed_names, read_text
from envsync.observe.former_links import FormerLinks, path_link
from envsync.observe.interpreters import Interpreters
from envsync.observe.libraries import find_libraries
from envsync.observe.links import Places, walk
from envsync.observe.mounts import Mounts
from envsync.observe.packages import read_installed
from envsync.observe.unowned import find_unowned, left_behind, unowned_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.environments import GenerationEntry


@dataclass(frozen=True, slots=True)
class StoredGeneration:
    """A generation as stored."""

    staging_dir: str
    made: str
    """When it was replaced, ISO 8601."""
    version: str | None
    """Of its Python."""
    size: int
    """Bytes on the disk."""
    sound: bool
    """Whether it is still an environment."""

    def to_dict(self) -> "GenerationEntry":
        """Return its entry in the JSON document of ``status``."""
        return {
            "area": self.staging_dir,
            "made": self.made,
            "version": self.version,
            "size": self.size,
            "sound": self.sound,
        }


def read_generation(staging_dir: str) -> StoredGeneration:
    """Return what is stored in a staging directory; what cannot be read counts as missing."""
    marker = read_marker(read_text(f"{staging_dir}/{MARKER}"))
    place = f"{staging_dir}/{BUILT}"
    settings = dict(pyvenv_cfg.parse(read_text(f"{place}/pyvenv.cfg")))
    try:
        sound = not os.path.islink(place) and read_environment(place, place) is not None
    except OSError:
        sound = False
    version = settings.get("version") or settings.get("version_info")
    return StoredGeneration(staging_dir, marker.made if marker else "", version, size_of(staging_dir), sound)


def size_of(directory: str) -> int:
    """Return the bytes that a directory takes on the disk, each file with several links once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for place, directories, files in os.walk(directory):
        for name in (*directories, *files):
            try:
                found = os.lstat(f"{place}/{name}")
            except OSError:
                continue
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_blocks * 512
    return total


def read_latest_generation(
    directory: Directory, path: str, interpreter: Interpreter | InterpreterProblem
) -> LatestGeneration | None:
    """Return the latest generation of the environment in ``directory``, whose scripts should name ``path``.

    ``None`` where there is none. What cannot be read counts as no environment.
    """
    if not directory.generations:
        return None
    staging_dir = directory.generations[-1]
    marker = read_marker(read_text(f"{staging_dir}/{MARKER}"))
    former = LatestGeneration(staging_dir, f"{staging_dir}/{BUILT}", marker.made if marker is not None else "")
    if os.path.islink(former.place):
        return former
    try:
        found = os.lstat(former.place)
        environment = read_environment(former.place, path)
        if environment is None:
            return former
        seen = with_ends(replace(directory, chain=walk(former.place), environment=environment), interpreter)
        installed = read_installed(former.place, environment.libraries)
    except OSError:
        return former
    return replace(former, environment=seen.environment, identity=(found.st_dev, found.st_ino), installed=installed)


def own_interpreter(former: LatestGeneration, interpreters: Interpreters) -> Interpreter | None:
    """Return the interpreter that a generation links to, if it works."""
    base = base_of(f"{former.place}/bin/python")
    found = interpreters.at(base.link) if base is not None else None
    return found if isinstance(found, Interpreter) else None


def generation_interpreters(former: LatestGeneration, interpreters: Interpreters) -> Iterator[Interpreter]:
    """Yield installed interpreters that a generation may have been made with.

    Those of its exact version come first; of these, links that survive a patch upgrade; of these, its own.
    """
    request = same_version(former.place)
    own = own_interpreter(former, interpreters)
    installed = tuple(interpreters.installed(request)) if request is not None else ()
    found = ((own,) if own is not None else ()) + installed
    yield from sorted(
        found, key=lambda python: (python.facts.release != former.version, stable_twin(python.link) is not None)
    )


_DEEPEST = 4
"""Levels of directories in the state directory that are searched for environments."""


def find_orphans(manifest: Manifest) -> tuple[Orphan, ...]:
    """Return the environments in the state directory that this manifest made, by their marks, and no longer declares.

    One that is declared for another host, or at the same path, is not an orphan, nor is one behind a symlink there.
    Raises ``OSError``.
    """
    return tuple(_orphan(end, settings) for end, settings in _orphans(manifest))


def find_undeclared_links(manifest: Manifest) -> tuple[FormerLink, ...]:
    """Return the links that were made to environments which the manifest no longer declares. Raises ``OSError``.

    None where the locale cannot name a declared place: then which they are cannot be determined.
    """
    try:
        return FormerLinks(manifest).to_undeclared(end for end, _ in _orphans(manifest))
    except UnicodeEncodeError:
        return ()


def _orphans(manifest: Manifest) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the real directory of each orphan, and what its ``pyvenv.cfg`` says."""
    places = Places(Mounts())
    protected = {places.name_of(end) for end in _ends(manifest)}
    declared = {(environment.name, environment.path) for environment in manifest.environments}
    for end in _environments(os.path.realpath(manifest.state_dir)):
        settings = dict(pyvenv_cfg.parse(read_text(f"{end}/pyvenv.cfg")))
        name, path = settings.get("envsync-name", ""), settings.get("envsync-path", "")
        # A copy of an environment has the marks of the original, but not its location.
        if (
            settings.get("envsync-end") == end
            and os.lstat(end).st_uid == os.geteuid()
            and is_same_manifest(settings.get("envsync-manifest", ""), manifest.file)
            and name not in manifest.elsewhere
            and (name, path) not in declared
            and not _meets(places.name_of(end), protected)
        ):
            yield end, settings


def find_generations(manifest: Manifest) -> tuple[Generation, ...]:
    """Return the generations of the declared environments, and of those that this manifest declared earlier."""
    ends, places = _ends(manifest), Places(Mounts())
    names = {places.name_of(end) for end in ends}
    common = map(os.path.realpath, (manifest.state_dir, staging_directory()))
    directories = {*common, *(os.path.dirname(end) for end in ends), *ends}
    found: dict[str, list[Generation]] = {}
    for directory in {places.name_of(directory): directory for directory in sorted(directories)}.values():
        for staging_dir, marker in _generations(directory):
            end = places.name_of(marker.end)
            declared = end in names
            if declared or (is_same_manifest(marker.manifest, manifest.file) and marker.name not in manifest.elsewhere):
                stored, unowned = read_generation(staging_dir), _unowned(staging_dir, marker.end)
                generation = Generation(
                    name=marker.name,
                    staging_dir=staging_dir,
                    end=marker.end,
                    made=stored.made,
                    version=stored.version,
                    size=stored.size,
                    declared=declared,
                    surplus=not declared,
                    irreplaceable=marker.irreplaceable or bool(unowned),
                    unowned=unowned,
                    in_use=os.path.isfile(f"{marker.end}/pyvenv.cfg"),
                )
                found.setdefault(end, []).append(generation)
    return tuple(ranked for generations in found.values() for ranked in _ranked(generations, manifest.keep))


def _meets(name: str, others: set[str]) -> bool:
    """Check whether a place is one of others, or holds one, or lies in one."""
    return any(f"{name}/".startswith(f"{other}/") or f"{other}/".startswith(f"{name}/") for other in others)


def _ends(manifest: Manifest) -> set[str]:
    """Return every directory that may hold a declared environment."""
    declared = ((environment.path, environment.target, *environment.aliases) for environment in manifest.environments)
    places = [place for paths in declared for place in paths if place]
    return {walk(place).end for place in places} | {os.path.realpath(place) for place in places}


def _environments(top: str) -> Iterator[str]:
    pending = [(top, 0)]
    while pending:
        directory, depth = pending.pop()
        for name in listed_names(directory):
            place = f"{directory}/{name}"
            if is_staging_dir_name(name) or os.path.islink(place) or not os.path.isdir(place):
                continue
            if os.path.isfile(f"{place}/pyvenv.cfg"):
                yield place
            elif depth < _DEEPEST:
                pending.append((place, depth + 1))


def _orphan(end: str, settings: dict[str, str]) -> Orphan:
    found = os.lstat(end)
    try:
        unowned = tuple(unowned_files(end, find_unowned(end, find_libraries(end))))
    except OSError as error:
        unowned = (f"{error.filename}: {error.strerror}",)
    path = settings.get("envsync-path", "")
    return Orphan(
        name=settings.get("envsync-name") or os.path.basename(end),
        path=path,
        end=end,
        identity=(found.st_dev, found.st_ino),
        size=size_of(end),
        linked=(os.path.islink(path) or os.path.realpath(path) != end) and walk(path).meets(walk(end)),
        unowned=unowned,
        own_link=path_link(path, end, settings),
    )


def _generations(directory: str) -> Iterator[tuple[str, Marker]]:
    for name in listed_names(directory):
        staging_dir = f"{directory}/{name}"
        if is_staging_dir_name(name) and not os.path.islink(staging_dir) and os.path.isdir(f"{staging_dir}/{BUILT}"):
            marker = read_marker(read_text(f"{staging_dir}/{MARKER}"))
            if marker is not None and marker.kind == "generation" and os.lstat(staging_dir).st_uid == os.geteuid():
                yield staging_dir, marker


def _unowned(staging_dir: str, end: str) -> tuple[str, ...]:
    """Return the user's files in a generation that the environment lacks, or holds with other content."""
    former = f"{staging_dir}/{BUILT}"
    try:
        return left_behind(former, end, find_unowned(former, tuple(find_libraries(former))))
    except OSError as error:
        return (f"{error.filename}: {error.strerror}",)


def _ranked(generations: list[Generation], keep: int) -> list[Generation]:
    """Return generations, the newest first, with ``surplus`` set beyond the number to keep."""
    newest = sorted(generations, key=lambda generation: generation.made, reverse=True)
    return [replace(each, surplus=each.surplus or rank >= keep) for rank, each in enumerate(newest)]
