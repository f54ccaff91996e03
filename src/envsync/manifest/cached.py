"""A manifest as it was once validated, for as long as nothing has changed that shaped it.

What is remembered holds the content of every file that was read, not its stamp: a checkout may write the same again.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace

from envsync.cache.fingerprint import process_fingerprint, proven, stamp_followed, still
from envsync.cache.store import seal, unseal
from envsync.model import desired
from envsync.model.desired import Inputs, Manifest
from envsync.model.system import VARIABLES

_KINDS: dict[str, Callable[..., object]] = {
    one.__name__: one
    for one in (
        *(desired.Manifest, desired.Inputs, desired.Environment, desired.Packages, desired.Exposed, desired.Source),
        *(desired.PythonPath, desired.PythonVersion, desired.DefaultPython),
    )
}
_LARGEST = 1 << 24


def recall(file: str, content: bytes) -> Manifest | None:
    """Give the manifest at ``file`` again from what is remembered of it; ``None`` where that does not hold."""
    try:
        values = unseal(content)
        its_file, known, held = next(values)
        if its_file != file or not still(known):
            return None
        inputs = _unpacked(next(values))
        if not isinstance(inputs, Inputs):
            return None
        stamps = tuple(stamp_followed(inputs.paths))
        if _held(inputs) != held:
            return None
        manifest = _unpacked(next(values))
        return replace(manifest, inputs=replace(inputs, stamps=stamps)) if isinstance(manifest, Manifest) else None
    except Exception:  # noqa: BLE001  # whatever is wrong with it, the manifest itself tells it properly
        return None


def remembered(manifest: Manifest, began: int) -> bytes | None:
    """Give what to remember of a manifest; ``began`` is when reading it began, in nanoseconds.

    ``None`` where that is not all that shaped it, or something was changed while it was read.
    """
    inputs = manifest.inputs
    held = _held(inputs)
    paths = (place for path in inputs.paths for place in (path, os.path.realpath(path)))
    if not inputs.replayable or proven(paths, began) != list(inputs.stamps):
        return None
    return seal([(manifest.file, process_fingerprint(()), held), _packed(inputs), _packed(manifest)])


def _held(inputs: Inputs) -> list[object]:
    """Give what the variables and the paths of a manifest's inputs hold now."""
    first: dict[tuple[int, int], str] = {}
    told = [_told(path, first, listed=path in inputs.listed) for path in inputs.paths]
    return [*(VARIABLES.get(name) for name, _ in inputs.variables), *told]


def _told(path: str, first: dict[tuple[int, int], str], *, listed: bool) -> tuple[object, ...]:
    """Tell of one path whether it is a link, what it holds, and under which name that was met before."""
    try:
        is_link = stat.S_ISLNK(os.lstat(path).st_mode)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        return (os.path.islink(path), error.errno)
    try:
        found = os.fstat(descriptor)
        earlier = first.setdefault((found.st_dev, found.st_ino), path)
        if stat.S_ISREG(found.st_mode):
            return (is_link, earlier, found.st_uid, os.read(descriptor, _LARGEST + 1))
    finally:
        os.close(descriptor)
    return (is_link, earlier, list(_entries(path)) if listed else None)


def _entries(directory: str) -> Iterator[tuple[str, bool]]:
    """Give the entries of a directory, each with whether it is a file, or a link that leads nowhere."""
    for name in sorted(os.listdir(directory)):
        entry = f"{directory}/{name}"
        yield name, os.path.isfile(entry) or not os.path.exists(entry)


def _packed(value: object) -> object:
    """Give a value in Python's own types: a list for an instance, of its class and its fields."""
    if isinstance(value, tuple):
        return tuple(map(_packed, value))
    if not is_dataclass(value) or isinstance(value, type):
        return value
    return [type(value).__name__, *(_packed(getattr(value, field.name)) for field in fields(value))]


def _unpacked(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(map(_unpacked, value))
    return _KINDS[value[0]](*map(_unpacked, value[1:])) if isinstance(value, list) else value
