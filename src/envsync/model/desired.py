"""What the manifest says: the desired side of a reconcile.

Paths are absolute, expanded and unresolved. What the file system holds is :mod:`envsync.model.world`.
"""

from dataclasses import field

from envsync.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class PythonPath:
    """An interpreter link declared by its path."""

    declared: str
    """As the manifest has it: the name from ``[pythons]``, or the path text."""
    path: str
    """Absolute, expanded, unresolved."""


@dataclass(frozen=True, slots=True)
class PythonVersion:
    """A request for the best installed interpreter of a version."""

    declared: str
    implementation: str
    """``cpython``, ``pypy`` or ``graalpy``, as ``sys.implementation.name`` has it."""
    specifier: str
    """A PEP 440 specifier set: ``==3.12.*``, ``==3.12.6``, ``>=3.11,<3.13``."""
    free_threaded: bool = False


@dataclass(frozen=True, slots=True)
class DefaultPython:
    """No ``python`` declared: an environment keeps the one that it has; a new one gets the best that is installed."""

    declared: str = ""


PythonRequest = PythonPath | PythonVersion | DefaultPython


@dataclass(frozen=True, slots=True)
class Packages:
    """What is to be installed in an environment."""

    requirements: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    project: str | None = None
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    editable: bool = True
    exact: bool = False
    on_missing: str = "fail"
    declared: tuple[str, ...] = ()
    """The manifest keys, kebab-case, that this environment or ``[defaults]`` sets."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """A command of an environment to expose in ``bin-dir``: by a symlink, its Python by a script that runs it."""

    command: str
    """Its file name in the environment's ``bin``; ``*`` for all commands of declared packages."""
    link: str
    """Absolute path of the symlink, or of the script; ``*`` in the place of its name where it stands for all."""

    @property
    def stands_for_all(self) -> bool:
        """Whether it stands for all commands of declared packages that are not exposed by name."""
        return self.command == "*"


@dataclass(frozen=True, slots=True)
class Environment:
    """One ``[envs.NAME]`` table, with ``[defaults]`` applied.

    Its keys are in the fields of their names, those that say what to install in ``packages``; see
    :mod:`envsync.manifest.tables`.
    """

    name: str
    path: str
    target: str | None = None
    python: PythonRequest = field(default_factory=DefaultPython)
    requires_python: str | None = None
    system_site_packages: bool = False
    prompt: str | None = None
    description: str | None = None
    """What it is for, in a line."""
    aliases: tuple[str, ...] = ()
    expose: tuple[Exposed, ...] = ()
    wait_for: str | None = None
    """A directory; ``None`` where nothing is waited for."""
    packages: Packages = field(default_factory=Packages)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that shaped a manifest's meaning, so that a cache can check whether it still holds."""

    paths: tuple[str, ...] = ()
    """Files that were read, directories that were listed for a pattern, links that a ``..`` was checked against."""
    listed: tuple[str, ...] = ()
    """Those of them whose every entry matters: directories that were listed for a pattern."""
    variables: tuple[tuple[str, str | None], ...] = ()
    """Environment variables that were consulted, as pairs of name and value (``None``: unset)."""
    replayable: bool = True
    """Whether ``paths`` and ``variables`` are all that counts (not for a pattern through several directories)."""
    stamps: tuple[int, ...] = ()
    """What :func:`envsync.cache.fingerprint.stamp_followed` returned for each of ``paths`` before it was read."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that a manifest was read from."""

    file: str
    """Absolute path as opened."""
    owner: int
    """The user ID of its owner, all links followed."""
    digest: str
    """Of its text: SHA-256."""


PLACEHOLDERS = ("name", "path", "event", "message", "code", "python", "manifest")
"""What the words of ``on_event`` may have in braces."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole manifest with its includes, for this host and platform."""

    file: str
    """Absolute path as opened; a symlinked manifest is not resolved."""
    state_dir: str
    bin_dir: str
    environments: tuple[Environment, ...]
    keep: int = 1
    builders: tuple[str, ...] = ("virtualenv",)
    """In order of preference: ``virtualenv``, ``uv``, ``venv``."""
    installer: str = "auto"
    elsewhere: tuple[str, ...] = ()
    """Names of environments whose ``hosts`` or ``platforms`` exclude this machine."""
    default_places: tuple[str, ...] = ()
    """Which of ``path`` and ``target`` its own ``[defaults]`` give each environment."""
    pythons: tuple[tuple[str, str], ...] = ()
    """The names in ``[pythons]`` that stand for paths, each with its path, absolute and unresolved."""
    on_event: tuple[str, ...] = ()
    """The command that a watcher runs for each event, with placeholders; empty for none."""
    inputs: Inputs = field(default_factory=Inputs)
    sources: tuple[Source, ...] = ()
    """The manifest itself, and what it includes, in the order in which they were read."""
    distrust: str = ""
    """Why nothing that it names may be run or changed; empty where it may be applied."""
