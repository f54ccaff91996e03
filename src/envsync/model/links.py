"""A link chain, and what stands at its end."""

from enum import StrEnum

from envsync.model.dataclass import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.environments import HopEntry


class EndKind(StrEnum):
    """What stands at the end of a link chain."""

    MISSING = "nothing"
    DIRECTORY = "a directory"
    FILE = "a file"
    SPECIAL = "a socket, device or FIFO"
    LOOP = "a symlink loop"
    UNREADABLE = "something that cannot be looked at"


@dataclass(frozen=True, slots=True)
class Hop:
    """One symlink on the way."""

    link: str
    """Absolute path of the symlink itself, the links before it resolved."""
    link_text: str
    """What it holds, as written (symlink(7))."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The way from a path to its end, hop by hop."""

    start: str
    hops: tuple[Hop, ...]
    end: str
    """Absolute real path, whether or not it exists."""
    kind: EndKind
    to_make: tuple[str, ...] = ()
    """Where the end is missing: the directories to make before it, outermost first."""
    is_link: bool = False
    """Whether there is a symlink at ``start`` itself, not only on the way to it."""
    reason: str = ""
    """For ``LOOP`` and ``UNREADABLE``: the system's error, and where it occurred."""
    identity: tuple[int, int] | None = None
    """Device and inode of a directory at the end."""

    @property
    def place(self) -> str:
        """Its end; where the way there is barred, so that the end is unknown, its start."""
        return self.start if self.kind in {EndKind.LOOP, EndKind.UNREADABLE} else self.end

    @property
    def once(self) -> tuple[Hop, ...]:
        """Its hops; where they lead in a circle, each once."""
        return tuple({hop.link: hop for hop in self.hops}.values())

    def hop_entries(self) -> "list[HopEntry]":
        """Return its hops as the JSON document has them."""
        return [{"link": hop.link, "text": hop.link_text} for hop in self.hops]

    def meets(self, other: "Chain") -> bool:
        """Check whether two chains have one end, under the same name or another."""
        return self.end == other.end or (self.identity is not None and self.identity == other.identity)
