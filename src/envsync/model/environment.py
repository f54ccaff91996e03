"""A virtual environment as observed, the unowned names in it, and what envsync keeps of former ones."""

import re
from dataclasses import dataclass, field
from typing import Literal

from envsync.model.evidence import Paths
from envsync.model.packages import InstalledPackages, Verdict

_LIBRARY = re.compile(r"(?:python|pypy|graalpy)(\d+\.\d+[td]*)")  # python3.12, python3.13t, pypy3.10


def library_name(library: str) -> str:
    """Return which Python a library is called after (``3.12``, ``3.13t``), empty where its name does not tell."""
    match = _LIBRARY.fullmatch(library.rpartition("/")[2])
    return match[1] if match else ""


@dataclass(frozen=True, slots=True)
class InnerLink:
    """An entry of an environment that ought to be a symlink: ``bin/python*``, ``lib64``."""

    name: str
    link_text: str | None
    """What the symlink holds; ``None`` where it is no symlink, but a copy."""
    works: bool
    """Whether it leads to something."""
    end: str = ""
    """What it leads to in the end, where it is a symlink that leads out of its directory."""
    own: bool = False
    """Whether it is a script or program of the user's, neither a symlink nor a copy of an interpreter."""


@dataclass(frozen=True, slots=True)
class Script:
    """A file in ``bin`` that is not as this environment needs it."""

    name: str
    kind: Literal["activate", "shebang", "mode"]
    """An activation script that names another directory; a script that runs with another Python; one without
    permission to be executed."""
    named: str
    """The directory, or the interpreter, that it names; empty where that cannot be read."""
    rendered: bool = False
    """Whether an activation script has to be rendered again, since another name in it would not do."""
    harmful: bool = False
    """Whether shells may take parts of a name in it for commands: then nothing of it is kept in use."""


@dataclass(frozen=True, slots=True)
class LostEditable:
    """An editable install whose directory is missing."""

    name: str
    directory: str
    now: str | None
    """The project that the environment lies in, where it may be now."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What an environment holds beyond what its builder wrote."""

    packages: tuple[str, ...] = ()
    """Names in ``site-packages`` that no builder puts there."""
    links: tuple[str, ...] = ()
    """A user's own symlinks, relative to the environment."""
    aliases: tuple[str, ...] = ()
    """Further names of the interpreter in ``bin``: symlinks that end at it."""
    alias_links: tuple[InnerLink, ...] = ()
    """Those symlinks."""
    others: tuple[str, ...] = ()
    """Entries at the top that no builder makes: a package's, or the user's."""
    populated: tuple[str, ...] = ()
    """The libraries with distributions in them, other than those that builders seed."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment as found at the end of a chain (PEP 405)."""

    cfg: tuple[tuple[str, str], ...]
    """``pyvenv.cfg``: keys in lower case, values as read, in file order."""
    pythons: tuple[InnerLink, ...]
    libraries: tuple[str, ...]
    """Directories that hold ``site-packages``, relative: ``lib/python3.12``; whether its own Python sees them or not.
    """
    lib64: InnerLink | None
    """The entry ``lib64``, which some distributions have beside ``lib``."""
    scripts: tuple[Script, ...]
    """Scripts that name a directory which is not the declared path."""
    has_bin: bool
    """Whether there is a directory ``bin`` with anything in it."""
    activators: tuple[str, ...]
    """The activation scripts that are there."""
    contents: Contents
    activate_is: str = ""
    """What ``bin/activate`` is, where it is not a file and does not lead to one."""
    lost_editables: tuple[LostEditable, ...] = ()
    partial_files: tuple[str, ...] = ()
    """Half-written files of an interrupted pass, relative."""
    dependencies: Paths = field(default_factory=Paths)
    """Paths whose stamps vouch for all of this."""

    @property
    def built_for(self) -> str | None:
        """The minor version that ``pyvenv.cfg`` names (``3.12``); ``None`` where it names none."""
        for key in ("python-version", "version_info", "version"):
            parts = (self.setting(key) or "").split(".")
            if len(parts) > 1 and parts[0].isdigit() and parts[1].isdigit():
                return f"{parts[0]}.{parts[1]}"
        return None

    def setting(self, key: str) -> str | None:
        """Give the value of a ``pyvenv.cfg`` key, the last one where it is repeated, as Python reads it."""
        return dict(self.cfg).get(key)


