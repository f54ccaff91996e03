"""Locate the manifest by name, without opening it; make paths absolute as text.

No link is resolved, none is stepped over. This module is on the fast path.
"""

import os
import stat

from envsync.cache.store import config_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from envsync.model.problems import ManifestError


def absolute(text: str, directory: str, saw: "Callable[[str], None] | None" = None) -> str:
    """``text``, relative to the absolute ``directory``, without ``//``, ``/./`` and needless ``..``.

    A ``..`` stays where the component before it is a symlink: the kernel goes to the
    parent of what the link leads to. ``saw`` is told each path that was asked.
    """
    parts: list[str] = []
    for part in (text if text.startswith("/") else f"{directory}/{text}").split("/"):
        if part in {"", "."}:
            continue
        if part != ".." or not _removable(parts, saw):
            parts.append(part)
        elif parts:
            parts.pop()
    return "/" + "/".join(parts)


def _removable(parts: list[str], saw: "Callable[[str], None] | None") -> bool:
    """Whether a ``..`` after ``parts`` only undoes the last of them (or is at the root)."""
    if not parts:
        return True
    if parts[-1] == "..":
        return False
    path = "/" + "/".join(parts)
    if saw is not None:
        saw(path)
    try:
        return not stat.S_ISLNK(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return True


def current_directory() -> str:
    """Return the current directory as the user sees it: ``$PWD`` where that is true, else as the kernel has it.

    Raises OSError when the current directory is gone.
    """
    seen = os.environ.get("PWD", "")
    if seen.startswith("/") and not {".", ".."} & set(seen.split("/")):
        try:
            if os.path.samefile(seen, "."):
                return absolute(seen, "/")
        except (OSError, ValueError):
            pass
    return os.getcwd()


NAME = "envs.toml"
VARIABLE = "ENVSYNC_FILE"
NAMED, SET, FOUND, OWN = "named", "set", "found", "own"
"""How a manifest is come by: ``--file``, ``$ENVSYNC_FILE``, from the current directory upwards, the user's own."""
_UNTRUSTED, _TRUSTED, _UNCHANGED = range(3)


def find(file: str | None = None) -> tuple[str, str]:
    """Return the manifest's absolute path, and how it was come by.

    It is ``file``, ``$ENVSYNC_FILE``, the nearest ``envs.toml``, or the user's own. A file that was named is returned
    whether or not it is there; reading it says what is wrong. One that was ``FOUND`` may be a stranger's: see
    :mod:`envsync.observe.trust`. Raises ManifestError when none was named and none is found.
    """
    if file is not None:
        return _named(file, "--file"), NAMED
    if named := os.environ.get(VARIABLE):
        return _named(named, f"${VARIABLE}"), SET
    here, own = _here(), _of_user()
    if here is not None and (found := upwards(here)) is not None:
        return found, OWN if found == own else FOUND
    # A dangling link counts: what is wrong with it is told when it is opened.
    if os.path.lexists(own):
        return own, OWN
    around = f"{here} and the directories above it" if here is not None else "the current directory, which is gone"
    raise _missing(
        f"no manifest: looked for {NAME} in {around}, and for {own}",
        "Write one: envsync init; or name another with --file or $ENVSYNC_FILE",
    )


def demanded(origin: str, *, as_trusted: bool) -> int:
    """Return the trust that a manifest needs, as a :class:`envsync.observe.trust.TrustLevel`.

    With ``as_trusted`` one that was named needs it too; what the user's own settings name never does.
    """
    if origin == FOUND or (origin == NAMED and as_trusted):
        return _UNCHANGED if as_trusted else _TRUSTED
    return _UNTRUSTED


def _named(text: str, by: str) -> str:
    if not text:
        raise _missing(f"{by} is empty; it names the manifest", "")
    if "\0" in text:
        raise _missing(f"{by} has a NUL character in it; no file can have that name", "")
    if text.startswith("/"):
        return absolute(text, "/")
    here = _here()
    if here is None:
        raise _missing(f"{by} is a relative path, and the current directory is gone", "name the manifest absolutely")
    return absolute(text, here)


def _here() -> str | None:
    try:
        return current_directory()
    except OSError:
        return None


def upwards(directory: str) -> str | None:
    """Return the nearest manifest in ``directory`` or, as text, one of its parents."""
    while True:
        path = f"{directory.rstrip('/')}/{NAME}"
        if os.path.lexists(path):
            return path
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _of_user() -> str:
    return absolute(f"{config_directory()}/{NAME}", "/")


def _missing(message: str, hint: str) -> "ManifestError":
    from envsync.model.problems import ManifestError, Problem  # noqa: PLC0415 - only where something is wrong

    printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    return ManifestError((Problem("manifest-missing", printable, hint),))
