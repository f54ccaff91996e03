"""What to build: all that a new environment is made from."""

from envsync.model.dataclass import dataclass
from envsync.model.world import Backend


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything needed to build an environment."""

    name: str
    path: str
    """The declared path, which scripts and settings name."""
    manifest: str
    """The file that declares it."""
    end: str
    """The real path that it is built for."""
    identity: tuple[int, int] | None
    """Device and inode of the directory there, if any."""
    staging_parent: str
    """The directory for its staging directory."""
    exchangeable: bool
    """Whether the end can be swapped as a whole; otherwise its entries are swapped one by one, not atomically."""
    layered: bool
    """Whether it is in a lower layer of an overlay: it is copied up before the swap."""
    builders: tuple[Backend, ...]
    """The one that builds it, then those that replace it where its work turns out to be unfit."""
    executable: str
    """The real interpreter, for the builder."""
    minor: str
    """``3.12``."""
    stdlib: str
    libraries: tuple[str, ...]
    """The directories that hold ``site-packages``, relative, in import order."""
    links: tuple[tuple[str, str], ...]
    """The ``python*`` symlinks of ``bin``, as pairs of name and link text."""
    settings: tuple[tuple[str, str], ...]
    optional: tuple[tuple[str, str], ...]
    """What ``pyvenv.cfg`` must have, in any case and where the builder writes the key, as pairs of key and value."""
    prompt: str | None
    system_site_packages: bool
