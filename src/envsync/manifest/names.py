"""The names of a manifest's environments, for a shell that waits for them after a Tab.

They are read in a hurry, and the manifest may be anybody's: nothing is validated, what cannot be read is left out, and
after a second the names found so far are returned. The validator and all that it needs are not loaded.
"""

import os
from collections.abc import Iterator
from typing import Any

from envsync.manifest.find import find

_SECONDS = 1.0
_MOST_BYTES = 1 << 20
_MOST_FILES = 100
_MOST_NAMES = 1000


class _Late(Exception):  # noqa: N818  # no error: what was found until then is returned
    pass


def names(file: str | None) -> list[str]:
    """Return the names that the manifest meant by ``--file FILE`` and its includes declare, at most a thousand.

    Never raises; takes over ``SIGALRM``.
    """
    import signal  # noqa: PLC0415  # only here

    def give_up(*_: object) -> None:
        raise _Late

    found: dict[str, None] = {}
    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        try:
            for table in _tables(find(file and _expanded(file))[0]):
                found.update(dict.fromkeys(filter(_is_valid, table.get("envs", ()))))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Exception:  # noqa: BLE001, S110  # also _Late: a shell has no place for messages
        pass
    return list(found)[:_MOST_NAMES]


def _tables(file: str) -> Iterator[dict[str, Any]]:
    """Yield the tables of a manifest and of what it includes, as far as they can be read."""
    import tomllib  # noqa: PLC0415  # brings re: no other command on the fast path needs it

    files, room = [file], _MOST_BYTES
    for path in files:
        try:
            content = _read(path, room)
            room -= len(content)
            table = tomllib.loads(content.decode().removeprefix("\ufeff"))
            yield table
            for text in table.get("include", ()):
                files += [one for one in _meant(text, os.path.dirname(path)) if one not in files]
            del files[_MOST_FILES:]
        except _Late:
            raise
        except Exception:  # noqa: BLE001, S112  # the others may be good
            continue


def _read(file: str, room: int) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO must not hold up a shell
    with open(descriptor, "rb") as stream:
        content = stream.read(room + 1)
    return content if len(content) <= room else b""


def _meant(text: str, directory: str) -> list[str]:
    pattern = _expanded(text)
    if not any(sign in pattern for sign in "*?["):
        return [os.path.join(directory, pattern)]
    from envsync.manifest.globs import matches  # noqa: PLC0415  # few manifests need it

    return matches(pattern, directory)[:_MOST_FILES]


def _expanded(text: str) -> str:
    return os.path.expandvars(os.path.expanduser(text))


def _is_valid(name: str) -> bool:
    """Check whether a name may be an environment's: others cannot be loaded either."""
    return not (name.startswith(("-", ".")) or "/" in name or not name.isprintable()) and len(name.split()) == 1
