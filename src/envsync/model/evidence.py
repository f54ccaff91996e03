"""Many paths in little room: a pass over thousands of environments holds dozens for each."""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paths:
    """Absolute paths, in their order."""

    text: str = ""
    """All of them, NUL between."""

    @classmethod
    def of(cls, paths: Iterable[str]) -> "Paths":
        """Pack paths, each once."""
        return cls("\0".join(dict.fromkeys(paths)))

    def __iter__(self) -> Iterator[str]:
        """Give each path."""
        return iter(self.text.split("\0") if self.text else ())


def packed(numbers: Iterable[int]) -> bytes:
    """Pack stamps, which are numbers from 0 on."""
    return array("Q", numbers).tobytes()


def unpacked(stamps: bytes) -> "array[int]":
    """Give packed stamps again."""
    return array("Q", stamps)
