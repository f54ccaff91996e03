"""Read the kernel's list of mounts (proc_pid_mountinfo(5)). Pure: bytes in, values out."""

import os
import re

from envsync.model.dataclass import dataclass

_OCTAL = re.compile(rb"\\([0-7]{3})")
r"""A blank, a tab, a newline or a backslash: ``\040``."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount."""

    point: str
    device: str
    """``major:minor``."""
    root: str
    """What of the file system is mounted: a path in it."""
    kind: str
    """The type of the file system."""
    source: str
    options: tuple[str, ...]
    """Of the file system, not those of the mount."""


def parse(table: bytes) -> tuple[Mount, ...]:
    """Return the mounts in the order of the list. Raises ``ValueError`` or ``IndexError`` for what is no such list."""
    return tuple(_mount(line.split(b" ")) for line in table.split(b"\n") if line)


def _mount(fields: list[bytes]) -> Mount:
    _, _, device, root, point, *rest = (os.fsdecode(_unescape(field)) for field in fields)
    kind, source, options = rest[rest.index("-") + 1 :][:3]
    return Mount(point, device, root, kind, source, tuple(options.split(",")))


def _unescape(text: bytes) -> bytes:
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), text) if b"\\" in text else text
