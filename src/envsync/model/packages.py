"""Installed packages, what an installer reports about them, and the installer calls that install declared ones."""

from envsync.model.dataclass import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.environments import ChangeEntry, DamageEntry

_MOST = 20
"""Files that are listed of a damaged package."""
SEEDS = frozenset({"pip", "setuptools", "wheel"})
"""What builders seed environments with: it need not be declared."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a distribution was installed from, except from an index (PEP 610)."""

    requirement: str
    """What installs it again: a URL without credentials, or the path of an editable project."""
    editable: bool = False
    revision: str | None = None
    """The requested branch, tag or commit, where the requirement names the resolved commit."""

    @property
    def directory(self) -> str:
        """The local directory of sources, or the local file; empty for anything else."""
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
    """Whether it is marked as requested by name (``REQUESTED``, PEP 376)."""
    legacy: bool = False
    """Whether it was installed without wheel metadata (``.egg-info``, ``.egg-link``)."""
    installer: str = ""
    """The tool that marked it as requested (``INSTALLER``, PEP 376): uv marks everything."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with the files of one distribution, by its ``RECORD`` (PEP 376)."""

    package: Distribution
    metadata: str
    """Its metadata directory, relative to the environment."""
    missing: tuple[str, ...] = ()
    """Missing files, as ``RECORD`` names them."""
    changed: tuple[str, ...] = ()
    """Files whose content differs from what was installed."""
    unchecked: str = ""
    """Why its files could not be checked; empty if they were."""
    partial: tuple[str, ...] = ()
    """Partial files of an interrupted installation of it, relative to the environment."""
    links: tuple[str, ...] = ()
    """Symlinks of the user's among its files or on the way to them, relative to the environment."""
    known: bool = True
    """Whether its version and origin are known."""

    def to_dict(self) -> "DamageEntry":
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
        """Whether it has to be installed again; without wheel metadata that is unknown."""
        return not self.package.legacy and bool(self.missing or self.changed or self.unchecked)


@dataclass(frozen=True, slots=True)
class InstalledPackages:
    """What is installed in an environment, read from metadata without running its interpreter."""

    distributions: tuple[Distribution, ...] = ()
    broken: tuple[str, ...] = ()
    """Metadata directories without a readable name and version."""
    unowned: tuple[str, ...] | None = None
    """Files that no distribution claims, relative to the environment; ``None`` if not looked for."""
    damage: tuple[Damage, ...] | None = None
    """What is wrong with their files, or unknown; ``None`` if not looked for."""

    @property
    def digest(self) -> str:
        """A digest of all names, versions and origins, 32 hexadecimal digits."""
        from hashlib import sha256  # noqa: PLC0415  # it loads OpenSSL

        rows = sorted(
            (package.name, package.version, *_origin_fields(package.origin)) for package in self.distributions
        )
        return sha256(ascii((rows, sorted(self.broken))).encode()).hexdigest()[:32]

    def versions(self) -> dict[str, str]:
        """Return versions by name."""
        return {package.name: package.version for package in self.distributions}


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
    """``None`` where it is removed; empty where the version is only known once it is built."""

    def to_dict(self) -> "ChangeEntry":
        """Return its entry among the ``packages`` of the JSON document."""
        return {"name": self.name, "before": self.before, "after": self.after or None}


def changes_between(before: InstalledPackages, after: InstalledPackages) -> tuple[Change, ...]:
    """Return the distributions whose versions differ, by name."""
    had, has = before.versions(), after.versions()
    names = sorted(name for name in {*had, *has} if had.get(name) != has.get(name))
    return tuple(Change(name, had.get(name), has.get(name)) for name in names)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the installed packages meet what is declared."""

    met: bool
    changes: tuple[Change, ...] = ()
    """What an installation would change, where the installer reports it."""
    extraneous: tuple[str, ...] = ()
    """Names that no declaration requires, with ``exact``."""
    reason: str = ""
    """Why it is not met, unless the changes show it."""


INPUTS = "envsync-inputs"
"""The ``pyvenv.cfg`` key with the digests of the declarations at the last installation."""
INSTALLED = "envsync-installed"
"""The ``pyvenv.cfg`` key with the digest of what was installed then."""


@dataclass(frozen=True, slots=True)
class Call:
    """One ``install`` of pip or uv, with the declarations passed as they are."""

    arguments: tuple[str, ...]
    """As both take them: ``-r FILE``, ``-c FILE``, ``-e DIRECTORY[extras]``, ``--group FILE:NAME``, PEP 508."""
    directory: str
    """The directory that the installer runs in: relative paths in the arguments start there."""
    lines: tuple[str, ...] = ()
    """Further lines in the format of a requirements file."""
    dependencies: bool = True
    """Whether to install dependencies too; a lock names all of them."""
    alone: bool = False
    """Whether the call may hold no other requirements or constraints, as for a ``pylock.toml`` in uv."""


@dataclass(frozen=True, slots=True)
class Sync:
    """One ``uv sync``, of a project with a ``uv.lock``."""

    project: str
    lock: str
    """The lock file, of the project or of its workspace."""
    options: tuple[str, ...]
    """Options for its groups and extras, and for an editable installation."""


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
    """The installer calls for an environment's package keys, with every file that they depend on."""

    installer: str = "uv"
    """``uv`` or ``pip``."""
    calls: tuple[Call | Sync, ...] = ()
    index: tuple[str, ...] = ()
    """The index options of the declarations, as lines of a requirements file: they apply to all that is installed."""
    hashes: tuple[str, ...] = ()
    """The declared lines that have hashes, as constraints: ``name==1.0 --hash=sha256:…``."""
    directory: str = "/"
    """The directory in which an installer runs otherwise, so that it finds the project's own settings."""
    projects: tuple[Project, ...] = ()
    direct: frozenset[str] = frozenset()
    """What is declared itself, not only needed by that: normalized names (PEP 503), else real paths and plain URLs."""
    digest: str = ""
    """Of the declarations and every file that they depend on, 32 hexadecimal digits."""
    metadata: str = ""
    """The digest of the projects' own metadata alone, 16 hexadecimal digits; empty without projects."""
    files: tuple[str, ...] = ()
    """Every file that was read or is missing."""
    variables: tuple[str, ...] = ()
    """The names of environment variables in the files."""
    problems: tuple[str, ...] = ()
    """What cannot be installed, as text: place and reason."""

    @property
    def inputs(self) -> str:
        """The value of :data:`INPUTS` in ``pyvenv.cfg``."""
        return f"{self.digest}-{self.metadata}" if self.metadata else self.digest
