"""Make every path that is embedded in an environment the declared one, and let ``RECORD`` follow."""

import base64
import csv
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from envsync import shebang
from envsync.observe.stock import metadata_places
from envsync.write.files import edit_inner_file
from envsync.write.handles import Root

__all__ = ["declare_paths", "declare_scripts", "read_script"]

_TEXT_LIMIT = 4 << 20


def declare_paths(place: str, path: str, libraries: tuple[str, ...]) -> None:
    """Replace the directory ``place``, in which an environment was built, by the declared ``path``.

    Scripts in ``bin`` have their interpreter replaced; in other text files outside of ``site-packages`` the directory's
    name is. The files of the packages stay as they are, hard links to an installer's cache included.
    """
    root = Root(place)
    scripts = {}
    for name in sorted(os.listdir(f"{place}/bin")):
        interpreter = shebang.named_interpreter(read_script(root, name)[: shebang.HEAD]) or ""
        if interpreter.startswith(f"{place}/bin/"):
            scripts[name] = interpreter
    declare_scripts(root, scripts, path, libraries)
    changes = {}
    for relative in _files(place, skip={f"{place}/{library}/site-packages" for library in libraries}):
        content = _read(f"{place}/{relative}")
        if b"\0" not in content and os.fsencode(place) in content:
            changes[relative] = content.replace(os.fsencode(place), os.fsencode(path))
    _carry_out(root, libraries, changes)


def declare_scripts(root: Root, scripts: Mapping[str, str], path: str, libraries: tuple[str, ...]) -> None:
    """Make scripts in ``bin``, given with the interpreter that each names, run with that of the environment ``path``.

    The user's own links stay.
    """
    changes = {}
    for name, interpreter in scripts.items():
        content = read_script(root, name)
        if shebang.named_interpreter(content[: shebang.HEAD]) == interpreter:
            own = os.path.basename(interpreter)
            own = own if os.path.lexists(f"{root.path}/bin/{own}") else "python"
            changes[f"bin/{name}"] = shebang.retarget(content, f"{path}/bin/{own}")
    _carry_out(root, libraries, changes)


def _carry_out(root: Root, libraries: tuple[str, ...], changes: dict[str, bytes]) -> None:
    """Write what has changed, ``RECORD`` before the rest: while a file is stale, the next pass sees that it is."""
    _update_records(root, libraries, {relative: _entry(content) for relative, content in changes.items()})
    for relative, content in changes.items():
        edit_inner_file(root, relative, _give(content))


def _give(content: bytes) -> Callable[[bytes], bytes]:
    return lambda _: content


def read_script(root: Root, name: str) -> bytes:
    """Read a file in ``bin``; nothing of a symlink, which is the user's own."""
    file = f"{root.path}/bin/{name}"
    return _read(file) if os.path.isfile(file) and not os.path.islink(file) else b""


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
