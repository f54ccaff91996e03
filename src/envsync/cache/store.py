"""Where envsync keeps its own files, the bytes of its cache files, and the store of what earlier passes found.

marshal loads faster than anything else at hand, and only ever makes values: nothing that it reads is run. A cache is
believed only where the file is the user's own, and nobody else can read it. This module is on the fast path.
"""

import marshal
import os
import sys
from binascii import crc32
from io import BytesIO

from envsync.cache.fingerprint import holds, process_fingerprint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeVar

    from envsync.model.evidence import Evidence

    T = TypeVar("T")


_CHOSEN: dict[str, str] = {}
_OTHERS_WRITE = 0o022


def cache_directory() -> str:
    """Return the directory of the caches without importing platformdirs, which would cost more than the pass."""
    return _CHOSEN.get("cache") or usual_cache_directory()


def usual_cache_directory() -> str:
    """Return the same, whether or not it can be used."""
    return _directory("XDG_CACHE_HOME", ".cache", "Library/Caches")


def use_cache_directory(directory: str) -> None:
    """Use another directory for the caches, in this process."""
    _CHOSEN["cache"] = directory


def cache_problem() -> str:
    """Return why the directory of the caches must not be used, empty if it may: what is in it is believed, or run."""
    directory = usual_cache_directory()
    found, there = _nearest(directory)
    if found.st_uid not in {0, os.geteuid()} or (there and found.st_uid != os.geteuid()):
        return f"the cache directory {directory} is another user's"
    if there and found.st_mode & _OTHERS_WRITE:
        return f"others may write in the cache directory {directory}"
    return ""


def config_directory() -> str:
    """Return the directory of a user's own manifest, where platformdirs has it."""
    return _directory("XDG_CONFIG_HOME", ".config", "Library/Application Support")


def config_directories() -> tuple[str, ...]:
    """Return where a user's own manifest may be, the first choice first: on macOS ``~/.config/envsync`` comes second.

    Dotfiles for several systems have their configuration there. A set ``$XDG_CONFIG_HOME`` is the only choice.
    """
    usual, everywhere = config_directory(), _directory("XDG_CONFIG_HOME", ".config", ".config")
    return (usual,) if usual == everywhere else (usual, everywhere)


def staging_directory() -> str:
    """Return the directory of the user's own to build in, beside those of locks and logs."""
    return f"{_unless_kept(_directory('XDG_STATE_HOME', '.local/state', 'Library/Application Support'))}/staging"


def _directory(variable: str, default: str, default_of_macos: str) -> str:
    chosen = os.environ.get(variable, "")
    if not chosen.startswith("/"):
        home = os.path.expanduser("~")
        if not os.environ.get("HOME", "/").startswith("/"):  # one that is no absolute path counts as unset
            import pwd  # noqa: PLC0415  # hardly ever

            home = pwd.getpwuid(os.getuid()).pw_dir
        chosen = f"{home.rstrip('/')}/{default_of_macos if sys.platform == 'darwin' else default}"
    return f"{chosen}/envsync"


def state_directories() -> tuple[str, str]:
    """Return the directories of the lock files and of the logs: one of each for a user, whatever the manifest."""
    return f"{_state()}/locks", f"{_state()}/logs"


def trust_directory() -> str:
    """Return the directory that says which manifests are trusted; unlike a cache it cannot be made again."""
    return f"{_state()}/trust"


def _state() -> str:
    import platformdirs  # noqa: PLC0415  # kept off the fast path

    return _unless_kept(f"{platformdirs.user_state_dir()}/envsync")


def _unless_kept(state: str) -> str:
    """Return root's own state directory where sudo has kept HOME: what root makes there, its user could not change."""
    if os.geteuid() == 0 and _nearest(state)[0].st_uid != 0:
        import pwd  # noqa: PLC0415  # hardly ever

        inside = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
        return f"{pwd.getpwuid(0).pw_dir.rstrip('/')}/{inside}/envsync"
    return state


def _nearest(directory: str) -> tuple[os.stat_result, bool]:
    """Return the status of a directory, or of the nearest one above it, and whether it is its own."""
    here = directory
    while True:
        try:
            return os.stat(here), here == directory
        except OSError:
            here = os.path.dirname(here) or "/"


_LARGEST = 1 << 28
_SIZE = 4
"""Bytes of the checksum, and of each value's length."""


def seal(values: "Iterable[Any]") -> bytes:
    """Return the bytes of values: of tuples, lists, texts, numbers, bytes and None."""
    stream, checksum = BytesIO(bytes(_SIZE)), 0  # held once: they are large where there are thousands of environments
    stream.seek(_SIZE)
    for piece in map(marshal.dumps, values):
        for part in (len(piece).to_bytes(_SIZE, "big"), piece):
            checksum = crc32(part, checksum)
            stream.write(part)
    stream.seek(0)
    stream.write(checksum.to_bytes(_SIZE, "big"))
    return stream.getvalue()


