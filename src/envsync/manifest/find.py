"""Locate the manifest by name, without opening it; make paths absolute without resolving links.

This module is on the fast path.
"""

import os
import stat

from envsync.cache.store import config_directories

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from envsync.model.problems import ManifestError


def absolute(text: str, directory: str, on_lookup: "Callable[[str], None] | None" = None) -> str:
    """Return ``text``, relative to the absolute ``directory``, without ``//``, ``/./`` and needless ``..``.

    A ``..`` behind a symlink stays: the kernel goes to the parent of the link's end. ``on_lookup`` is called with each
    path before it is looked up.
    """
    parts: list[str] = []
    for part in (text if text.startswith("/") else f"{directory}/{text}").split("/"):
        if part in {"", "."}:
            continue
        if part != ".." or not _removable(parts, on_lookup):
            parts.append(part)
        elif parts:
            parts.pop()
    return "/" + "/".join(parts)


def _removable(parts: list[str], on_lookup: "Callable[[str], None] | None") -> bool:
    """Check whether a ``..`` after ``parts`` only undoes the last of them, or is at the root."""
    if not parts:
        return True
    if parts[-1] == "..":
        return False
    path = "/" + "/".join(parts)
    if on_lookup is not None:
        on_lookup(path)
    try:
        return not stat.S_ISLNK(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return True


def current_directory() -> str:
    """Return the current directory as the user sees it: ``$PWD`` if that is true, otherwise the real path.

    Raises ``OSError`` where the current directory has been removed.
    """
    seen = os.environ.get("PWD", "")
    if seen.startswith("/") and not {".", ".."} & set(seen.split("/")):
        try:
            if os.path.samefile(seen, "."):
                return absolute(seen, "/")
        except (OSError, ValueError):
            pass
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, "the current directory no longer exists; go to another") from None


NAME = "envs.toml"
VARIABLE = "ENVSYNC_FILE"
NAMED, SET, FOUND, OWN = "named", "set", "found", "own"
"""How a manifest is found: ``--file``, ``$ENVSYNC_FILE``, from the current directory upwards, the user's own."""
_UNTRUSTED, _TRUSTED, _UNCHANGED = range(3)


def find(file: str | None = None) -> tuple[str, str]:
    """Return the manifest's absolute path, and how it was found.

    It is ``file``, ``$ENVSYNC_FILE``, the nearest ``envs.toml``, or the user's own. A file that was named need not
    exist. One that was ``FOUND`` may be a stranger's: see :mod:`envsync.observe.trust`. Raises ``ManifestError`` where
    none was named and none is found.
    """
    if file is not None:
        return _named(file, "--file"), NAMED
    if named := os.environ.get(VARIABLE):
        return _named(named, f"${VARIABLE}"), SET
    here, own = _here(), _of_user()
    if here is not None and (found := upwards(here)) is not None:
        return found, OWN if found in own else FOUND
    for path in own:
        # A dangling link counts: opening it reports what is wrong.
        if os.path.lexists(path):
            return path, OWN
    around = (
        f"{here} and the directories above it" if here is not None else "the current directory, which no longer exists"
    )
    raise _missing(
        f"no manifest found: neither {NAME} in {around}, nor {' or '.join(own)}",
        "Write one, with the environments that are there: envsync import PATH; without: envsync init. "
        "Or name another with --file or $ENVSYNC_FILE",
    )


def hidden(file: str, origin: str) -> str:
    """Return the user's own manifest whose place another takes, found or own; empty where none is hidden.

    One that is reached by a link to the other's directory is the same.
    """
    if origin not in {FOUND, OWN}:
        return ""
    seen = {file} if origin == FOUND else {file, _real(file)}
    return next((path for path in _of_user() if not {path, _real(path)} & seen and os.path.lexists(path)), "")


def _real(file: str) -> str:
    directory, name = os.path.split(file)
    return f"{os.path.realpath(directory)}/{name}"


def of_user() -> str:
    """Return the user's own manifest, or where it would be written if there is none."""
    own = _of_user()
    return next((path for path in own if os.path.lexists(path)), own[0])


def demanded(origin: str, *, as_trusted: bool) -> int:
    """Return the trust that a manifest needs, as a :class:`envsync.observe.trust.TrustLevel`.

    With ``as_trusted`` one that was named with ``--file`` needs it too; the user's own and ``$ENVSYNC_FILE`` never do.
    """
    if origin == FOUND or (origin == NAMED and as_trusted):
        return _UNCHANGED if as_trusted else _TRUSTED
    return _UNTRUSTED


def _named(text: str, source: str) -> str:
    if not text:
        raise _missing(f"{source} is empty; it names the manifest", "")
    if "\0" in text:
        raise _missing(f"{source} contains a NUL character, which no file name may", "")
    if text.startswith("/"):
        return absolute(text, "/")
    here = _here()
    if here is None:
        raise _missing(
            f"{source} is a relative path, and the current directory no longer exists", "write an absolute path"
        )
    return absolute(text, here)


def _here() -> str | None:
    try:
        return current_directory()
    except OSError:
        return None


def upwards(directory: str) -> str | None:
    """Return the nearest manifest in ``directory`` or one of its parents as written; ``None`` if there is none."""
    while True:
        path = f"{directory.rstrip('/')}/{NAME}"
        if os.path.lexists(path):
            return path
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _of_user() -> tuple[str, ...]:
    return tuple(absolute(f"{directory}/{NAME}", "/") for directory in config_directories())


def _missing(message: str, hint: str) -> "ManifestError":
    from envsync.model.problems import ManifestError, Problem  # noqa: PLC0415 - only where something is wrong

    printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    return ManifestError((Problem("manifest-missing", printable, hint),))
