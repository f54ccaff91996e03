"""Scripts that stand where an interpreter should."""

from collections.abc import Callable
from pathlib import Path

Bad = Callable[[Path], str]


def script(text: str, message: str = "does not work") -> Bad:
    def make(place: Path) -> str:
        place.write_text(f"#!/bin/sh\n{text}\n")
        place.chmod(0o755)
        return message

    return make
