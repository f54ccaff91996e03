"""The generation that an environment can go back to."""

from dataclasses import dataclass, field

from envsync.observed.environment import Environment
from envsync.observed.stock import Stock
from envsync.observed.verdict import Verdict

__all__ = ["Former"]


@dataclass(frozen=True, slots=True)
class Former:
    """The latest generation of an environment."""

    area: str
    place: str
    """The directory in the area that was the environment."""
    made: str
    """When it was replaced, ISO 8601; empty where that is not known."""
    environment: Environment | None = None
    """``None`` where it is no whole environment any more."""
    identity: tuple[int, int] | None = None
    """Device and inode of ``place``."""
    stock: Stock = field(default_factory=Stock)
    """What is installed in it."""
    verdict: Verdict | None = None
    """Whether that is as declared now; ``None`` where it cannot be told, or nothing is declared."""

    @property
    def version(self) -> str:
        """The version of its Python (``3.12.1``), empty where ``pyvenv.cfg`` does not tell."""
        found = self.environment
        full = "" if found is None else found.setting("version") or found.setting("version_info") or ""
        return ".".join(full.split(".")[:3])
