"""Whether a manifest may be applied: one that was found, not named, may be a stranger's.

It is trusted once, by path and owner; its content then is recorded, for hooks that apply it unasked. Reads only:
:mod:`envsync.write.user_files` records.
"""

import hashlib
import json
import os
import shlex
import stat
from collections.abc import Iterable
from dataclasses import asdict
from enum import IntEnum

from envsync import manifest as manifests
from envsync.cache.store import trust_directory
from envsync.manifest.find import FOUND, OWN, find
from envsync.model.dataclass import dataclass
from envsync.model.desired import Manifest, Source
from envsync.model.problems import Problem, UntrustedError
from envsync.observe.links import walk

_LARGEST = 1 << 20
_ROOT = 0


class TrustLevel(IntEnum):
    """How far a manifest is trusted."""

    UNTRUSTED = 0
    TRUSTED = 1
    """Its path and owner are those that were trusted."""
    UNCHANGED = 2
    """Its content, and that of its includes, is also unchanged since."""


@dataclass(frozen=True, slots=True)
class Record:
    """The record that a manifest is trusted."""

    manifest: str
    """Its name in its real directory, which its relative paths depend on."""
    end: str
    """Its real path."""
    owner: int
    """The user ID of its owner."""
    digests: tuple[str, ...]
    """Of it and its includes, in the order in which they are read."""

    @property
    def file(self) -> str:
        """The file for this record."""
        return _file_of(self.manifest)

    def text(self) -> str:
        """Return the content of that file."""
        return json.dumps(asdict(self), indent=1) + "\n"


def place_of(file: str) -> str:
    """Return a manifest's path with its directory resolved."""
    directory, name = os.path.split(file)
    return f"{os.path.realpath(directory).rstrip('/')}/{name}"


def record_for(manifest: Manifest) -> Record:
    """Return the record to write for a manifest that is trusted as it was read."""
    file = manifest.file
    return Record(place_of(file), os.path.realpath(file), manifest.sources[0].owner, _digests(manifest.sources))


def record_of(place: str) -> Record | None:
    """Return the record of the manifest at a place; ``None`` without one that only this user could write."""
    found = _read(_file_of(place))
    return found if found is not None and found.manifest == place else None


def records() -> tuple[Record, ...]:
    """Return all records, sorted by manifest."""
    directory = trust_directory()
    try:
        names = os.listdir(directory)
    except OSError:
        return ()
    found = (_read(f"{directory}/{name}") for name in names if name.endswith(".json"))
    return tuple(sorted(filter(None, found), key=lambda record: record.manifest))


def trust_level(file: str, sources: tuple[Source, ...] = ()) -> TrustLevel:
    """Return how far a manifest is trusted; without ``sources``, its content does not count."""
    record = record_of(place_of(file))
    if record is None or record.end != os.path.realpath(file):
        return TrustLevel.UNTRUSTED
    if record.owner != (sources[0].owner if sources else _owner(record.end)):
        return TrustLevel.UNTRUSTED
    return TrustLevel.UNCHANGED if record.digests == _digests(sources) else TrustLevel.TRUSTED


def trust_level_of(manifest: Manifest) -> TrustLevel:
    """Return how far a manifest is trusted, with the content that was read."""
    return trust_level(manifest.file, manifest.sources)


def refuse_strangers(sources: Iterable[Source | str]) -> None:
    """Raise ``UntrustedError`` where a file, or a link on the way to it, is another user's, or others may write to it.

    Root is trusted. A link counts too: a stranger's link to this user's file puts it where its relative paths mean
    something else.
    """
    for source in sources:
        file = source if isinstance(source, str) else source.file
        chain = walk(file)
        owners = [(place, _owner(place)) for place in (*(hop.link for hop in chain.hops), chain.end)]
        if isinstance(source, Source):
            owners.append((file, source.owner))  # of the file that was read
        for place, owner in owners:
            if owner not in {None, os.geteuid(), _ROOT}:
                through = "" if place == file else f", through {place},"
                whose = f"belongs{through} to another user, {_name_of(owner)}"
                message = f"{file} {whose}: nothing that it names is run or changed"
                hint = "To use it anyway, name the manifest: --file FILE."
                raise UntrustedError((Problem("untrusted", message, hint),))
        if _others_may_write(chain.end):
            message = f"others may write to {file}, and so decide what envsync runs"
            hint = f"Remove that permission: chmod go-w {shlex.quote(chain.end)}; then check the content."
            raise UntrustedError((Problem("untrusted", message, hint),))


def distrust_of(known: TrustLevel) -> str:
    """Return why a manifest may not be applied, as a predicate: ``is not trusted: …``."""
    if known is TrustLevel.UNTRUSTED:
        return "is not trusted: it may run programs and change files"
    return "has changed since it was trusted, or a file that it includes has"


def advice_for(file: str) -> str:
    """Return the hint for a manifest that may not be applied."""
    return f"Read it, then: envsync trust {shlex.quote(file)}"


def refused(file: str, distrust: str) -> UntrustedError:
    """Return the error for a manifest that may not be applied."""
    return UntrustedError((Problem("untrusted", f"{file} {distrust}", advice_for(file)),))


def located(file: str | os.PathLike[str] | None = None) -> tuple[str, str]:
    """Return the absolute path of ``file``, or of the manifest that the command would find, and how it was found.

    Raises ``ManifestError`` where there is none, ``UntrustedError`` where it was found and is not trusted.
    """
    path, origin = find(None if file is None else os.fspath(file))
    if origin in {FOUND, OWN}:
        refuse_strangers([path])
    if origin == FOUND and trust_level(path) < TrustLevel.TRUSTED:
        raise refused(path, distrust_of(TrustLevel.UNTRUSTED))
    return path, origin


def locate(file: str | os.PathLike[str] | None = None) -> str:
    """Return the absolute path of ``file``, or of the manifest that the command would find.

    One that is found upwards from the current directory has to be trusted, once, by ``envsync trust``. Raises
    ``ManifestError`` where there is none, ``UntrustedError`` where it is not trusted.
    """
    return located(file)[0]


def load(
    file: str | os.PathLike[str] | None = None, *, hostname: str | None = None, platform: str | None = None
) -> Manifest:
    """Return a manifest with its includes, for this host; without ``file``, the one that the command would find.

    Raises ``ManifestError`` with every problem found in all of them, and what :func:`locate` raises.
    """
    path, origin = located(file)
    manifest = manifests.load(path, hostname=hostname, platform=platform)
    if origin in {FOUND, OWN}:
        refuse_strangers(manifest.sources)
    return manifest


def _digests(sources: Iterable[Source]) -> tuple[str, ...]:
    return tuple(source.digest for source in sources)


def _file_of(place: str) -> str:
    name = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return f"{trust_directory()}/{name}.json"


def _read(file: str) -> Record | None:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
                return None
            values = json.loads(stream.read(_LARGEST))
        return Record(**values | {"digests": tuple(values["digests"])})
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _owner(path: str) -> int | None:
    try:
        return os.lstat(path).st_uid
    except (OSError, ValueError):
        return None


def _others_may_write(path: str) -> bool:
    """Check whether anybody may write to a file, or a group that the user is not in."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return False
    foreign = found.st_gid not in {os.getegid(), *os.getgroups()}
    return stat.S_ISREG(found.st_mode) and bool(found.st_mode & (stat.S_IWOTH | (stat.S_IWGRP if foreign else 0)))


def _name_of(user: int | None) -> str:
    import pwd  # noqa: PLC0415  # only where something is wrong

    try:
        return pwd.getpwuid(user or 0).pw_name
    except KeyError:
        return str(user)
