"""Paths made absolute as text: no link is resolved, none is stepped over.

Nothing but ``os`` is imported here; this is on the way of every command.
"""

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["absolute", "current_folder"]


def absolute(text: str, folder: str, saw: "Callable[[str], None] | None" = None) -> str:
    """``text``, relative to the absolute ``folder``, without ``//``, ``/./`` and needless ``..``.

    A ``..`` stays where the component before it is a symlink: the kernel goes to the
    parent of what the link leads to. ``saw`` is told each path that was asked.
    """
    parts: list[str] = []
    for part in (text if text.startswith("/") else f"{folder}/{text}").split("/"):
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


def current_folder() -> str:
    """Return the current folder as the user sees it: ``$PWD`` where that is true, else as the kernel has it.

    Raises OSError when the current folder is gone.
    """
    seen = os.environ.get("PWD", "")
    if seen.startswith("/") and not {".", ".."} & set(seen.split("/")):
        try:
            if os.path.samefile(seen, "."):
                return absolute(seen, "/")
        except (OSError, ValueError):
            pass
    return os.getcwd()
