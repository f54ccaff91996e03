"""The fast path: tell that nothing has changed since a pass that found everything in sync.

That pass left a snapshot: every path that its verdict hung on, with its stamp, and
whatever else shaped it. While all of it is as it was, so is the verdict, and neither
the manifest nor an environment is read. The snapshot may be deleted at any time.

This module imports only what Python has loaded at its start, or is built in:
it runs in shell hooks.
"""

import marshal
import os
import sys
from binascii import crc32
from collections.abc import Iterable, Sequence

from envsync import __version__
from envsync.folders import cache_folder
from envsync.observe.stamp import stamp

__all__ = ["SLACK", "decode", "encode", "is_settled", "snapshot_file", "verdict"]

SLACK = 20_000_000
"""Nanoseconds by which a change time can lag: file systems take it from the kernel's tick, at most 10 ms long."""
_COARSE = 2_000_000_000
"""The same for file systems that keep whole seconds."""
_SHAPE = 3
_LARGEST = 64 << 20


def verdict(arguments: list[str]) -> str | None:
    """Give the line to print for ``apply`` or ``check``, if the snapshot of the manifest that they mean still holds."""
    asked = _plain(arguments)
    if asked is None:
        return None
    command, file, quiet = asked
    try:
        from envsync.manifest.locate import locate  # noqa: PLC0415  # loads nothing more itself

        manifest = locate(file)
        lines, shape, paths, numbers = decode(_read(snapshot_file(manifest)))
        if shape == _shape(manifest, [name for name, _ in shape[_SHAPE:]]) and stamp(paths) == numbers:
            return "" if quiet else lines[command]
    except Exception:  # noqa: BLE001  # whatever is wrong, the long way tells it properly
        return None
    return None


def encode(
    lines: dict[str, str], manifest: str, variables: Iterable[str], paths: Sequence[str], numbers: Sequence[int]
) -> bytes:
    """Give a snapshot's bytes: what to print for each command, and what has to stay as it is."""
    content = marshal.dumps((lines, _shape(manifest, variables), list(paths), list(numbers)))
    return crc32(content).to_bytes(4, "big") + content


def decode(content: bytes) -> tuple[dict[str, str], list[tuple[str, str | None]], list[str], list[int]]:
    """Read a snapshot's bytes; raises anything for bytes that are none."""
    if crc32(content[4:]).to_bytes(4, "big") != content[:4]:
        raise ValueError("damaged")
    lines, shape, paths, numbers = marshal.loads(content[4:])  # noqa: S302  # the user's own cache, as a .pyc is
    return lines, shape, paths, numbers


def snapshot_file(manifest: str) -> str:
    """Name the snapshot of a manifest; two manifests that share a name only cost each other time."""
    number = int.from_bytes(os.fsencode(manifest), "big") % (2**61 - 1)
    return f"{cache_folder()}/unchanged-{number:x}"


def is_settled(numbers: Sequence[int], now: int) -> bool:
    """Tell whether stamps that were taken at ``now`` (nanoseconds) prove anything.

    A file that is changed twice within one tick of the clock keeps its change time: what was changed just now might
    be changed again unseen.
    """
    return all(
        changed < now - (_COARSE if changed % 1_000_000_000 == 0 and changed else SLACK) for changed in numbers[1::3]
    )


def _read(file: str) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO must not hold up a shell
    try:
        size = os.fstat(descriptor).st_size
        return os.read(descriptor, size) if size < _LARGEST else b""
    finally:
        os.close(descriptor)


def _shape(manifest: str, variables: Iterable[str]) -> list[tuple[str, str | None]]:
    get = os.environ.get
    uname = os.uname()
    fixed: list[tuple[str, str | None]] = [
        (__version__, sys.version),
        (manifest, sys.base_prefix),
        (f"{uname.nodename} {os.geteuid()}", None),
    ]
    return fixed + [(name, _search_path() if name == "PATH" else get(name)) for name in variables]


def _search_path() -> str:
    """Give PATH without the environments that are activated: no interpreter is looked for in them."""
    folders = os.environ.get("PATH", "").split(":")
    return ":".join(folder for folder in folders if not os.path.lexists(f"{folder}/../pyvenv.cfg"))


def _plain(arguments: list[str]) -> tuple[str, str | None, bool] | None:
    """Understand the plainest command lines; ``None`` for every other."""
    command = file = None
    quiet = False
    words = iter(arguments)
    for word in words:
        if word in {"apply", "check"} and command is None:
            command = word
        elif word == "--file":
            file = next(words, None)
        elif word.startswith("--file="):
            file = word[7:]
        elif word in {"-q", "--quiet"}:
            quiet = True
        else:
            return None
    return (command, file, quiet) if command else None
