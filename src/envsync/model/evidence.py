"""What a verdict rests on, in little room: a pass over thousands of environments holds dozens of paths for each."""

import zlib
from array import array
from collections.abc import Iterable, Iterator

from envsync.model.dataclass import dataclass

_WINDOW, _MEMORY = 12, 4
"""Of zlib: what needs more room begins later."""
_SIZE = 4
"""Bytes of a size."""
_FIRST: list[bytes] = []


def _alike(content: bytes) -> bytes:
    """Return the first content that was given: what one interpreter's environments rest on differs little."""
    if not _FIRST:
        _FIRST.append(content)
    return _FIRST[0]


@dataclass(frozen=True, slots=True)
class Paths:
    """Absolute paths, in their order."""

    text: str = ""
    """All of them, separated by NUL."""

    @classmethod
    def of(cls, paths: Iterable[str]) -> "Paths":
        """Pack paths, each once."""
        text = "\0".join(dict.fromkeys(paths))
        return cls(text) if text else _NO_PATHS

    def __len__(self) -> int:
        """Return how many there are."""
        return self.text.count("\0") + 1 if self.text else 0

    def __iter__(self) -> Iterator[str]:
        """Yield each path."""
        return iter(self.text.split("\0") if self.text else ())


_NO_PATHS = Paths()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Paths, and how each was when a verdict was reached: while all are as they were, so is the verdict.

    A verdict that rests on no path always holds.
    """

    paths: Paths = _NO_PATHS
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
        """Return the same in a seventh of the room: most of it is as in the first that was packed."""
        size = len(self.stamps).to_bytes(_SIZE, "big")
        content = size + self.stamps + self.paths.text.encode("utf-8", "surrogatepass")
        like = _alike(content)
        packer = zlib.compressobj(1, zlib.DEFLATED, _WINDOW, _MEMORY, zdict=like)
        return PackedEvidence(packer.compress(content) + packer.flush(), like)

    def unpacked(self) -> "Evidence":
        """Return itself."""
        return self


@dataclass(frozen=True, slots=True)
class PackedEvidence:
    """Evidence that is held for long, and seldom read."""

    content: bytes
    """The size of the stamps in bytes, stamps and paths, compressed."""
    like: bytes
    """What it is compressed against; held once."""

    def packed(self) -> "PackedEvidence":
        """Return itself."""
        return self

    def unpacked(self) -> Evidence:
        """Return the evidence."""
        content = zlib.decompressobj(zdict=self.like).decompress(self.content)
        end = _SIZE + int.from_bytes(content[:_SIZE], "big")
        return Evidence(Paths(content[end:].decode("utf-8", "surrogatepass")), content[_SIZE:end])
