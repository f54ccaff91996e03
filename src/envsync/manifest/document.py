"""One manifest file, parsed but not yet validated."""

import os
from dataclasses import dataclass, field
from typing import Any

from envsync.errors import Problem
from envsync.manifest.positions import Positions
from envsync.manifest.wording import dotted

__all__ = ["Document"]


@dataclass(slots=True)
class Document:
    """A file's table, with the document that included it."""

    file: str
    """Absolute, as opened."""
    text: str
    table: dict[str, Any]
    parent: "Document | None" = None
    owner: int = -1
    """The number of the user to whom the file belongs."""
    _positions: Positions | None = field(default=None, repr=False)

    @property
    def folder(self) -> str:
        """What relative paths in this file are relative to."""
        return os.path.dirname(self.file)

    def find(self, key: tuple[str, ...]) -> tuple[int, int] | None:
        """Line and column of ``key`` or of what it would stand in."""
        if self._positions is None:
            self._positions = Positions(self.text)
        return self._positions.find(key)

    def problem(self, code: str, message: str, key: tuple[str, ...], hint: str = "") -> Problem:
        """Return a problem with ``key`` in this file."""
        line, column = self.find(key) or (None, None)
        return Problem(code, message, hint, self.file, line, column, dotted(key) or None)
