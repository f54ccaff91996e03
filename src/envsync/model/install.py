"""What is to be installed in an environment."""

from dataclasses import field

from envsync.model import desired
from envsync.model.dataclass import dataclass
from envsync.model.packages import Damage, Declared, Distribution
from envsync.model.world import Backend


@dataclass(frozen=True, slots=True)
class InstallSpec:
    """What is to be installed in an environment."""

    installer: Backend
    packages: desired.Packages = field(default_factory=desired.Packages)
    markers: tuple[tuple[str, str], ...] = ()
    """The values of environment markers for the environment's Python (PEP 508)."""
    declared: Declared | None = None
    former: tuple[Distribution, ...] = ()
    """What was installed before a rebuild: it is installed again in these versions."""
    former_python: str = ""
    """The version of the Python that ``former`` was installed for."""
    damaged: tuple[Damage, ...] = ()
    """Installed packages to repair."""
    only_damaged: bool = False
    """Whether only ``damaged`` is installed; the declarations then supply only indexes and hashes."""
    reinstall: tuple[str, ...] = ()
    """Names of projects to build again, as their metadata has changed since they were installed."""
    upgrade: bool = False
    """Whether to install the newest releases that the declarations allow."""
    only: tuple[str, ...] = ()
    """Names of the packages to upgrade; empty for all."""
    cached: bool = True
    """Whether the installer may use its cache, whose files environments may share by hard links."""
