"""What was observed for one environment."""

from collections.abc import Iterator
from dataclasses import field
from itertools import islice
from typing import NamedTuple

from envsync.model.dataclass import dataclass
from envsync.model.environment import Environment, FormerLink
from envsync.model.evidence import Evidence, PackedEvidence, Paths
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.links import Chain
from envsync.model.packages import Change, Declared, InstalledPackages, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.environments import Found, PythonEntry


@dataclass(frozen=True, slots=True)
class Backend:
    """A builder or an installer, with what is needed to run it."""

    name: str
    """As a manifest names it: ``virtualenv``, ``venv``, ``uv``, ``pip``."""
    program: str = ""
    """The file to run, or the wheel to unpack and run; empty where none is needed (virtualenv, venv)."""
    missing: str = ""
    """Why it cannot be used, as a sentence; empty where it can."""


class ForeignStaging(NamedTuple):
    """A staging directory of an environment that this manifest does not declare."""

    staging_dir: str
    end: str
    """Of the environment."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """A file that names an environment elsewhere (PEP 832)."""

    file: str
    target: str
    """The absolute path in it."""
    is_environment: bool
    """Whether a virtual environment is at ``target``."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """A directory in which another user could change what envsync makes."""

    place: str
    owner: str = ""
    """Its owner; empty where the hazard is that anybody may write in it."""


@dataclass(frozen=True, slots=True)
class Directory:
    """What is at the end of an environment's chain."""

    chain: Chain
    environment: Environment | None
    """``None`` where there is nothing, or no virtual environment."""
    identity: tuple[int, int] | None
    """Device and inode of the end, if it is a directory."""
    is_empty: bool
    """Whether it is a directory that holds nothing but stray files."""
    writable: bool
    """Whether envsync may write where the environment would be made or changed."""
    blocked_by: str = ""
    """The directory that is not writable."""
    unsafe: str = ""
    """Why no environment should be kept here: ``it is the root of the file system``; empty if it may."""
    staging_parent: str = ""
    """The parent of staging directories: that of the end, or the end itself if it cannot be swapped as a whole."""
    exchangeable: bool = True
    """Whether the end can be swapped as a whole: it is no mount point, and its parent is writable."""
    is_mount: bool = False
    """Whether the end itself is a mount point."""
    layered: bool = False
    """Whether the end may be in a lower layer of an overlay: it is copied up before the swap."""
    mounts: tuple[str, ...] = ()
    """The mount points inside."""
    interrupted_staging: tuple[str, ...] = ()
    """Staging directories of interrupted passes for this end."""
    generations: tuple[str, ...] = ()
    """Staging directories with the generations of this end, the oldest first."""
    moving_to: str = ""
    """Where an interrupted pass was moving it; empty if none was."""
    stray_files: tuple[str, ...] = ()
    """Small files of builders and file managers in a directory that still counts as empty."""
    redirect: Redirect | None = None
    """The redirect file in place of the environment, if there is one."""
    resembles: str = ""
    """What a directory that is no virtual environment seems to be instead, as a clause; empty if unknown."""


@dataclass(frozen=True, slots=True)
class SideLink:
    """One further symlink to an environment: an alias, or an exposed command."""

    link: str
    link_text: str
    """What it should hold, or the command that it should run."""
    chain: Chain
    leads_there: bool
    """Whether it leads to the environment."""
    available: bool = True
    """Whether it can be made: the environment has the command, or the alias's directory exists."""
    redirect: Redirect | None = None
    """The redirect file in its place, if there is one."""
    held_by: str = ""
    """The other environment that exposes a command by this name, and comes first in the manifest."""
    is_launcher: bool = False
    """Whether it has to be a script: through a symlink, Python would not find this environment."""


_NOT_SOUGHT = Backend("", missing="no installer was looked for")


