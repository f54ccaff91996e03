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
    common: tuple[tuple[str, str], ...]
    """What ``pyvenv.cfg`` must have that many environments have in common, as pairs of key and value."""
    optional: tuple[tuple[str, str], ...]
    """What it must have where the builder writes the key, likewise."""
    prompt: str | None
    prompt_value: str | None
    """The same as the value of a setting."""
    system_site_packages: bool

    @property
    def settings(self) -> tuple[tuple[str, str], ...]:
        """What ``pyvenv.cfg`` must have in any case, as pairs of key and value; thousands of blueprints are held."""
        own = {
            "include-system-site-packages": "true" if self.system_site_packages else "false",
            "prompt": self.prompt_value,
            "envsync-path": self.path,
            "envsync-name": self.name,
            "envsync-end": self.end if self.end.isprintable() else "",
        }
        return (*((key, value) for key, value in own.items() if value is not None), *self.common)
