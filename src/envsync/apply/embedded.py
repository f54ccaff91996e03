"""Make every path that is embedded in a built environment the declared one, and let ``RECORD`` follow."""

import base64
import csv
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from envsync import activation, shebang
from envsync.observe.stock import metadata_places
from envsync.write.files import edit_inner_file
from envsync.write.handles import Root

__all__ = ["declare_paths", "declare_scripts"]

_TEXT_LIMIT = 4 << 20


def declare_paths(place: str, path: str, libraries: tuple[str, ...]) -> None:
    """Replace the folder ``place``, in which an environment was built, by the declared ``path`` wherever it is named.

    Scripts in ``bin`` have their interpreter replaced; in other text files outside of ``site-packages`` the folder's
    name is. The files of the packages stay as they are, hard links to an installer's cache included.
    """
    root = Root(place)
    declare_scripts(root, [(name, place) for name in sorted(os.listdir(f"{place}/bin"))], path, libraries)
    changes = {}
    for relative in _files(place, skip={f"{place}/{library}/site-packages" for library in libraries}):
        content = _read(f"{place}/{relative}")
        if b"\0" not in content and os.fsencode(place) in content:
            changes[relative] = content.replace(os.fsencode(place), os.fsencode(path))
    _carry_out(root, libraries, changes)


def declare_scripts(root: Root, scripts: Iterable[tuple[str, str]], path: str, libraries: tuple[str, ...]) -> None:
    """Make scripts in ``bin``, each with the folder that it names, name ``path`` instead; the user's own links stay."""
    changes = {}
    for name, former in scripts:
        file = f"{root.path}/bin/{name}"
        if os.path.isfile(file) and not os.path.islink(file):
            content = _read(file)
            changed = _retarget(name, content, former, path)
            if changed != content:
                changes[f"bin/{name}"] = changed
    _carry_out(root, libraries, changes)


def _carry_out(root: Root, libraries: tuple[str, ...], changes: dict[str, bytes]) -> None:
    """Write what has changed, ``RECORD`` before the rest: while a file is stale, the next pass sees that it is."""
    _update_records(root, libraries, {relative: _entry(content) for relative, content in changes.items()})
    for relative, content in changes.items():
        edit_inner_file(root, relative, _give(content))


def _give(content: bytes) -> Callable[[bytes], bytes]:
    return lambda _: content


def _retarget(name: str, content: bytes, former: str, path: str) -> bytes:
    if name in activation.SCRIPTS:
        text = content.decode("utf-8", "surrogateescape")
        return activation.retarget(name, text, path).encode("utf-8", "surrogateescape")
    interpreter = shebang.named_interpreter(content[: shebang.HEAD])
    if interpreter is None or not interpreter.startswith(f"{former}/bin/"):
        return content
    return shebang.retarget(content, f"{path}/bin/{interpreter.rpartition('/')[2]}")


def _files(place: str, skip: set[str]) -> Iterator[str]:
    for folder, folders, names in os.walk(place):
        folders[:] = [name for name in folders if f"{folder}/{name}" not in skip]
        for name in names:
            file = f"{folder}/{name}"
            if not os.path.islink(file) and os.path.isfile(file):
                yield os.path.relpath(file, place)


def _read(file: str) -> bytes:
    """Read a file that may be a script; nothing of one that is too large to be one."""
    if os.path.getsize(file) > _TEXT_LIMIT:
        return b""
    with open(file, "rb") as stream:
        return stream.read()


def _entry(content: bytes) -> tuple[str, str]:
    """Give a file's hash and size as ``RECORD`` has them (PEP 376, PEP 627)."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest}", str(len(content))


def _update_records(root: Root, libraries: tuple[str, ...], entries: dict[str, tuple[str, str]]) -> None:
    for place in metadata_places(root.path, libraries) if entries else ():
        record = f"{place}/RECORD"
        links = os.path.islink(place) or os.path.islink(record)
        if place.endswith(".dist-info") and os.path.isfile(record) and not links:
            site = os.path.dirname(place)[len(root.path) + 1 :]
            edit_inner_file(
                root, f"{place[len(root.path) + 1 :]}/RECORD", partial(_edit_record, site=site, changed=entries)
            )


def _edit_record(content: bytes, site: str, changed: dict[str, tuple[str, str]]) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"))))
    touched = False
    for row in rows:
        entry = changed.get(os.path.normpath(f"{site}/{row[0]}")) if len(row) == 3 else None  # noqa: PLR2004
        if entry is not None:
            row[1:] = entry
            touched = True
    if not touched:
        return content
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")
