"""The fast path: report that nothing has changed since a pass that found everything in sync.

That pass left a snapshot: every path that its verdict depended on, with its stamp, and
whatever else shaped it. While all of it is as it was, so is the verdict, and neither
the manifest nor an environment is read. The snapshot may be deleted at any time.

This module imports only what Python has loaded at its start, or is built in:
it runs in shell hooks.
"""

import itertools
import os

from envsync.cache.fingerprint import is_current, process_fingerprint, stamp
from envsync.cache.store import cache_directory, read_cache_file, seal, unseal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_PIECE = 256
"""Directories whose paths are held in memory at once."""


def line_of(manifest: str, command: str, trust: int, words: "Iterable[str | tuple[str, str]]" = ()) -> str | None:
    """Return the line that ``command`` prints while the snapshot of ``manifest`` holds, ``None`` where it does not.

    ``trust`` is how far the manifest has to have been trusted when the snapshot was taken. ``words`` are the
    names that were given, and each path as written and as it really is; where one means what is not known to be simply
    in sync, or nothing at or below it, ``None`` as well. Raises whatever a damaged snapshot makes of itself.
    """
    values = unseal(read_cache_file(snapshot_file(manifest)))
    lines, its_manifest, trusted, known = next(values)
    named = _named(next(values), words)
    if (
        its_manifest == manifest
        and trusted >= trust
        and named is not None
        and is_current(known)
        and all(stamp(_paths(piece)) == numbers for piece, numbers in values)
    ):
        return _line_for(command, len(named)) if named else str(lines[command])
    return None


def _named(known: "list[tuple[str, bool, list[str]]]", words: "Iterable[str | tuple[str, str]]") -> set[str] | None:
    """Return the names that words mean; ``None`` where one is not simply in sync, or means none."""
    named: set[str] = set()
    for word in words:
        found = {(name, plain) for name, plain, places in known if name == word or _is_below(places, word)}
        if not found or not all(plain for _, plain in found):
            return None
        named.update(name for name, _ in found)
    return named


def _is_below(places: list[str], tops: "str | tuple[str, str]") -> bool:
    """Check whether a place is at or below a path; below a name there is none."""
    if isinstance(tops, str):
        return False
    return any(f"{place}/".startswith(f"{top.rstrip('/')}/") for place in places for top in tops)


def _line_for(command: str, count: int) -> str:
    if command == "apply":
        return f"{count} in sync, unchanged\n"
    return f"{count} environment{'' if count == 1 else 's'} in sync\n"


def encode(
    answers: "tuple[dict[str, str], list[tuple[str, bool, list[str]]]]",
    manifest: str,
    trust: int,
    variables: "Iterable[str]",
    stamps: "Iterable[tuple[str, list[int]]]",
) -> bytes:
    """Return a snapshot's bytes: what to print for each command, and what has to stay as it is.

    ``answers`` are the lines by command, and of each environment its name, whether nothing is to be said of it but
    that it is in sync, and the paths by which it is known. ``trust`` is how far the manifest is trusted: of one that
    is not, nothing is said where it was found, not named. ``stamps`` are paths with what
    :func:`envsync.cache.fingerprint.stamp` returns for each.
    """
    lines, known = answers
    head = [(lines, manifest, int(trust), process_fingerprint(variables)), known]
    return seal(itertools.chain(head, _pieces(stamps)))


def _pieces(stamps: "Iterable[tuple[str, list[int]]]") -> "Iterator[tuple[list[tuple[str, list[str]]], list[int]]]":
    directories: dict[str, tuple[list[str], list[int]]] = {}
    for path, numbers in stamps:
        directory, _, name = path.rpartition("/")
        if directory not in directories and len(directories) == _PIECE:
            yield _piece(directories)
            directories = {}
        names, its_numbers = directories.setdefault(directory, ([], []))
        names.append(name)
        its_numbers += numbers
    yield _piece(directories)


def _piece(directories: dict[str, tuple[list[str], list[int]]]) -> tuple[list[tuple[str, list[str]]], list[int]]:
    names = [(directory, names) for directory, (names, _) in directories.items()]
    return names, [number for _, numbers in directories.values() for number in numbers]


def snapshot_file(manifest: str) -> str:
    """Return the path of a manifest's snapshot."""
    return f"{cache_directory()}/{name_for('unchanged', manifest)}"


def name_for(kind: str, manifest: str) -> str:
    """Return the name of a manifest's own cache file; two manifests that share one only cost each other time."""
    number = int.from_bytes(os.fsencode(manifest), "big") % (2**61 - 1)
    return f"{kind}-{number:x}"


def _paths(piece: list[tuple[str, list[str]]]) -> "Iterator[str]":
    for directory, names in piece:
        for name in names:
            yield f"{directory}/{name}"
