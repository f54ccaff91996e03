"""All that bears on one environment."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from envsync.model.document import Entry
from envsync.model.environment import Environment
from envsync.model.evidence import Paths
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.links import Chain
from envsync.model.packages import Change, Declared, InstalledPackages, Verdict


@dataclass(frozen=True, slots=True)
class Redirect:
    """A file that names an environment elsewhere, as other tools write it (PEP 832)."""

    file: str
    target: str
    """The directory that it names, absolute."""
    is_environment: bool
    """Whether a virtual environment is there."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """A directory in which somebody else could change what envsync makes."""

    place: str
    owner: str = ""
    """The user that it belongs to; empty where it is that anybody may write in it."""


@dataclass(frozen=True, slots=True)
class Directory:
    """What stands at the end of an environment's chain."""

    chain: Chain
    environment: Environment | None
    """``None`` where what is there is no virtual environment, or nothing is there."""
    identity: tuple[int, int] | None
    """Device and inode of the end, where it is a directory."""
    is_empty: bool
    """An existing directory with nothing in it but strays."""
    writable: bool
    """Whether envsync may write where it would have to."""
    blocked_by: str = ""
    """The directory that is not writable."""
    unsafe: str = ""
    """Why nobody should keep an environment here, if so."""
    staging_parent: str = ""
    """The directory that staging directories go into: beside the end, or in it where the end cannot be exchanged."""
    exchangeable: bool = True
    """Whether the end can be exchanged for another directory: it is no mount point, and its parent is writable."""
    is_mount: bool = False
    """Whether the end itself is a mount point."""
    layered: bool = False
    """Whether the end comes with a lower layer of an overlay, as far as can be told: it is exchanged once copied up."""
    mounts: tuple[str, ...] = ()
    """Where something else is mounted inside."""
    interrupted_staging: tuple[str, ...] = ()
    """Staging directories that an interrupted pass left for this end."""
    generations: tuple[str, ...] = ()
    """Staging directories that keep an earlier content of this end, the oldest first."""
    moving_to: str = ""
    """Where a pass was moving it that was interrupted."""
    foreign_staging: tuple[str, ...] = ()
    """Small files of other tools in a directory that counts as empty nevertheless."""
    redirect: Redirect | None = None
    """Where a file leads that stands in place of the environment."""


@dataclass(frozen=True, slots=True)
class Side:
    """One further symlink to an environment: an alias, or an exposed command."""

    link: str
    link_text: str
    """What it has to hold when envsync makes it, or the command that it has to run."""
    chain: Chain
    leads_there: bool
    available: bool = True
    """Whether it can be made: the environment has the command, the alias's directory is there."""
    redirect: Redirect | None = None
    """Where it leads if it is a redirect file instead of a symlink."""
    is_launcher: bool = False
    """Whether it has to be a script, since Python is not this environment's through a symlink."""


@dataclass(frozen=True, slots=True)
class World:
    """All that bears on one environment."""

    path: Chain
    """The chain from the declared path."""
    target: Chain | None
    """The chain from the declared target."""
    directory: Directory
    """Where the work is done: the end of ``path``, or of ``target`` where nothing is at ``path`` yet."""
    interpreter: Interpreter | InterpreterProblem
    aliases: tuple[Side, ...] = ()
    exposed: tuple[Side, ...] = ()
    installed: InstalledPackages | None = None
    """What is installed, where it was looked at."""
    declared: Declared | None = None
    """What is to be installed, where something is declared."""
    verdict: Verdict | None = None
    """Whether that is installed; ``None`` where nobody could be asked, or there is nothing to ask about."""
    waiting_for: str | None = None
    """The directory to wait for, where it is not there."""
    claimed: tuple[str, str] | None = None
    """The manifest that the environment was made for, and the path for which it was: of another one, still in use."""
    hazard: Hazard | None = None
    """Where somebody else could change what would be made."""
    dependencies: Paths = field(default_factory=Paths)
    """Paths which, while their ``lstat`` stays the same, vouch for all of the above."""
    further: Paths = field(default_factory=Paths)
    """Paths that have to vouch as well, but in which a change is so rare that no watcher waits for it."""
    stamps: bytes = b""
    """The stamps of them all, taken at the end of the look; see :func:`envsync.model.evidence.packed`."""
    listed: Paths = field(default_factory=Paths)
    """Directories of which each entry bears on it: what comes or goes there may change the verdict."""
    places: tuple[str, ...] = ()
    """Where the environment's own links really are: its path, its aliases, its exposed commands."""

    def changes(self) -> tuple[Change, ...]:
        """Return the versions that installing what is declared would change, as far as an installer could say."""
        if self.verdict is None:
            return ()
        versions = self.installed.versions() if self.installed is not None else {}
        return (*self.verdict.changes, *(Change(name, versions.get(name), None) for name in self.verdict.extraneous))

    def to_dict(self) -> Entry:
        """Return what an environment's entry in the JSON document says of what was found."""
        found: Entry = {
            "end": self.directory.chain.end,
            "hops": self.path.hop_entries(),
            "python": self._python(),
            "generations": list(self.directory.generations),
        }
        damage = self.installed.damage if self.installed is not None else None
        return found if damage is None else found | {"damage": [one.to_dict() for one in damage]}

    def _python(self) -> Entry:
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

    def evidence(self) -> Iterator[str]:
        """Give all paths that vouch."""
        return itertools.chain(self.dependencies, self.further)

    def outline(self) -> "World":
        """Give what is told of it once all is decided, with what vouches for it: a fraction of its size."""
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
            dependencies=self.dependencies,
            further=self.further,
            stamps=self.stamps,
        )
