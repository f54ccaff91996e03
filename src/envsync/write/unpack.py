"""Unpack a wheel into the cache: Python keeps byte code of modules in a directory, but not of those in an archive.

Code from there runs with all the user's rights, and Python does not check where byte code comes from. So only the user
may write to the directory, and a seal beside it holds the digest of every file: those of the wheel, and the byte code
of envsync's own runs. Other files are never run.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from hashlib import blake2b
from zipfile import ZipFile

from envsync.cache.store import read_cache_file, seal, unseal
from envsync.write.directories import make_private
from envsync.write.files import write_cache
from envsync.write.locks import hold

_TIME_LIMIT = 60.0
"""Seconds to wait for another pass that unpacks it."""
_BYTE_CODE = "__pycache__"


def unpack(wheel: str, cache: str) -> str:
    """Return the directory of a wheel's unpacked files, unpacked again unless all of them match their seal.

    Raises ``OSError`` or ``EnvsyncError``, and what zipfile raises for a damaged wheel.
    """
    make_private(cache)
    cache = os.path.realpath(cache)
    _make_private(cache)
    place = f"{cache}/{os.path.basename(wheel).removesuffix('.whl')}"
    size = os.path.getsize(wheel)
    with hold(cache, place, _TIME_LIMIT, begun=True):
        if not _matches_seal(place, size):
            _extract(wheel, place)
            _seal(place, size, dict(_digests(place)))
    return place


def keep_byte_code(place: str) -> None:
    """Seal the byte code that a run of an unpacked wheel has just written; a failure only costs time."""
    with contextlib.suppress(Exception), hold(os.path.dirname(place), place, _TIME_LIMIT, begun=True):
        size, known = _read_seal(place)
        byte_code = {name: digest for name, digest in _digests(place) if _is_byte_code(name)}
        if not byte_code.items() <= known.items():
            _seal(place, size, known | byte_code)


def _make_private(directory: str) -> None:
    """Remove others' write permission from a directory. Raises ``PermissionError`` for another user's."""
    found = os.stat(directory)
    if found.st_uid != os.geteuid():
        raise PermissionError(f"{directory} belongs to another user")
    if found.st_mode & 0o022:
        os.chmod(directory, 0o700)


def _matches_seal(place: str, size: int) -> bool:
    """Check whether a directory matches its seal, for a wheel of ``size`` bytes; unknown byte code is removed."""
    try:
        found = os.lstat(place)
        private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700  # noqa: PLR2004  # of a user
        known_size, known = _read_seal(place)
        if not private or found.st_uid != os.geteuid() or known_size != size:
            return False
        missing = {name for name in known if not _is_byte_code(name)}
        for name, digest in _digests(place):
            if known.get(name) != digest:
                if not _is_byte_code(name):
                    return False
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{place}/{name}")
            missing.discard(name)
    except Exception:  # noqa: BLE001  # whatever is wrong, it is unpacked again
        return False
    return not missing


def _extract(wheel: str, place: str) -> None:
    """Unpack a wheel at ``place``, replacing a directory but never a symlink. Raises ``OSError``."""
    if os.path.lexists(place):
        shutil.rmtree(place)  # it refuses a symlink
    os.mkdir(place, 0o700)
    with ZipFile(wheel) as archive:
        # With its metadata beside it, pip would count itself as installed.
        archive.extractall(place, [name for name in archive.namelist() if ".dist-info/" not in name])


def _digests(place: str) -> Iterator[tuple[str, bytes]]:
    """Yield (relative path, digest) of everything in a directory; the digest of non-regular files is empty.

    Another pass may be writing byte code meanwhile, in temporary files.
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