def unseal(content: bytes) -> "Iterator[Any]":
    """Yield the values again, each when it is wanted. Raises anything for what is not whole."""
    view = memoryview(content)
    if crc32(view[_SIZE:]).to_bytes(_SIZE, "big") != content[:_SIZE]:
        raise ValueError("damaged")
    at = _SIZE
    while at < len(view):
        begin = at + _SIZE
        at = begin + int.from_bytes(view[at:begin], "big")
        yield marshal.loads(view[begin:at])  # noqa: S302  # the user's own cache, as a .pyc is


def read_cache_file(file: str) -> bytes:
    """Return the bytes of a cache; none where it is not the user's alone, or beyond all reason. Raises ``OSError``."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO must not hold up a shell
    try:
        found = os.fstat(descriptor)
        ours = found.st_uid == os.geteuid() and not found.st_mode & 0o077 and found.st_size <= _LARGEST
        return os.read(descriptor, found.st_size) if ours else b""
    finally:
        os.close(descriptor)


_ROOM = 1 << 22
"""Bytes of the newest entries that a file keeps: several verdicts for each of thousands of environments."""


class Cache:
    """What earlier passes found: values by kind and key, each with the evidence that it rests on.

    A kind is a file in the cache's directory, read when it is first asked for. A file that is damaged, of another kind,
    another release or another machine counts as none. Several threads may use one cache.
    """

    def __init__(self, directory: str | None) -> None:
        """Take the directory of the files; ``None`` to read and write none, and remember only within this process."""
        self.directory = directory
        self._kinds: dict[str, dict[str, bytes]] = {}
        self._changed: set[str] = set()

    def get(self, kind: str, key: str, decode: "Callable[[Any], T | None]") -> "T | None":
        """Return what ``decode`` makes of a value whose evidence holds, ``None`` where there is none.

        ``decode`` may refuse a value: it returns ``None``, or raises whatever it does on one that makes no sense.
        """
        from envsync.model.evidence import Evidence, Paths  # noqa: PLC0415  # the fast path does without

        entry = self._entries(kind).get(key)
        if entry is None:
            return None
        try:
            value, paths, stamps = marshal.loads(entry)  # noqa: S302  # as in unseal
            return decode(value) if holds(Evidence(Paths(paths), stamps)) else None
        except Exception:  # noqa: BLE001  # whatever is wrong with it, it is found out again
            return None

    def put(self, kind: str, key: str, value: "Any", evidence: "Evidence | None") -> None:
        """Keep a value of Python's own types for as long as its evidence holds; without evidence, do nothing."""
        if evidence is None:
            return
        entry = marshal.dumps((value, evidence.paths.text, evidence.stamps))
        entries = self._entries(kind)
        if entries.pop(key, None) != entry:
            self._changed.add(kind)
        entries[key] = entry  # at the end: it is the newest

    def forget(self, kind: str) -> None:
        """Forget all values of a kind."""
        if self._entries(kind):
            self._kinds[kind] = {}
            self._changed.add(kind)

    def save(self, write: "Callable[[str, bytes], None]") -> None:
        """Have ``write`` write each file whose values have changed; a failure to do so is none: it only costs time."""
        changed, self._changed = self._changed, set()
        for kind in sorted(changed) if self.directory else ():
            try:
                write(f"{self.directory}/{kind}", seal([(kind, process_fingerprint(())), _newest(self._kinds[kind])]))
            except OSError:
                continue

    def _entries(self, kind: str) -> dict[str, bytes]:
        if kind not in self._kinds:
            self._kinds.setdefault(kind, self._read(kind))
        return self._kinds[kind]

    def _read(self, kind: str) -> dict[str, bytes]:
        try:
            head, entries = unseal(read_cache_file(f"{self.directory}/{kind}")) if self.directory else (None, {})
            return dict(entries) if head == (kind, process_fingerprint(())) else {}
        except Exception:  # noqa: BLE001  # whatever is wrong with it, it counts as none
            return {}


def _newest(entries: dict[str, bytes]) -> dict[str, bytes]:
    """Return the newest entries that there is room for, the last one in any case; oldest first."""
    kept: dict[str, bytes] = {}
    room = _ROOM
    for key, entry in reversed(list(entries.items())):
        room -= len(key) + len(entry)
        if room < 0 and kept:
            break
        kept[key] = entry
    return dict(reversed(kept.items()))
