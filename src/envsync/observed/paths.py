"""Many paths in little room: a pass over thousands of environments holds dozens for each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Paths"]


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
