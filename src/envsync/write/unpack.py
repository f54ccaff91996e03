"""Unpack a wheel into the cache: Python keeps the byte code of modules in a directory, but not of those in an archive.

What is run from there is run with all the rights of the user, and Python asks no byte code where it is from. So the
directory is nobody else's, and a seal beside it holds the digest of every file: of those from the wheel, and of the
byte code that was there after a run of envsync's own. What it does not know is never run.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from hashlib import blake2b
from zipfile import ZipFile

from envsync.cache.store import read_cache_file, seal, unseal
from envsync.write.directories import make_own
from envsync.write.files import write_cache
from envsync.write.locks import hold

_TIME_LIMIT = 60.0
"""Seconds to wait for another pass that unpacks."""
_BYTE_CODE = "__pycache__"


def unpack(wheel: str, cache: str) -> str:
    """Return the directory that holds a wheel's files, unpacked again unless every file there is the one that was.

    Raises ``OSError`` or ``EnvsyncError``, and whatever zipfile does for what is no wheel.
    """
    make_own(cache)
    cache = os.path.realpath(cache)
    _make_private(cache)
    place = f"{cache}/{os.path.basename(wheel).removesuffix('.whl')}"
    size = os.path.getsize(wheel)
    with hold(cache, place, _TIME_LIMIT):
        if not _is_whole(place, size):
            _extract(wheel, place)
            _seal(place, size, dict(_digests(place)))
    return place


def keep_byte_code(place: str) -> None:
    """Seal what Python has compiled of an unpacked wheel in a run that has just ended; failing to costs only time."""
    with contextlib.suppress(Exception), hold(os.path.dirname(place), place, _TIME_LIMIT):
        size, known = _read_seal(place)
        byte_code = {name: digest for name, digest in _digests(place) if _is_byte_code(name)}
        if not byte_code.items() <= known.items():
            _seal(place, size, known | byte_code)


def _make_private(directory: str) -> None:
    """Let nobody else write in a directory of the user's. Raises ``PermissionError`` where it is another's."""
    found = os.stat(directory)
    if found.st_uid != os.geteuid():
        raise PermissionError(f"{directory} belongs to another user")
    if found.st_mode & 0o022:
        os.chmod(directory, 0o700)


def _is_whole(place: str, size: int) -> bool:
    """Check that a directory holds what its seal says, from a wheel of a size; other byte code in it is removed."""
    try:
        found = os.lstat(place)
        private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700  # noqa: PLR2004  # of a user
        sealed, known = _read_seal(place)
        if not private or found.st_uid != os.geteuid() or sealed != size:
            return False
        left = {name for name in known if not _is_byte_code(name)}
        for name, digest in _digests(place):
            if known.get(name) != digest:
                if not _is_byte_code(name):
                    return False
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{place}/{name}")
            left.discard(name)
    except Exception:  # noqa: BLE001  # whatever is wrong with it, it is unpacked again
        return False
    return not left


def _extract(wheel: str, place: str) -> None:
    """Unpack a wheel where nothing, or a directory of the user's, is; never through a link."""
    if os.path.lexists(place):
        shutil.rmtree(place)  # it refuses a symlink
    os.mkdir(place, 0o700)
    with ZipFile(wheel) as archive:
        # Beside its metadata, a package counts as installed for whoever runs it from there.
        archive.extractall(place, [name for name in archive.namelist() if ".dist-info/" not in name])


def _digests(place: str) -> Iterator[tuple[str, bytes]]:
    """Return what lies in a directory, relative, with digests; of what is no regular file an empty one.

    A run of another pass may be writing byte code meanwhile, each file by another name at first.
    """
    for directory, directories, names in os.walk(place):
        links = [name for name in directories if os.path.islink(f"{directory}/{name}")]
        for name in (*names, *links):
            file = f"{directory}/{name}"
            with contextlib.suppress(FileNotFoundError):
                yield file[len(place) + 1 :], _digest(file)


def _digest(file: str) -> bytes:
    if not stat.S_ISREG(os.lstat(file).st_mode):
        return b""
    with open(file, "rb") as stream:
        return blake2b(stream.read(), digest_size=16).digest()


def _is_byte_code(name: str) -> bool:
    return os.path.basename(os.path.dirname(name)) == _BYTE_CODE


def _seal(place: str, size: object, digests: dict[str, bytes]) -> None:
    write_cache(f"{place}.sealed", seal([size, digests]))


def _read_seal(place: str) -> tuple[object, dict[str, bytes]]:
    size, digests = unseal(read_cache_file(f"{place}.sealed"))
    return size, digests
