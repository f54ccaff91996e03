"""Make every path that is embedded in a built environment the declared one, and let ``RECORD`` follow."""

import base64
import csv
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator

from envsync import activation, shebang
from envsync.write.files import edit_inner_file
from envsync.write.handles import Root

__all__ = ["declare_paths", "declare_scripts"]

_TEXT_LIMIT = 4 << 20


def declare_paths(place: str, path: str, library: str) -> None:
    """Replace the folder ``place``, in which an environment was built, by the declared ``path`` wherever it is named.

    Scripts in ``bin`` have their interpreter replaced; in other text files outside of ``site-packages`` the folder's
    name is. The files of the packages stay as they are, hard links to an installer's cache included.
    """
    root = Root(place)
    declare_scripts(root, [(name, place) for name in sorted(os.listdir(f"{place}/bin"))], path, library)
    changed = []
    for relative in _files(place, skip=f"{place}/{library}/site-packages"):
        if _names(f"{place}/{relative}", place):
            edit_inner_file(root, relative, _replacement(place, path))
            changed.append(relative)
    _update_records(root, library, changed)


def declare_scripts(root: Root, scripts: Iterable[tuple[str, str]], path: str, library: str) -> None:
    """Make scripts in ``bin``, each with the folder that it names, name ``path`` instead; the user's own links stay."""
    changed = []
    for name, former in scripts:
        if not os.path.islink(f"{root.path}/bin/{name}") and os.path.isfile(f"{root.path}/bin/{name}"):
            before = os.lstat(f"{root.path}/bin/{name}").st_ino
            _retarget(root, name, former, path)
            if os.lstat(f"{root.path}/bin/{name}").st_ino != before:
                changed.append(f"bin/{name}")
    _update_records(root, library, changed)


def _replacement(place: str, path: str) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(os.fsencode(place), os.fsencode(path))


def _retarget(root: Root, name: str, former: str, path: str) -> None:
    def edit(content: bytes) -> bytes:
        if name in activation.SCRIPTS:
            text = content.decode("utf-8", "surrogateescape")
            return activation.retarget(name, text, path).encode("utf-8", "surrogateescape")
        interpreter = shebang.named_interpreter(content[: shebang.HEAD])
        if interpreter is None or not interpreter.startswith(f"{former}/bin/"):
            return content
        return shebang.retarget(content, f"{path}/bin/{interpreter.rpartition('/')[2]}")

    edit_inner_file(root, f"bin/{name}", edit)


def _files(place: str, skip: str) -> Iterator[str]:
    for folder, folders, names in os.walk(place):
        folders[:] = [name for name in folders if f"{folder}/{name}" != skip]
        for name in names:
            file = f"{folder}/{name}"
            if not os.path.islink(file) and os.path.isfile(file):
                yield os.path.relpath(file, place)


def _names(file: str, place: str) -> bool:
    """Tell whether a text file names the folder."""
    if os.path.getsize(file) > _TEXT_LIMIT:
        return False
    with open(file, "rb") as stream:
        content = stream.read()
    return b"\0" not in content and os.fsencode(place) in content


def _entry(file: str) -> tuple[str, str]:
    """Give a file's hash and size as ``RECORD`` has them (PEP 376, PEP 627)."""
    with open(file, "rb") as stream:
        content = stream.read()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"sha256={digest}", str(len(content))


def _update_records(root: Root, library: str, changed: list[str]) -> None:
    site = f"{library}/site-packages"
    if not changed or not os.path.isdir(f"{root.path}/{site}"):
        return
    entries = {relative: _entry(f"{root.path}/{relative}") for relative in changed}
    for name in sorted(os.listdir(f"{root.path}/{site}")):
        record = f"{root.path}/{site}/{name}/RECORD"
        links = os.path.islink(os.path.dirname(record)) or os.path.islink(record)
        if name.endswith(".dist-info") and os.path.isfile(record) and not links:
            edit_inner_file(root, f"{site}/{name}/RECORD", lambda content: _edit_record(content, site, entries))


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
