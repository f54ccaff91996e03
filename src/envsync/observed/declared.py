"""What the manifest's package keys come to: the calls of an installer that carry them out."""

from dataclasses import dataclass

__all__ = ["INPUTS", "INSTALLED", "Call", "Declared", "Project", "Sync", "is_lock"]

INPUTS = "envsync-inputs"
"""The ``pyvenv.cfg`` key that holds the digests of what was declared when packages were installed last."""
INSTALLED = "envsync-installed"
"""The key that holds the digest of what was installed then."""


@dataclass(frozen=True, slots=True)
class Call:
    """One ``install`` of pip or uv, with what is declared handed over as it stands."""

    arguments: tuple[str, ...]
    """As both take them: ``-r FILE``, ``-c FILE``, ``-e DIRECTORY[extras]``, ``--group FILE:NAME``, PEP 508."""
    directory: str
    """The directory that relative paths in them are written for, in which the installer is run."""
    lines: tuple[str, ...] = ()
    """Further lines in the format of a requirements file."""
    dependencies: bool = True
    """Whether what they depend on is installed as well; what a lock names is complete."""
    alone: bool = False
    """Whether no other requirements or constraints may stand in the same call: uv reads a ``pylock.toml`` so."""


@dataclass(frozen=True, slots=True)
class Sync:
    """One ``uv sync``: a project as its ``uv.lock`` says."""

    project: str
    lock: str
    """The file: of the project, or of the workspace that it is a member of."""
    options: tuple[str, ...]
    """Its groups and extras, and whether it is installed as editable."""


def is_lock(call: Call | Sync) -> bool:
    """Tell whether a call leaves no choice of versions."""
    return isinstance(call, Sync) or call.alone or not call.dependencies


@dataclass(frozen=True, slots=True)
class Project:
    """A directory of sources that an installer builds."""

    path: str
    """Real and absolute."""
    editable: bool


@dataclass(frozen=True, slots=True)
class Declared:
    """What the manifest's package keys come to, with every file read that counts."""

    installer: str = "uv"
    """``uv`` or ``pip``: the one that carries it out."""
    calls: tuple[Call | Sync, ...] = ()
    index: tuple[str, ...] = ()
    """The index options of the declarations, as lines of a requirements file: they hold for whatever is installed."""
    hashes: tuple[str, ...] = ()
    """The declared lines that have hashes, as constraints: ``name==1.0 --hash=sha256:…``."""
    directory: str = "/"
    """Where an installer is run for everything else, to find the project's own settings."""
    projects: tuple[Project, ...] = ()
    digest: str = ""
    """Of the declarations, and of every file that counts; 32 hexadecimal digits."""
    metadata: str = ""
    """The digest of the projects' own metadata alone, 16 hexadecimal digits; empty without projects."""
    files: tuple[str, ...] = ()
    """Every file that was read, or is not there to be read."""
    variables: tuple[str, ...] = ()
    """The environment variables that the files name."""
    problems: tuple[str, ...] = ()
    """What cannot be carried out: the place, the reason."""

    @property
    def inputs(self) -> str:
        """What an environment's own ``pyvenv.cfg`` holds of it."""
        return f"{self.digest}-{self.metadata}" if self.metadata else self.digest
