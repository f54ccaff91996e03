"""Where no environment may be, whatever a manifest says."""

import os
from functools import cached_property

_REPOSITORIES = (".git", ".hg", ".svn", ".jj")


class UnsafePlaces:
    """The directories in which there is more than an environment, as they are in one pass."""

    def __init__(self, manifest: str) -> None:
        """Take the path of the manifest."""
        self._manifest = manifest

    @cached_property
    def _home(self) -> str:
        return os.path.realpath(os.path.expanduser("~"))

    @cached_property
    def _manifests(self) -> tuple[str, str]:
        """The manifest itself, and where its link is."""
        return os.path.realpath(self._manifest), os.path.realpath(os.path.dirname(self._manifest))

    def why(self, end: str) -> str:
        """Return why no environment should be kept in this directory, empty if it may."""
        if end == "/":
            return "it is the root of the file system"
        if _contains(end, self._home):
            return f"it is the home directory {self._home}, or holds it"
        if any(_contains(end, place) for place in self._manifests):
            return f"it holds the manifest {self._manifest}"
        held = next((name for name in _REPOSITORIES if os.path.lexists(f"{end}/{name}")), None)
        return f"it is the root of a repository ({held})" if held else ""


def _contains(directory: str, place: str) -> bool:
    return place == directory or place.startswith(f"{directory.rstrip('/')}/")
