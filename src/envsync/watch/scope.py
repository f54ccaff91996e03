"""What to watch: the directories of all that a verdict depends on, taken from what was observed."""

import os
from collections.abc import Iterable, Iterator
from stat import S_ISDIR, S_ISVTX

from envsync.formats.staging_marker import is_staging_dir_name
from envsync.model.dataclass import dataclass
from envsync.model.desired import Inputs
from envsync.model.interpreter import Interpreter
from envsync.model.links import Chain
from envsync.model.plan import EnvironmentPlan
from envsync.model.system import ON_MACOS
from envsync.observe.links import walk

_CHURN = frozenset({"__pycache__", ".DS_Store"})
"""Entries that change without meaning."""
_RECURSIVE = ON_MACOS
"""FSEvents reports all that is below a directory, and changes of those above it: watching those as well would report
everything on the machine, and nothing new.
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Directories to watch, not recursively, and which of their entries matter.

    Directories and not files, since editors and package managers replace by rename. Those farther up are watched for
    the name of the next one: a parent that is renamed, or does not exist yet.
    """

    names: tuple[str, ...]
    """Paths that matter, sorted; each by its real directory and its own name, which may be a symlink."""
    listed: tuple[str, ...]
    """Real directories of which every entry matters, sorted."""
    direct: tuple[str, ...]
    """Directories with an entry that matters itself, not only as a parent."""
    inodes: tuple[tuple[str, int, int], ...]
    """Directories that exist, each as (path, device, inode): one that was replaced has to be watched again."""
    unreadable: tuple[str, ...]
    """Directories that cannot be watched, though something directly in them matters."""

    @property
    def directories(self) -> list[str]:
        """The directories to watch."""
        return [directory for directory, _, _ in self.inodes]

    @property
    def upper(self) -> frozenset[str]:
        """Those in which only the existence of directories matters."""
        return frozenset(self.directories) - {*self.direct}

    def renewed(self) -> "Scope":
        """Return the scope with the directories that exist now."""
        return _scope(set(self.names), set(self.listed), set(self.direct))

    def signature(self) -> list[tuple[int, ...]]:
        """Return the state of all of it, to find changes without events.

        Of files: inode, mode, size and modification time in nanoseconds. Not the change time, which hard links of
        backups and installers set without an event. Of directories that are not listed: inode and mode.
        """
        return [*map(_identity, self.names), *map(_listing, self.listed)]


class EventFilter:
    """Decides which changed paths concern a scope."""

    def __init__(self, scope: Scope) -> None:
        """Take the scope; a directory with two names (a bind mount) is reported by either."""
        twins: dict[tuple[int, int], list[str]] = {}
        for directory, device, inode in scope.inodes:
            twins.setdefault((device, inode), []).append(directory)
        self._names = set(scope.names)
        self._listed = set(scope.listed)
        for directories in twins.values():
            if len(directories) > 1:
                self._share(directories)

    def concerns(self, path: str) -> bool:
        """Check whether a change of ``path`` matters; that of a staging directory never does."""
        directory, _, name = path.rpartition("/")
        if is_staging_dir_name(name) or name in _CHURN:
            return False
        return path in self._names or path in self._listed or directory in self._listed

    def _share(self, directories: list[str]) -> None:
        inner = {name.rpartition("/")[2] for name in self._names if name.rpartition("/")[0] in directories}
        self._names |= {f"{directory}/{name}" for directory in directories for name in inner}
        if self._listed & {*directories}:
            self._listed |= {*directories}


def scope_of(plans: Iterable[EnvironmentPlan], inputs: Iterable[Inputs]) -> Scope:
    """Return what to watch for environments, and for the ``inputs`` that their manifest depends on."""
    paths: dict[str, None] = {}
    listed: set[str] = set()
    for one in inputs:
        paths |= dict.fromkeys(path for file in one.paths for path in _on(walk(file)))
        listed.update(walk(directory).end for directory in one.listed)
    for plan in plans:
        world = plan.world
        chains = [world.path, world.directory.chain, *([world.interpreter.chain] if world.interpreter.chain else [])]
        paths |= dict.fromkeys(path for chain in chains for path in _on(chain))
        paths |= dict.fromkeys(world.dependencies)
        if isinstance(world.interpreter, Interpreter):
            # An upgrade that replaces the standard library replaces the binary too, and every Python that starts
            # opens files in that directory: a watcher of it would never rest.
            paths.pop(f"{world.interpreter.facts.stdlib}/os.py", None)
        listed.update(world.listed)
    real = _Real()
    names = set(map(real.place, paths))
    directories = {real.directory(directory) for directory in listed}
    return _scope(names, directories, {_parent(name) for name in names if name != "/"} | directories)


class _Real:
    """Resolves the directories of paths, each once."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def directory(self, directory: str) -> str:
        known = self._known.get(directory)
        if known is None:
            parent, _, name = directory.rpartition("/")
            place = f"{self.directory(parent).rstrip('/')}/{name}" if name else "/"
            known = os.path.realpath(place) if name in {".", ".."} or os.path.islink(place) else place
            self._known[directory] = known
        return known

    def place(self, path: str) -> str:
        directory, _, name = path.rpartition("/")
        if name in {"", ".", ".."}:
            return self.directory(path or "/")
        return f"{self.directory(directory or '/').rstrip('/')}/{name}"


def _scope(names: set[str], listed: set[str], direct: set[str]) -> Scope:
    home = os.path.realpath(os.path.expanduser("~"))
    for directory in direct:
        names.update(_way_to(directory, home))
    inodes, unreadable = [], []
    for directory in sorted({_parent(name) for name in names} | listed):
        found = _stat(directory)
        if found is None or not S_ISDIR(found.st_mode) or (_RECURSIVE and directory == "/"):
            continue
        if os.access(directory, os.R_OK):
            inodes.append((directory, found.st_dev, found.st_ino))
        elif directory in direct:
            unreadable.append(directory)
    return Scope(tuple(sorted(names)), tuple(sorted(listed)), tuple(sorted(direct)), tuple(inodes), tuple(unreadable))


def _on(chain: Chain) -> Iterator[str]:
    yield from (hop.link for hop in chain.hops)
    yield chain.end


def _way_to(directory: str, home: str) -> Iterator[str]:
    """Yield a directory and those above it, as far as each has to be watched for the name of the one below.

    Not the home directory, those above it, and ``/tmp``: everybody writes there; only the periodic pass notices.
    """
    while directory != "/":
        yield directory
        above = _parent(directory)
        crowded = f"{home}/".startswith(f"{above.rstrip('/')}/") or _mode(above) & S_ISVTX
        if os.path.isdir(directory) and (crowded or _RECURSIVE):
            return
        directory = above


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


def _listing(directory: str) -> tuple[int, ...]:
    found = _stat(directory)
    return (found.st_ino, found.st_mtime_ns) if found else ()
