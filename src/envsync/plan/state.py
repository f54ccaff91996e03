"""How an environment stands to what the manifest says: its state, drift, and conflicts."""

from dataclasses import dataclass
from enum import Enum

__all__ = ["Conflict", "Drift", "State"]


class State(Enum):
    """How an environment stands to what the manifest says."""

    IN_SYNC = "in-sync"
    MISSING = "missing"
    DRIFT = "drift"
    CONFLICT = "conflict"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between the manifest and the disk."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """What envsync refuses to touch, and how a person can resolve it."""

    code: str
    message: str
    hint: str
    remedy: tuple[tuple[str, ...], ...] = ()
    """Commands that resolve it, one after the other, as lists of words; empty where that takes a decision."""
