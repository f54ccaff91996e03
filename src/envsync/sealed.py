"""The bytes of a cache: values of Python's own types, one after the other, with a proof that they are whole.

marshal loads faster than anything else at hand, and only ever makes values: nothing that it reads is run. A cache is
believed only where the file is the user's own, and nobody else can read it. This module is on the fast path.
"""

import marshal
import os
from binascii import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

__all__ = ["read_sealed", "seal", "unseal"]

_LARGEST = 1 << 28
_SIZE = 4
"""Bytes of the checksum, and of each value's length."""


def seal(values: "Iterable[Any]") -> bytes:
    """Give the bytes of values: of tuples, lists, texts, numbers, bytes and None."""
    pieces = [marshal.dumps(value) for value in values]
    content = b"".join(part for piece in pieces for part in (len(piece).to_bytes(_SIZE, "big"), piece))
    return crc32(content).to_bytes(_SIZE, "big") + content


def unseal(content: bytes) -> "Iterator[Any]":
    """Give the values again, each when it is wanted. Raises anything for what is not whole."""
    view = memoryview(content)
    if crc32(view[_SIZE:]).to_bytes(_SIZE, "big") != content[:_SIZE]:
        raise ValueError("damaged")
    at = _SIZE
    while at < len(view):
        begin = at + _SIZE
        at = begin + int.from_bytes(view[at:begin], "big")
        yield marshal.loads(view[begin:at])  # noqa: S302  # the user's own cache, as a .pyc is


def read_sealed(file: str) -> bytes:
    """Read a cache; nothing where it is not the user's alone, or beyond all reason. Raises ``OSError``."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO must not hold up a shell
    try:
        found = os.fstat(descriptor)
        ours = found.st_uid == os.geteuid() and not found.st_mode & 0o077 and found.st_size <= _LARGEST
        return os.read(descriptor, found.st_size) if ours else b""
    finally:
        os.close(descriptor)