@dataclass(frozen=True, slots=True)
class World:
    """What was observed for one environment."""

    path: Chain
    """The chain from the declared path."""
    target: Chain | None
    """The chain from the declared target, if any."""
    directory: Directory
    """The end of ``path``, or of ``target`` where nothing is at ``path`` yet."""
    interpreter: Interpreter | InterpreterProblem
    aliases: tuple[SideLink, ...] = ()
    exposed: tuple[SideLink, ...] = ()
    commands: tuple[str, ...] = ()
    """What ``*`` in ``expose`` stands for."""
    command_files: tuple[str, ...] = ()
    """Files that say which commands ``*`` stands for."""
    former_links: tuple[FormerLink, ...] = ()
    """Recorded links to it that nothing declares any longer."""
    installed: InstalledPackages | None = None
    """What is installed, if it was read."""
    declared: Declared | None = None
    """What should be installed, if anything is declared."""
    verdict: Verdict | None = None
    """Whether ``declared`` is installed; ``None`` where that is unknown, or nothing is declared."""
    builders: tuple[Backend, ...] = ()
    """What can build environments here, the preferred one first; where none can, the reason."""
    installer: Backend = _NOT_SOUGHT
    """What installs packages, if any are to be installed."""
    markers: tuple[tuple[str, str], ...] = ()
    """The values of environment markers (PEP 508), if packages are to be installed."""
    waiting_for: str | None = None
    """The directory to wait for, if missing."""
    moved_to: str | None = None
    """Where that directory seems to be now: its environment is there."""
    claimed: tuple[str, str] | None = None
    """The other manifest that made the environment and still uses it, and the path that it declares for it."""
    shared_with: str = ""
    """Another manifest that made the environment and still declares it at this path; empty if none does."""
    tool: str = ""
    """The other tool that makes and removes it, with where; looked for only where it is to be exchanged."""
    hazard: Hazard | None = None
    """Where somebody else could change what would be made."""
    seen: Evidence | PackedEvidence = Evidence()
    """What all of the above rests on, stamped at the end of the look."""
    watched: int = 0
    """How many of its paths, from the first on, a watcher waits for: a change of the others is too rare."""
    listed: Paths = field(default_factory=Paths)
    """Directories whose every entry counts: one that is added or removed may change the plan."""
    places: tuple[str, ...] = ()
    """The real paths of the environment's own links: its path, its aliases, its exposed commands."""

    @property
    def evidence(self) -> Evidence:
        """What all of it rests on, stamped at the end of the look."""
        return self.seen.unpacked()

    @property
    def chains(self) -> set[Chain]:
        """The ways to the environment and to its links: by its path, its target, its aliases, its exposed commands."""
        own = {self.path, self.directory.chain} | ({self.target} if self.target is not None else set())
        return own | {side.chain for side in (*self.aliases, *self.exposed)}

    @property
    def dependencies(self) -> Iterator[str]:
        """Yield the paths to watch: when one changes, the environment has to be looked at again."""
        return islice(self.evidence.paths, self.watched)

    @property
    def python_version(self) -> str:
        """The version of the environment's Python (``3.12.1``), else of the interpreter's; empty if unknown."""
        found = self.directory.environment
        full = found.version if found is not None else ""
        if not full and isinstance(self.interpreter, Interpreter):
            full = self.interpreter.facts.version
        return ".".join(full.split(".")[:3])

    def changes(self) -> tuple[Change, ...]:
        """Return the versions that installing what is declared would change, as far as an installer could say."""
        if self.verdict is None:
            return ()
        versions = self.installed.versions() if self.installed is not None else {}
        return (*self.verdict.changes, *(Change(name, versions.get(name), None) for name in self.verdict.extraneous))

    def to_dict(self) -> "Found":
        """Return what an environment's entry in the JSON document says of what was found."""
        found: Found = {
            "end": self.directory.chain.end,
            "hops": self.path.hop_entries(),
            "python": self._python(),
            "generations": list(self.directory.generations),
        }
        damage = self.installed.damage if self.installed is not None else None
        if damage is not None:
            found["damage"] = [one.to_dict() for one in damage]
        return found

    def _python(self) -> "PythonEntry":
        interpreter, chain = self.interpreter, self.interpreter.chain
        facts = interpreter.facts if isinstance(interpreter, Interpreter) else None
        return {
            "declared": interpreter.declared,
            "link": interpreter.link,
            "end": chain.end if chain else None,
            "hops": chain.hop_entries() if chain else [],
            "version": facts.version if facts else None,
            "implementation": facts.implementation if facts else None,
        }

    def outline(self) -> "World":
        """Return what is reported of it once all is decided, with its evidence: a fraction of its size."""
        directory = Directory(
            self.directory.chain, None, None, is_empty=False, writable=True, generations=self.directory.generations
        )
        return World(
            self.path,
            None,
            directory,
            self.interpreter,
            installed=self.installed,
            declared=self.declared,
            verdict=self.verdict,
            seen=self.seen.packed(),
            watched=self.watched,
        )
