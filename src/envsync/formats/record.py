"""Read and edit the text of ``RECORD``, which lists the files of an installed distribution (PEP 376, PEP 627).

Pure: text in, text out. Texts are decoded with ``surrogateescape``: names of files may hold any bytes.
"""

import contextlib
import csv
import hashlib
import io
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from os.path import normpath

from envsync.model.dataclass import dataclass

_KNOWN = 256
"""Texts whose rows are remembered: environments share most of their distributions."""
_MOST_DIGITS = 19
"""Of a size: more than any file system holds."""


@dataclass(frozen=True, slots=True)
class Row:
    """One file of a distribution."""

    name: str
    """As ``RECORD`` has it."""
    file: str
    """The same, below the directory that the metadata directory is in, without ``..``."""
    digest: str = ""
    """``sha256=...``, without padding; empty where only the file's presence is recorded."""
    size: str = ""
    """In bytes, decimal; empty where none is recorded."""


def parse(text: str, site: str) -> tuple[Row, ...]:
    """Return the rows of a ``RECORD`` whose metadata directory is in the directory ``site``.

    Raises ``ValueError`` for a text that is no ``RECORD``.
    """
    return tuple(Row(name, _below(site, place), digest, size) for name, place, digest, size in _parsed(text))


def claims(text: str, directory: str) -> Iterator[tuple[str, str]]:
    """Yield each file with its digest, below a directory, up to where the text makes no sense.

    Other lists of installers' than a ``RECORD`` do as well.
    """
    return ((_below(directory, place), digest) for place, digest in _claimed(text))


def names(text: str) -> Iterator[str]:
    """Yield each name as it is written, up to where the text makes no sense."""
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        yield from (row[0] for row in rows if row and row[0])
    except csv.Error:
        return


@lru_cache(_KNOWN)
def _parsed(text: str) -> tuple[tuple[str, str, str, str], ...]:
    """Return of each row its name, that name without ``..`` where it can be, its digest and its size."""
    try:
        return tuple(_row(fields) for fields in csv.reader(io.StringIO(text, newline=""), strict=True) if fields)
    except (csv.Error, ValueError) as error:
        raise ValueError(f"no RECORD: {error}") from error


@lru_cache(_KNOWN)
def _claimed(text: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    rows = csv.reader(io.StringIO(text, newline=""))
    with contextlib.suppress(csv.Error):
        found.extend((normpath(row[0]), row[1] if len(row) > 1 else "") for row in rows if row and row[0])
    return tuple(found)


def _below(directory: str, place: str) -> str:
    """Join a directory and a path that is without ``..`` except at its beginning."""
    if place[0] == ".":
        return normpath(f"{directory}/{place}")
    return place if place[0] == "/" else f"{directory}/{place}"


def update(text: str, site: str, contents: Mapping[str, bytes]) -> str:
    """Return a ``RECORD`` with the digests and sizes of files that have new contents; the same text if it lists none.

    What is no ``RECORD`` lists none.
    ``contents`` are by path, relative to what ``site`` is relative to.
    """
    try:
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error:
        return text
    touched = False
    for row in rows:
        content = contents.get(normpath(f"{site}/{row[0]}")) if len(row) == 3 else None  # noqa: PLR2004
        if content is not None:
            row[1:] = (f"sha256={encoded(hashlib.sha256(content).digest())}", str(len(content)))
            touched = True
    if not touched:
        return text
    edited = io.StringIO()
    csv.writer(edited, lineterminator="\n").writerows(rows)
    return edited.getvalue()


def without(text: str, name: str) -> str:
    """Return a ``RECORD`` without the row of a file, whose name needs no quotes; every other byte stays."""
    return "".join(line for line in io.StringIO(text, newline="") if not line.startswith(f"{name},"))


def encoded(digest: bytes) -> str:
    """Return a digest as ``RECORD`` has it: urlsafe base64 without padding."""
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def _row(fields: list[str]) -> tuple[str, str, str, str]:
    """Read one row. Raises ``ValueError`` for one that makes no sense."""
    name, digest, size = fields
    algorithm, equals, value = digest.partition("=")
    if not name or "\0" in name or (digest and not (algorithm and equals and value)):
        raise ValueError(name)
    if size and not (size.isdecimal() and len(size) <= _MOST_DIGITS):
        raise ValueError(size)
    return name, normpath(name), digest.rstrip("="), size
