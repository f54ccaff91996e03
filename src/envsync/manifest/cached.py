"""A manifest as it was once validated, for as long as nothing has changed that shaped it.

It rests on the content of every file that was read, not on stamps: a checkout may write the same again.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from envsync.cache.fast_path import name_for
from envsync.cache.fingerprint import stamp_followed, take
from envsync.cache.store import Cache
from envsync.model import desired
from envsync.model.desired import Inputs, Manifest
from envsync.model.evidence import Evidence
from envsync.model.system import VARIABLES

_KIND = "manifest"
_CLASSES: dict[str, Callable[..., object]] = {
    one.__name__: one
    for one in (
        *(desired.Manifest, desired.Inputs, desired.Environment, desired.Packages, desired.Exposed, desired.Source),
        *(desired.PythonPath, desired.PythonVersion, desired.DefaultPython),
    )
}
_LARGEST = 1 << 24
Known = dict[int, object]
"""What was packed or unpacked already, by the identity of what it came from."""


def recall(file: str, cache: Cache) -> Manifest | None:
    """Return the manifest at ``file`` as an earlier pass read it; ``None`` where what shaped it has changed."""
    return cache.get(name_for(_KIND, file), file, _as_now)


def remember(manifest: Manifest, cache: Cache, began: int) -> None:
    """Keep a manifest; ``began`` is when reading it began, in nanoseconds since the epoch.

    It is not kept where its inputs are not all that shaped it, or one was changed while it was read.
    """
    inputs = manifest.inputs
    contents = _contents(inputs)
    both = (place for path in inputs.paths for place in (path, os.path.realpath(path)))
    if inputs.replayable and take(both, began) and tuple(stamp_followed(inputs.paths)) == inputs.stamps:
        value = (contents, _packed(inputs, {}), _packed(manifest, {}))
        cache.put(name_for(_KIND, manifest.file), manifest.file, value, Evidence())


def _as_now(value: tuple[list[object], object, object]) -> Manifest | None:
    """Return a manifest that was kept, with its inputs' stamps of now, where their contents are what they were."""
    contents, inputs, manifest = value[0], _unpacked(value[1], {}), value[2]
    stamps = tuple(stamp_followed(inputs.paths))
    if _contents(inputs) != contents:
        return None
    again: Manifest = _unpacked(manifest, {})
    return replace(again, inputs=replace(inputs, stamps=stamps))


def _contents(inputs: Inputs) -> list[object]:
    """Return what the variables and the paths of a manifest's inputs hold now."""
    first: dict[tuple[int, int], str] = {}
    held = [_content(path, first, listed=path in inputs.listed) for path in inputs.paths]
    return [*(VARIABLES.get(name) for name, _ in inputs.variables), *held]


def _content(path: str, first: dict[tuple[int, int], str], *, listed: bool) -> tuple[object, ...]:
    """Return of one path whether it is a link, what it holds, and under which name that was met before."""
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
    """Yield the entries of a directory, each with whether it is a file, or a link that leads nowhere."""
    for name in sorted(os.listdir(directory)):
        entry = f"{directory}/{name}"
        yield name, os.path.isfile(entry) or not os.path.exists(entry)


def _packed(value: object, known: Known) -> object:
    """Return a value in Python's own types: a list for an instance, of its class and its fields.

    Declarations that many environments have in common are packed once.
    """
    if isinstance(value, tuple):
        return tuple(_packed(one, known) for one in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    if isinstance(value, desired.Packages) and id(value) in known:
        return known[id(value)]
    packed = [type(value).__name__, *(_packed(getattr(value, field.name), known) for field in fields(value))]
    if isinstance(value, desired.Packages):
        known[id(value)] = packed
    return packed


def _unpacked(value: Any, known: Known) -> Any:
    if isinstance(value, tuple):
        return tuple(_unpacked(one, known) for one in value)
    if not isinstance(value, list):
        return value
    if id(value) not in known:
        made = _CLASSES[value[0]](*(_unpacked(one, known) for one in value[1:]))
        if not isinstance(made, desired.Packages):
            return made
        known[id(value)] = made
    return known[id(value)]
