"""What is installed, and what is to be."""

from dataclasses import dataclass

__all__ = ["SEEDS", "Damage", "Declared", "Distribution", "Origin", "Stock"]

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
    """Its metadata folder, relative to the environment."""
    missing: tuple[str, ...] = ()
    """Files that are gone, as ``RECORD`` names them."""
    changed: tuple[str, ...] = ()
    """Files that are others than those that were installed."""
    unchecked: str = ""
    """Why its files could not be compared."""
    leftovers: tuple[str, ...] = ()
    """What an interrupted installation of it left, relative to the environment."""
    links: tuple[str, ...] = ()
    """Symlinks of the user's among its files or on the way to them, relative to the environment."""
    known: bool = True
    """Whether it can be told which version it was, and where it came from."""

    @property
    def spoilt(self) -> bool:
        """Whether it has to be installed again; of one without wheel metadata nobody can tell."""
        return not self.package.legacy and bool(self.missing or self.changed or self.unchecked)


@dataclass(frozen=True, slots=True)
class Stock:
    """What is installed in an environment, from its metadata alone: no interpreter is needed."""

    distributions: tuple[Distribution, ...] = ()
    broken: tuple[str, ...] = ()
    """Metadata folders that do not tell what they are of."""
    loose: tuple[str, ...] | None = None
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
class Declared:
    """What the manifest's package keys come to, with every file read."""

    requirements: tuple[str, ...] = ()
    """PEP 508, as they have to be met by what is installed."""
    constraints: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    """Requirements as an installer takes them: ``-r FILE``, ``-e PATH``, ``name>=1``."""
    editables: tuple[str, ...] = ()
    """Absolute paths of projects to install as editable."""
    projects: tuple[str, ...] = ()
    """``file:`` URLs of projects to install as they are."""
    locked: tuple[str, ...] = ()
    """From a lock: exact requirements, to be installed without their dependencies."""
    sync: str | None = None
    """A project with ``uv.lock``, for ``uv sync``."""
    unsure: bool = False
    """Whether only an installer can tell that it is met."""
    digest: str = ""
    """Of all inputs."""
    files: tuple[str, ...] = ()
    """Every file that was read, or is not there to be read."""
    problems: tuple[str, ...] = ()
    """What is wrong with the inputs."""
