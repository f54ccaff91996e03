"""What the file system holds: the observed side of a reconcile.

Twin of :mod:`envsync.desired`. These values are complete: whoever has them
decides without looking at the disk again.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

__all__ = [
    "Chain",
    "Contents",
    "EndKind",
    "Environment",
    "Facts",
    "Folder",
    "Hop",
    "InnerLink",
    "Interpreter",
    "InterpreterProblem",
    "Script",
    "Side",
    "World",
]


class EndKind(Enum):
    """What stands at the end of a link chain."""

    MISSING = "nothing"
    DIRECTORY = "a directory"
    FILE = "a file"
    SPECIAL = "a socket, device or FIFO"
    LOOP = "a symlink loop"
    UNREADABLE = "something that cannot be looked at"


@dataclass(frozen=True, slots=True)
class Hop:
    """One symlink on the way."""

    link: str
    """Absolute path of the symlink itself, the links before it resolved."""
    text: str
    """What it holds, as written."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The way from a path to the real thing, hop by hop."""

    start: str
    hops: tuple[Hop, ...]
    end: str
    """Absolute path without any symlink, whether or not anything is there."""
    kind: EndKind
    to_make: tuple[str, ...] = ()
    """Where the end is missing: the folders to make before it, outermost first."""
    is_link: bool = False
    """Whether there is a symlink at ``start`` itself, not only on the way to it."""
    reason: str = ""
    """For ``LOOP`` and ``UNREADABLE``: what the system said, and where."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an interpreter says of itself; see :mod:`envsync.observe.probe`."""

    version: str
    """``3.12.1``, ``3.14.0rc2``."""
    implementation: str
    """``cpython``, ``pypy``, ``graalpy``."""
    abi: str
    """Implementation, version, ABI flags and platform, but no patch release: ``cpython-312-x86_64-linux-gnu``."""
    base_prefix: str
    base_exec_prefix: str
    executable: str
    """The real binary."""
    stdlib: str
    """The folder of ``os.py``."""
    library: str
    """The folder of an environment that holds ``site-packages``, relative: ``lib/python3.12``."""
    platlibdir: str
    """``lib``, or ``lib64`` where the distribution has two."""
    version_info: str
    """``3.12.1.final.0``."""

    @property
    def minor(self) -> str:
        """``3.12``."""
        return ".".join(self.version_info.split(".")[:2])

    @property
    def release(self) -> str:
        """``3.12.1``, without a pre-release suffix."""
        return ".".join(self.version_info.split(".")[:3])

    @property
    def names(self) -> tuple[str, ...]:
        """The names in an environment's ``bin`` beside ``python``, which they point to."""
        threaded = (f"python{self.minor}t",) if self.library.endswith("t") else ()
        return ("python3", f"python{self.minor}", *threaded)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter link that works."""

    declared: str
    link: str
    """What ``bin/python`` holds: absolute, unresolved."""
    home: str
    """What ``home`` in ``pyvenv.cfg`` holds."""
    chain: Chain
    facts: Facts
    notes: tuple[str, ...] = ()
    """What a person should know of how the link was found."""


@dataclass(frozen=True, slots=True)
class InterpreterProblem:
    """An interpreter link that does not work; the environment is left as it is."""

    declared: str
    link: str | None
    code: str
    message: str
    hint: str
    chain: Chain | None = None


@dataclass(frozen=True, slots=True)
class InnerLink:
    """An entry of an environment that ought to be a symlink: ``bin/python*``, ``lib64``."""

    name: str
    text: str | None
    """What the symlink holds; ``None`` where it is no symlink, but a copy."""
    works: bool
    """Whether it leads to something."""


@dataclass(frozen=True, slots=True)
class Script:
    """A text file in ``bin`` that names an environment's folder."""

    name: str
    kind: Literal["activate", "shebang"]
    named: str
    """The folder that it names."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What an environment holds beyond what its builder wrote."""

    packages: tuple[str, ...] = ()
    """Names in ``site-packages`` that no builder puts there."""
    links: tuple[str, ...] = ()
    """A user's own symlinks, relative to the environment."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment as found at the end of a chain (PEP 405)."""

    cfg: tuple[tuple[str, str], ...]
    """``pyvenv.cfg``: keys in lower case, values as read, in file order."""
    pythons: tuple[InnerLink, ...]
    libraries: tuple[str, ...]
    """Folders that hold ``site-packages``, relative: ``lib/python3.12``."""
    lib64: InnerLink | None
    """The entry ``lib64``, which some distributions have beside ``lib``."""
    scripts: tuple[Script, ...]
    """Scripts that name a folder which is not the declared path."""
    has_activate: bool
    contents: Contents
    debris: tuple[str, ...] = ()
    """Half-written files of an interrupted pass, relative."""

    def setting(self, key: str) -> str | None:
        """Give the value of a ``pyvenv.cfg`` key, the last one where it is repeated, as Python reads it."""
        return dict(self.cfg).get(key)


@dataclass(frozen=True, slots=True)
class Folder:
    """What stands at the end of an environment's chain."""

    chain: Chain
    environment: Environment | None
    """``None`` where what is there is no virtual environment, or nothing is there."""
    is_empty: bool
    """An existing directory with nothing in it."""
    writable: bool
    """Whether envsync may write where it would have to."""
    blocked_by: str = ""
    """The folder that is not writable."""
    unsafe: str = ""
    """Why nobody should keep an environment here, if so."""
    is_mount: bool = False
    """Whether the end is on another file system than the folder that holds it: it cannot be exchanged."""
    leftovers: tuple[str, ...] = ()
    """Staging areas that an interrupted pass left for this end."""
    generations: tuple[str, ...] = ()
    """Areas that keep an earlier content of this end, the oldest first."""


@dataclass(frozen=True, slots=True)
class Side:
    """One further symlink to an environment: an alias, or an exposed command."""

    link: str
    text: str
    """What it has to hold when envsync makes it."""
    chain: Chain
    leads_there: bool
    available: bool = True
    """Whether it can be made: the environment has the command, the alias's folder is there."""


@dataclass(frozen=True, slots=True)
class World:
    """All that bears on one environment."""

    path: Chain
    """The chain from the declared path."""
    target: Chain | None
    """The chain from the declared target."""
    folder: Folder
    """Where the work is done: the end of ``path``, or of ``target`` where nothing is at ``path`` yet."""
    interpreter: Interpreter | InterpreterProblem
    aliases: tuple[Side, ...] = ()
    exposed: tuple[Side, ...] = ()
    waiting_for: str | None = None
    """The folder to wait for, where it is not there."""
    witnesses: tuple[str, ...] = ()
    """Paths which, while their ``lstat`` stays the same, vouch for all of the above."""
