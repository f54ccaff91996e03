"""Paths and stamps, packed: a pass over thousands of environments holds dozens for each."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paths:
    """Absolute paths, in their order."""

    text: str = ""
    """All of them, separated by NUL."""

    @classmethod
    def of(cls, paths: Iterable[str]) -> "Paths":
        """Pack paths, each once."""
        return cls("\0".join(dict.fromkeys(paths)))

    def __iter__(self) -> Iterator[str]:
        """Return an iterator over the paths."""
        return iter(self.text.split("\0") if self.text else ())


def packed(numbers: Iterable[int]) -> bytes:
    """Return stamps, unsigned 64-bit numbers, as bytes."""
    return array("Q", numbers).tobytes()


def unpacked(stamps: bytes) -> "array[int]":
    """Return the stamps in packed ones."""
    return array("Q", stamps)
