"""What is installed, and what is to be."""

from dataclasses import dataclass

__all__ = ["SEEDS", "Damage", "Distribution", "Origin", "Stock"]

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
