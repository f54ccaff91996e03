"""Virtual environments as observed, their generations, and what no manifest declares any more."""

import re
from dataclasses import field
from typing import Literal

from envsync.model.dataclass import dataclass
from envsync.model.evidence import Paths
from envsync.model.packages import InstalledPackages, Verdict

_LIBRARY = re.compile(r"(?:python|pypy|graalpy)(\d+\.\d+[td]*)")  # python3.12, python3.13t, pypy3.10


def library_name(library: str) -> str:
    """Return the Python version in the name of a library directory (``3.12``, ``3.13t``), empty if it has none."""
    match = _LIBRARY.fullmatch(library.rpartition("/")[2])
    return match[1] if match else ""


@dataclass(frozen=True, slots=True)
class InnerLink:
    """An entry of an environment that should be a symlink: ``bin/python*``, ``lib64``."""

    name: str
    link_text: str | None
    """What the symlink holds; ``None`` where it is a copy."""
    works: bool
    """Whether it leads to anything that exists."""
    end: str = ""
    """The real path that it leads to, for a symlink out of its directory."""
    own: bool = False
    """Whether it is the user's own script or program, neither a symlink nor a copy of an interpreter."""
    is_copy: bool = False
    """Whether it is a copy of the very interpreter that is declared, byte for byte."""


@dataclass(frozen=True, slots=True)
class Script:
    """A file in ``bin`` that needs to be repaired."""

    name: str
    kind: Literal["activate", "shebang", "mode"]
    """An activation script that names another directory, a script that runs with another Python, or one without
    execute permission."""
    named: str
    """The directory or interpreter that it names; empty where that cannot be read."""
    rendered: bool = False
    """Whether an activation script has to be rendered again, as replacing the directory in it is not enough."""
    harmful: bool = False
    """Whether shells may run parts of a name in it as commands: then none of its text is reused."""


@dataclass(frozen=True, slots=True)
class LostEditable:
    """An editable install whose directory is missing."""

    name: str
    directory: str
    project: str | None
    """The project that the environment lies in, where the package may be now."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What an environment holds besides what its builder wrote."""

    packages: tuple[str, ...] = ()
    """Entries of ``site-packages`` that no builder puts there."""
    links: tuple[str, ...] = ()
    """A user's own symlinks, relative to the environment."""
    aliases: tuple[str, ...] = ()
    """Further names of the interpreter in ``bin``: symlinks that end at it."""
    alias_links: tuple[InnerLink, ...] = ()
    """The symlinks of ``aliases``."""
    others: tuple[str, ...] = ()
    """Entries at the top that no builder makes: a package's, or the user's."""
    populated: tuple[str, ...] = ()
    """The library directories that hold distributions other than seeds."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment as found at the end of a chain (PEP 405)."""

    cfg: tuple[tuple[str, str], ...]
    """``pyvenv.cfg``: keys in lower case, values as read, in file order."""
    pythons: tuple[InnerLink, ...]
    libraries: tuple[str, ...]
    """Directories that hold ``site-packages``, relative: ``lib/python3.12``; also those that its Python ignores."""
    lib64: InnerLink | None
    """The entry ``lib64``, which some Linux distributions have beside ``lib``."""
    scripts: tuple[Script, ...]
    """Scripts that need to be repaired."""
    has_bin: bool
    """Whether ``bin`` is a directory that is not empty."""
    activators: tuple[str, ...]
    """The names of its activation scripts."""
    contents: Contents
    activate_is: str = ""
    """What ``bin/activate`` is, if neither a file nor a link to one: ``a symlink that leads to no file``."""
    lost_editables: tuple[LostEditable, ...] = ()
    partial_files: tuple[str, ...] = ()
    """Partial files of an interrupted pass, relative."""
    same_places: tuple[str, ...] = ()
    """Keys of ``pyvenv.cfg`` that name by another path what they should, as far as another builder wrote them."""
    dependencies: Paths = field(default_factory=Paths)
    """Paths that all of this depends on."""

    @property
    def is_foreign(self) -> bool:
        """Whether another builder made it: then its paths may be others, as long as they lead to the same."""
        return self.setting("envsync-name") is None

    @property
    def version(self) -> str:
        """The version in ``pyvenv.cfg``, as its builder wrote it (``3.12.1``); empty where it has none."""
        return self.setting("version") or self.setting("version_info") or ""

    @property
    def built_for(self) -> str | None:
        """The minor version in ``pyvenv.cfg`` (``3.12``); ``None`` where it has none."""
        for key in ("python-version", "version_info", "version"):
            parts = (self.setting(key) or "").split(".")
            if len(parts) > 1 and parts[0].isdigit() and parts[1].isdigit():
                return f"{parts[0]}.{parts[1]}"
        return None

    def setting(self, key: str) -> str | None:
        """Return the value of a ``pyvenv.cfg`` key; of a repeated key the last one counts, as for Python."""
        return dict(self.cfg).get(key)