BUILT_TOP = frozenset({"bin", "include", "lib", "lib64", "share", "etc", "local", "pyvenv.cfg", "__pycache__"})
"""Entries at the top of an environment that builders and packages make; ``local`` is Debian's of old."""
_FOREIGN_STAGING = frozenset(
    {".DS_Store", ".localized", ".directory", "Thumbs.db", "desktop.ini", ".gitignore", ".hgignore", ".dockerignore"}
    | {"CACHEDIR.TAG", ".lock", ".nobackup", ".metadata_never_index", ".gitkeep", ".keep", "README", "README.txt"}
    | {".project"}  # virtualenvwrapper's and pipenv's: the project's directory
)
_OPEN_STILL = (".nfs", ".fuse_hidden")
"""What NFS and FUSE make of a file that is removed while somebody has it open."""
_STRAY_PREFIXES = ("._", *_OPEN_STILL)


def is_removed(name: str) -> bool:
    """Check whether a file is called as one is that was removed already."""
    return name.startswith(_OPEN_STILL)


def is_stray(name: str) -> bool:
    """Check whether an entry is called as the small files are that builders, file managers and backups leave."""
    return name in _FOREIGN_STAGING or name.startswith(_STRAY_PREFIXES)


@dataclass(frozen=True, slots=True)
class Former:
    """The latest generation of an environment."""

    staging_dir: str
    place: str
    """The directory in the staging directory that was the environment."""
    made: str
    """When it was replaced, ISO 8601; empty where that is not known."""
    environment: Environment | None = None
    """``None`` where it is no whole environment any more."""
    identity: tuple[int, int] | None = None
    """Device and inode of ``place``."""
    installed: InstalledPackages = field(default_factory=InstalledPackages)
    """What is installed in it."""
    verdict: Verdict | None = None
    """Whether that is as declared now; ``None`` where it cannot be told, or nothing is declared."""

    @property
    def version(self) -> str:
        """The version of its Python (``3.12.1``), empty where ``pyvenv.cfg`` does not tell."""
        found = self.environment
        full = "" if found is None else found.setting("version") or found.setting("version_info") or ""
        return ".".join(full.split(".")[:3])


@dataclass(frozen=True, slots=True)
class Orphan:
    """An environment in the state directory that the manifest made and declares no more."""

    name: str
    path: str
    """Where it was found once: the declared path."""
    end: str
    identity: tuple[int, int]
    size: int
    """Bytes on the disk."""
    linked: bool
    """Whether there is a symlink at ``path`` that leads to it still."""
    unowned: tuple[str, ...]
    """What is in it that no builder and no package owns: files of the user's."""


@dataclass(frozen=True, slots=True)
class Generation:
    """An earlier content that is kept of an environment."""

    name: str
    staging_dir: str
    end: str
    """Of the environment."""
    made: str
    """When it was replaced, ISO 8601."""
    version: str | None
    """Of its Python, as ``pyvenv.cfg`` has it."""
    size: int
    """Bytes on the disk."""
    declared: bool
    """Whether the environment is declared still."""
    irreplaceable: bool
    """Whether it holds what no installer brings back: files of the user's."""
    surplus: bool
    """Whether there are as many newer ones as the manifest says are kept."""
    unowned: tuple[str, ...] = ()
    """Files of the user's in it that the environment does not hold as well, relative."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A staging directory that an interrupted pass has left."""

    name: str
    """Of the environment; empty where the pass did not come to say so."""
    staging_dir: str
    end: str
    """Of the environment."""
    size: int
    """Bytes on the disk."""


@dataclass(frozen=True, slots=True)
class ExposedOrphan:
    """A symlink to an orphan's command, or a script that runs it, which will lead nowhere without it."""

    link: str
    link_text: str
