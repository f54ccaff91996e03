"""What an installer says of the packages in an environment."""

from dataclasses import dataclass

__all__ = ["Change", "Verdict"]


@dataclass(frozen=True, slots=True)
class Change:
    """One distribution whose version changes."""

    name: str
    """Normalized (PEP 503)."""
    before: str | None
    """``None`` where it is not installed."""
    after: str | None
    """``None`` where it goes; empty where the installer has to build it to know."""


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