BUILT_TOP = frozenset({"bin", "include", "lib", "lib64", "share", "etc", "local", "pyvenv.cfg", "__pycache__"})
"""Entries at the top of an environment that builders and packages make; ``local`` is Debian's of old."""
_STRAY_FILES = frozenset(
    {".DS_Store", ".localized", ".directory", "Thumbs.db", "desktop.ini", ".gitignore", ".hgignore", ".dockerignore"}
    | {"CACHEDIR.TAG", ".lock", ".nobackup", ".metadata_never_index", ".gitkeep", ".keep", "README", "README.txt"}
    | {".project"}  # virtualenvwrapper's and pipenv's: the project's directory
)
_REMOVED = (".nfs", ".fuse_hidden")
"""Prefixes that NFS and FUSE give to a file that is removed while it is open."""
_STRAY_PREFIXES = ("._", *_REMOVED)  # ``._x``: macOS, on foreign file systems


def is_removed(name: str) -> bool:
    """Check whether a name is that of a removed file that is still open somewhere."""
    return name.startswith(_REMOVED)


def is_stray_file(name: str) -> bool:
    """Check whether a name is that of a small file that builders, file managers and backups leave behind."""
    return name in _STRAY_FILES or name.startswith(_STRAY_PREFIXES)


@dataclass(frozen=True, slots=True)
class FoundEnvironment:
    """A virtual environment that was found."""

    paths: tuple[str, ...]
    """The symlinks that lead to it, or its real path where none does."""
    end: str
    text: str | None
    """The link text of the first path, made absolute; ``None`` where that is no symlink."""
    python: str | None
    """The interpreter link that it uses, or a stable link to the same tree; ``None`` if unknown."""
    link: str | None
    """The interpreter link that it uses."""
    works: bool
    """Whether that link leads to anything."""
    prompt: str | None
    system_site_packages: bool
    libraries: tuple[str, ...]
    """The directories that hold ``site-packages`` for the version in ``pyvenv.cfg``, otherwise all of them."""
    inputs: tuple[str, ...]
    """Absolute paths of files beside its first path that may declare its packages."""
    marked_as: tuple[str, str] = ("", "")
    """The manifest that made it and its name there, if envsync did."""
    python_name: str | None = None
    """The name in ``[pythons]`` by which a manifest declares its interpreter."""


@dataclass(frozen=True, slots=True)
class LatestGeneration:
    """The latest generation of an environment."""

    staging_dir: str
    place: str
    """The directory in it that was the environment."""
    made: str
    """When it was replaced, ISO 8601; empty if unknown."""
    environment: Environment | None = None
    """``None`` where it is no longer a complete environment."""
    identity: tuple[int, int] | None = None
    """Device and inode of ``place``."""
    installed: InstalledPackages = field(default_factory=InstalledPackages)
    """The packages installed in it."""
    verdict: Verdict | None = None
    """Whether they meet the present declarations; ``None`` where that is unknown, or nothing is declared."""

    @property
    def version(self) -> str:
        """The version of its Python (``3.12.1``), empty where ``pyvenv.cfg`` has none."""
        return "" if self.environment is None else ".".join(self.environment.version.split(".")[:3])


@dataclass(frozen=True, slots=True)
class Orphan:
    """An environment in the state directory that the manifest made and no longer declares."""

    name: str
    path: str
    """The path at which it was declared."""
    end: str
    identity: tuple[int, int]
    size: int
    """Bytes on the disk."""
    linked: bool
    """Whether a symlink at ``path`` still leads to it."""
    unowned: tuple[str, ...]
    """The user's files in it, which no builder and no package owns."""
    own_link: "FormerLink | None" = None
    """The symlink at ``path``, where envsync made it."""

    @property
    def stays(self) -> bool:
        """Whether it must not be removed: it holds the user's files, or a link that is not envsync's leads to it."""
        return bool(self.unowned) or (self.linked and self.own_link is None)


@dataclass(frozen=True, slots=True)
class Generation:
    """An earlier content of an environment, kept for a rollback."""

    name: str
    staging_dir: str
    end: str
    """Of the environment."""
    made: str
    """When it was replaced, ISO 8601."""
    version: str | None
    """Of its Python."""
    size: int
    """Bytes on the disk."""
    declared: bool
    """Whether the environment is still declared."""
    irreplaceable: bool
    """Whether it holds files of the user's, which no installer restores."""
    surplus: bool
    """Whether it exceeds the number of generations that the manifest keeps."""
    unowned: tuple[str, ...] = ()
    """Files of the user's in it that the environment lacks, relative."""
    in_use: bool = False
    """Whether the environment is there."""


@dataclass(frozen=True, slots=True)
class InterruptedStaging:
    """A staging directory that an interrupted pass left."""

    name: str
    """Of the environment; empty where the pass was interrupted before it wrote the marker."""
    staging_dir: str
    end: str
    """Of the environment."""
    size: int
    """Bytes on the disk."""


@dataclass(frozen=True, slots=True)
class FormerLink:
    """A symlink, or a script that runs a command, that envsync made and that nothing declares any longer."""

    link: str
    link_text: str
    """What it holds, or the command that it runs."""
    identity: tuple[int, int]
    """Device and inode when it was looked at."""
    end: str = ""
    """The real path of the environment; empty where that is not known."""
    is_command: bool = True
    """Whether it leads to a command, not to the environment."""
