"""Where no environment may be, whatever a manifest says."""

import os

_REPOSITORIES = (".git", ".hg", ".svn", ".jj")


def unsafe_place(end: str, manifest: str) -> str:
    """Return why no environment should be kept in this directory, empty if it may."""
    if end == "/":
        return "it is the root of the file system"
    home = os.path.realpath(os.path.expanduser("~"))
    if _contains(end, home):
        return f"it is the home directory {home}, or holds it"
    if _contains(end, os.path.realpath(manifest)) or _contains(end, os.path.realpath(os.path.dirname(manifest))):
        return f"it holds the manifest {manifest}"
    held = next((name for name in _REPOSITORIES if os.path.lexists(f"{end}/{name}")), None)
    return f"it is the root of a repository ({held})" if held else ""


def _contains(directory: str, place: str) -> bool:
    return place == directory or place.startswith(f"{directory.rstrip('/')}/")
