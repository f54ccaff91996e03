"""Installed packages, what an installer says of them, and the installer calls that declared packages come to."""

from dataclasses import dataclass

from envsync.model.document import Entry

_MOST = 20
"""Files that are listed of a damaged package."""
SEEDS = frozenset({"pip", "setuptools", "wheel"})
"""What builders seed environments with: nobody has to declare it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a distribution was installed from, if not from an index (PEP 610)."""

    requirement: str
    """What an installer needs to install it again: a URL without credentials, or the path of an editable project."""
    editable: bool = False
    revision: str | None = None
    """The branch, tag or commit that was asked for, where the requirement names the commit that it was."""

    @property
    def directory(self) -> str:
        """The directory of sources, or the file, on this machine; empty for what came from elsewhere."""
        if self.editable:
            return self.requirement
        from urllib.parse import unquote  # noqa: PLC0415  # most come from an index

        url = self.requirement.partition("#")[0]
        return unquote(url.removeprefix("file://"), errors="surrogateescape") if url.startswith("file://") else ""


@dataclass(frozen=True, slots=True)
class Distribution:
    """One installed distribution, read from its metadata."""

    name: str
    """Normalized (PEP 503)."""
    version: str
    requires: tuple[str, ...] = ()
    """``Requires-Dist``, as written (PEP 508)."""
    origin: Origin | None = None
    requested: bool = False
    """Whether it is marked as asked for by name (``REQUESTED``, PEP 376)."""
    legacy: bool = False
    """Whether it was installed without wheel metadata (``.egg-info``, ``.egg-link``)."""
    installer: str = ""
    """Who marked it as asked for (``INSTALLER``, PEP 376): uv marks everything."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with the files of one distribution, by its ``RECORD`` (PEP 376)."""

    package: Distribution
    metadata: str
    """Its metadata directory, relative to the environment."""
    missing: tuple[str, ...] = ()
    """Files that are gone, as ``RECORD`` names them."""
    changed: tuple[str, ...] = ()
    """Files that are others than those that were installed."""
    unchecked: str = ""
    """Why its files could not be compared."""
    partial: tuple[str, ...] = ()
    """What an interrupted installation of it left, relative to the environment."""
    links: tuple[str, ...] = ()
    """Symlinks of the user's among its files or on the way to them, relative to the environment."""
    known: bool = True
    """Whether it can be told which version it was, and where it came from."""

    def to_dict(self) -> Entry:
        """Return its entry in the JSON document, with the first files of each list."""
        return {
            "package": self.package.name,
            "version": self.package.version,
            "missing": list(self.missing[:_MOST]),
            "missing_count": len(self.missing),
            "changed": list(self.changed[:_MOST]),
            "changed_count": len(self.changed),
            "unchecked": self.unchecked or None,
            "leftovers": list(self.partial[:_MOST]),
        }

    @property
    def damaged(self) -> bool:
        """Whether it has to be installed again; of one without wheel metadata nobody can tell."""
        return not self.package.legacy and bool(self.missing or self.changed or self.unchecked)


@dataclass(frozen=True, slots=True)
class InstalledPackages:
    """What is installed in an environment, from its metadata alone: no interpreter is needed."""

    distributions: tuple[Distribution, ...] = ()
    broken: tuple[str, ...] = ()
    """Metadata directories that do not tell what they are of."""
    unowned: tuple[str, ...] | None = None
    """What no distribution claims, relative to the environment; ``None`` where it was not looked for."""
    damage: tuple[Damage, ...] | None = None
    """What is wrong with their files, or cannot be told; ``None`` where it was not looked for."""

    @property
    def digest(self) -> str:
        """What is installed, in short: another one where a name, a version or an origin differs."""
        from hashlib import sha256  # noqa: PLC0415  # it loads OpenSSL

        rows = sorted((one.name, one.version, *_origin_fields(one.origin)) for one in self.distributions)
        return sha256(ascii((rows, sorted(self.broken))).encode()).hexdigest()[:32]

    def versions(self) -> dict[str, str]:
        """Give versions by name."""
        return {one.name: one.version for one in self.distributions}


def _origin_fields(origin: Origin | None) -> tuple[str, bool]:
    return (origin.requirement, origin.editable) if origin is not None else ("", False)


@dataclass(frozen=True, slots=True)
class Change:
    """One distribution whose version changes."""

    name: str
    """Normalized (PEP 503)."""
    before: str | None
    """``None`` where it is not installed."""
    after: str | None
    """``None`` where it goes; empty where the installer has to build it to know."""

    def to_dict(self) -> dict[str, str | None]:
        """Return its entry among the ``packages`` of the JSON document."""
        return {"name": self.name, "before": self.before, "after": self.after or None}


def changes_between(before: InstalledPackages, after: InstalledPackages) -> tuple[Change, ...]:
    """List each distribution whose version is another."""
    had, has = before.versions(), after.versions()
    names = sorted(name for name in {*had, *has} if had.get(name) != has.get(name))
    return tuple(Change(name, had.get(name), has.get(name)) for name in names)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the installed packages meet what is declared."""

    met: bool
    changes: tuple[Change, ...] = ()
    """What an installation would change, where the installer could say."""
    extraneous: tuple[str, ...] = ()
    """Names that no declaration brings, where only the declared is wanted."""
    reason: str = ""
    """Why it is not met, where that is not known from the changes."""


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
    """Check whether a call leaves no choice of versions."""
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
