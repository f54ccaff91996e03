"""Make every path that is embedded in a built environment the declared one, and let ``RECORD`` follow."""

import base64
import csv
import hashlib
import io
import os
from collections.abc import Iterator

from envsync import activation, shebang
from envsync.write.files import edit_inner_file

__all__ = ["declare_paths", "retarget"]

_TEXT_LIMIT = 4 << 20


def declare_paths(place: str, path: str, library: str) -> None:
    """Replace the folder ``place``, in which an environment was built, by the declared ``path`` wherever it is named.

    Scripts in ``bin`` have their interpreter replaced; in other text files outside of ``site-packages`` the folder's
    name is. The files of the packages stay as they are, hard links to an installer's cache included.
    """
    changed = {}
    for relative in _files(place, skip=f"{place}/{library}/site-packages"):
        before = os.lstat(f"{place}/{relative}")
        if os.path.dirname(relative) == "bin":
            retarget(place, os.path.basename(relative), place, path)
        if _names(f"{place}/{relative}", place):
            old, new = os.fsencode(place), os.fsencode(path)
            edit_inner_file(place, relative, lambda content, old=old, new=new: content.replace(old, new))  # type: ignore[misc]
        if os.lstat(f"{place}/{relative}").st_ino != before.st_ino:
            changed[relative] = _entry(f"{place}/{relative}")
    if changed:
        _update_records(place, library, changed)


def retarget(environment: str, name: str, former: str, path: str) -> None:
    """Make one script in ``bin`` name ``path`` where it names ``former``."""

    def edit(content: bytes) -> bytes:
        if name in activation.SCRIPTS:
            text = content.decode("utf-8", "surrogateescape")
            return activation.retarget(name, text, path).encode("utf-8", "surrogateescape")
        interpreter = shebang.named_interpreter(content[: shebang.HEAD])
        if interpreter is None or not interpreter.startswith(f"{former}/bin/"):
            return content
        return shebang.retarget(content, f"{path}/bin/{interpreter.rpartition('/')[2]}")

    edit_inner_file(environment, f"bin/{name}", edit)


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


def _update_records(place: str, library: str, changed: dict[str, tuple[str, str]]) -> None:
    site = f"{library}/site-packages"
    for name in sorted(os.listdir(f"{place}/{site}")):
        record = f"{site}/{name}/RECORD"
        if name.endswith(".dist-info") and os.path.isfile(f"{place}/{record}"):
            edit_inner_file(place, record, lambda content: _edit_record(content, site, changed))


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
