"""Which manifest: found by name only, never opened."""

import os

from envsync.folders import config_folder
from envsync.manifest.absolute import absolute, current_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.errors import ManifestError

__all__ = ["locate"]

NAME = "envs.toml"
VARIABLE = "ENVSYNC_FILE"


def locate(file: str | None = None) -> str:
    """Absolute path of the manifest: ``file``, ``$ENVSYNC_FILE``, the nearest ``envs.toml``, the user's own.

    A file that was named is returned whether or not it is there; reading it says what
    is wrong. Raises ManifestError when none was named and none is found.
    """
    if file is not None:
        return _named(file, "--file")
    if named := os.environ.get(VARIABLE):
        return _named(named, f"${VARIABLE}")
    here = _here()
    if here is not None and (found := _upwards(here)) is not None:
        return found
    own = _of_user()
    # A dangling link counts: what is wrong with it is told when it is opened.
    if os.path.lexists(own):
        return own
    around = f"{here} and the folders above it" if here is not None else "the current folder, which is gone"
    raise _missing(
        f"no manifest: looked for {NAME} in {around}, and for {own}",
        "Write one: envsync init; or name another with --file or $ENVSYNC_FILE",
    )


def _named(text: str, by: str) -> str:
    if not text:
        raise _missing(f"{by} is empty; it names the manifest", "")
    if "\0" in text:
        raise _missing(f"{by} has a NUL character in it; no file can have that name", "")
    if text.startswith("/"):
        return absolute(text, "/")
    here = _here()
    if here is None:
        raise _missing(f"{by} is a relative path, and the current folder is gone", "name the manifest absolutely")
    return absolute(text, here)


def _here() -> str | None:
    try:
        return current_folder()
    except OSError:
        return None


def _upwards(folder: str) -> str | None:
    """Return the nearest manifest in ``folder`` or, as text, one of its parents."""
    while True:
        path = f"{folder.rstrip('/')}/{NAME}"
        if os.path.lexists(path):
            return path
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _of_user() -> str:
    return absolute(f"{config_folder()}/{NAME}", "/")


def _missing(message: str, hint: str) -> "ManifestError":
    from envsync.errors import ManifestError, Problem  # noqa: PLC0415 - only where something is wrong

    printable = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    return ManifestError((Problem("manifest-missing", printable, hint),))
