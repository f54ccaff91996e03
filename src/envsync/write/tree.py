"""Write a whole new tree into a staging area; it is flushed as a whole, later."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from envsync.areas import SCRATCH

__all__ = ["Entry", "make_scratch", "write_tree"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder, or where ``link`` or ``content`` is given a symlink or a file."""

    relative: str
    link: str | None = None
    content: bytes | None = None
    mode: int = 0o644


def make_scratch(area: str) -> str:
    """Make the folder for throw-away work in a staging area."""
    scratch = f"{area}/{SCRATCH}"
    os.mkdir(scratch, 0o700)
    return scratch


def write_tree(place: str, entries: Iterable[Entry]) -> None:
    """Make the folder ``place`` with all its entries, folders before what is in them. Raises ``OSError``."""
    os.mkdir(place)
    for entry in entries:
        path = f"{place}/{entry.relative}"
        if entry.link is not None:
            os.symlink(entry.link, path)
        elif entry.content is not None:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, entry.mode)
            with open(descriptor, "wb") as file:
                file.write(entry.content)
        else:
            os.mkdir(path)
