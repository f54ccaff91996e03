"""What an installer says of the packages in an environment."""

from dataclasses import dataclass

from envsync.observed.stock import Stock

__all__ = ["Change", "Verdict", "changes_between"]


@dataclass(frozen=True, slots=True)
class Change:
    """One distribution whose version changes."""

    name: str
    """Normalized (PEP 503)."""
    before: str | None
    """``None`` where it is not installed."""
    after: str | None
    """``None`` where it goes; empty where the installer has to build it to know."""


def changes_between(before: Stock, after: Stock) -> tuple[Change, ...]:
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
