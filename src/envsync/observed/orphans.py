"""What envsync made, and nothing declares any more."""

from dataclasses import dataclass

__all__ = ["ExposedOrphan", "Generation", "Interrupted", "Orphan"]


@dataclass(frozen=True, slots=True)
class Orphan:
    """An environment in the state folder that the manifest made and declares no more."""

    name: str
    path: str
    """Where it was found once: the declared path."""
    end: str
    identity: tuple[int, int]
    size: int
    linked: bool
    """Whether there is a symlink at ``path`` that leads to it still."""
    loose: tuple[str, ...]
    """What is in it that no builder and no package owns: files of the user's."""


@dataclass(frozen=True, slots=True)
class Generation:
    """An earlier content that is kept of an environment."""

    name: str
    area: str
    end: str
    """Of the environment."""
    made: str
    """When it was replaced, ISO 8601."""
    version: str | None
    size: int
    declared: bool
    """Whether the environment is declared still."""
    loose: bool
    """Whether it holds what no installer brings back: files of the user's."""
    surplus: bool
    """Whether there are as many newer ones as the manifest says are kept."""
    unowned: tuple[str, ...] = ()
    """Files of the user's in it that the environment does not hold as well, relative."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A staging directory that an interrupted pass has left."""

    name: str
    """Of the environment; empty where the pass did not come to say so."""
    area: str
    end: str
    """Of the environment."""
    size: int
    """Bytes on the disk."""


@dataclass(frozen=True, slots=True)
class ExposedOrphan:
    """A symlink of an orphan's command, which will lead nowhere without it."""

    link: str
    text: str
