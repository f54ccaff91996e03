"""What to watch: the parents of all that a verdict hangs on, taken from what was observed."""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from stat import S_ISDIR, S_ISVTX

from envsync.formats.staging_marker import is_area_name
from envsync.model.desired import Inputs
from envsync.model.interpreter import Interpreter
from envsync.model.links import Chain
from envsync.model.plan import EnvironmentPlan
from envsync.observe.links import walk

_CHURN = frozenset({"__pycache__", ".DS_Store"})
"""What comes and goes without meaning anything."""
_RECURSIVE = sys.platform == "darwin"
"""FSEvents tells of all that is below a folder, and of what becomes of the folders above it: there the way up would
bring in everything that happens on the machine, and nothing new."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Folders to watch, not what is below them, and which of their entries matter.

    Folders and not files, since editors and package managers replace by rename. Folders farther up are there for the
    name of the next: so a renamed parent is seen, and one that does not exist yet.
    """

    names: tuple[str, ...]
    """Paths that matter, sorted; each by its real folder and its own name, which may be a symlink's."""
    listed: tuple[str, ...]
    """Real folders of which every entry matters, sorted."""
    direct: tuple[str, ...]
    """Folders in which something matters for itself, not only for the way to it."""
    inodes: tuple[tuple[str, int, int], ...]
    """The folders that are there, with device and inode: a folder that was replaced has to be watched anew."""
    unreadable: tuple[str, ...]
    """Folders that cannot be watched, though something directly in them matters."""

    @property
    def folders(self) -> list[str]:
        """The folders to watch."""
        return [folder for folder, _, _ in self.inodes]

    @property
    def upper(self) -> frozenset[str]:
        """Those of them in which nothing matters but which folders are there."""
        return frozenset(self.folders) - {*self.direct}

    def renewed(self) -> "Scope":
        """Look anew which of the folders are there, and which ones they are."""
        return _scope(set(self.names), set(self.listed), set(self.direct))

    def signature(self) -> list[tuple[int, ...]]:
        """Tell what state all of it is in, for finding changes without events.

        Of files: inode, mode, size and time of modification. Not the change time, which every hard link sets, as
        backups and installers make them, and which no event tells. Of folders that are not listed: their inode.
        """
        return [*map(_identity, self.names), *map(_listing, self.listed)]


class Hearing:
    """Tells which changed paths concern a scope."""

    def __init__(self, scope: Scope) -> None:
        """Take the scope; a folder that is there by two names (a bind mount) is reported by either."""
        twins: dict[tuple[int, int], list[str]] = {}
        for folder, device, inode in scope.inodes:
            twins.setdefault((device, inode), []).append(folder)
        self._names = set(scope.names)
        self._listed = set(scope.listed)
        for folders in twins.values():
            if len(folders) > 1:
                self._share(folders)

    def concerns(self, path: str) -> bool:
        """Tell whether a change of ``path`` matters. Staging areas, which are envsync's own, never do."""
        folder, _, name = path.rpartition("/")
        if is_area_name(name) or name in _CHURN:
            return False
        return path in self._names or path in self._listed or folder in self._listed

    def _share(self, folders: list[str]) -> None:
        inner = {name.rpartition("/")[2] for name in self._names if name.rpartition("/")[0] in folders}
        self._names |= {f"{folder}/{name}" for folder in folders for name in inner}
        if self._listed & {*folders}:
            self._listed |= {*folders}


def scope_of(plans: Iterable[EnvironmentPlan], inputs: Iterable[Inputs]) -> Scope:
    """Give what to watch for some environments, and for the ``inputs`` that their manifest hangs on."""
    paths: dict[str, None] = {}
    listed: set[str] = set()
    for one in inputs:
        paths |= dict.fromkeys(path for file in one.paths for path in _on(walk(file)))
        listed.update(walk(folder).end for folder in one.listed)
    for plan in plans:
        world = plan.world
        chains = [world.path, world.folder.chain, *([world.interpreter.chain] if world.interpreter.chain else [])]
        paths |= dict.fromkeys(path for chain in chains for path in _on(chain))
        paths |= dict.fromkeys(world.witnesses)
        if isinstance(world.interpreter, Interpreter):
            # An upgrade that replaces the standard library replaces the binary too; every Python that starts
            # opens files in that folder, which would keep whoever watches it busy.
            paths.pop(f"{world.interpreter.facts.stdlib}/os.py", None)
        listed.update(world.listed)
    real = _Real()
    names = set(map(real.place, paths))
    folders = {real.folder(folder) for folder in listed}
    return _scope(names, folders, {_parent(name) for name in names if name != "/"} | folders)


class _Real:
    """Resolves the folders of paths, each once."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def folder(self, folder: str) -> str:
        known = self._known.get(folder)
        if known is None:
            parent, _, name = folder.rpartition("/")
            place = f"{self.folder(parent).rstrip('/')}/{name}" if name else "/"
            known = os.path.realpath(place) if name in {".", ".."} or os.path.islink(place) else place
            self._known[folder] = known
        return known

    def place(self, path: str) -> str:
        folder, _, name = path.rpartition("/")
        if name in {"", ".", ".."}:
            return self.folder(path or "/")
        return f"{self.folder(folder or '/').rstrip('/')}/{name}"


def _scope(names: set[str], listed: set[str], direct: set[str]) -> Scope:
    home = os.path.realpath(os.path.expanduser("~"))
    for folder in direct:
        names.update(_way_to(folder, home))
    inodes, unreadable = [], []
    for folder in sorted({_parent(name) for name in names} | listed):
        found = _stat(folder)
        if found is None or not S_ISDIR(found.st_mode) or (_RECURSIVE and folder == "/"):
            continue
        if os.access(folder, os.R_OK):
            inodes.append((folder, found.st_dev, found.st_ino))
        elif folder in direct:
            unreadable.append(folder)
    return Scope(tuple(sorted(names)), tuple(sorted(listed)), tuple(sorted(direct)), tuple(inodes), tuple(unreadable))


def _on(chain: Chain) -> Iterator[str]:
    yield from (hop.link for hop in chain.hops)
    yield chain.end


def _way_to(folder: str, home: str) -> Iterator[str]:
    """Give a folder and those above it, as far as each has to be watched for the name of the one below.

    Where everybody writes, in the home folder, above it and in ``/tmp``, that would cost more than it is worth.
    """
    while folder != "/":
        yield folder
        above = _parent(folder)
        crowded = f"{home}/".startswith(f"{above.rstrip('/')}/") or _mode(above) & S_ISVTX
        if os.path.isdir(folder) and (crowded or _RECURSIVE):
            return
        folder = above


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (OSError, ValueError):
        return None


def _mode(path: str) -> int:
    found = _stat(path)
    return found.st_mode if found else 0


def _identity(path: str) -> tuple[int, ...]:
    found = _stat(path)
    if found is None:
        return ()
    if S_ISDIR(found.st_mode):
        return (found.st_ino, found.st_mode)
    return (found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns)


def _listing(folder: str) -> tuple[int, ...]:
    found = _stat(folder)
    return (found.st_ino, found.st_mtime_ns) if found else ()
