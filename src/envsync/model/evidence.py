"""What a verdict rests on, in little room: a pass over thousands of environments holds dozens of paths for each."""

import zlib
from array import array
from collections.abc import Iterable, Iterator

from envsync.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Paths:
    """Absolute paths, in their order."""

    text: str = ""
    """All of them, separated by NUL."""

    @classmethod
    def of(cls, paths: Iterable[str]) -> "Paths":
        """Pack paths, each once."""
        return cls("\0".join(dict.fromkeys(paths)))

    def __len__(self) -> int:
        """Return how many there are."""
        return self.text.count("\0") + 1 if self.text else 0

    def __iter__(self) -> Iterator[str]:
        """Yield each path."""
        return iter(self.text.split("\0") if self.text else ())


@dataclass(frozen=True, slots=True)
class Evidence:
    """Paths, and how each was when a verdict was reached: while all are as they were, so is the verdict.

    A verdict that rests on no path always holds.
    """

    paths: Paths = Paths()
    stamps: bytes = b""
    """For each path inode, change time in nanoseconds and size, as 64-bit numbers; zeros where nothing was."""

    @classmethod
    def of(cls, paths: Paths, numbers: Iterable[int]) -> "Evidence":
        """Pack paths with what :func:`envsync.cache.fingerprint.stamp` returns for them."""
        return cls(paths, array("Q", numbers).tobytes())

    def numbers(self) -> "array[int]":
        """Return the stamps, three numbers for each path. Raises ``ValueError`` where they are cut short."""
        return array("Q", self.stamps)

    def packed(self) -> "PackedEvidence":
        """Return the same in a quarter of the room."""
        packer = zlib.compressobj(1, zlib.DEFLATED, 10, 2)  # it begins sooner than one that needs more room
        content = packer.compress(self.stamps) + packer.compress(self.paths.text.encode("utf-8", "surrogatepass"))
        return PackedEvidence(content + packer.flush(), len(self.stamps))

    def unpacked(self) -> "Evidence":
        """Return itself."""
        return self


@dataclass(frozen=True, slots=True)
class PackedEvidence:
    """Evidence that is held for long, and seldom read."""

    content: bytes
    """Stamps and paths, compressed."""
    size: int
    """Of the stamps, in bytes."""

    def packed(self) -> "PackedEvidence":
        """Return itself."""
        return self

    def unpacked(self) -> Evidence:
        """Return the evidence."""
        content = zlib.decompress(self.content)
        return Evidence(Paths(content[self.size :].decode("utf-8", "surrogatepass")), content[: self.size])
