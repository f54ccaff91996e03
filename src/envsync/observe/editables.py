"""Find editable installs whose directory is gone: what they install cannot be imported."""

import os
from collections.abc import Iterable, Iterator

from envsync.observe.chain import walk
from envsync.observe.read import read_text
from envsync.observed import LostEditable

__all__ = ["Editables"]

_NOT_EDITABLE = frozenset({"_virtualenv.pth", "distutils-precedence.pth"})
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg")


class Editables:
    """The editable installs of an environment, by their ``direct_url.json`` (PEP 610) or ``.egg-link``."""

    def __init__(self, sites: Iterable[str]) -> None:
        """Take the ``site-packages`` directories, absolute. Raises ``OSError``."""
        self._found = dict(found for site in sites for found in _editables(site))
        self.evidence = tuple(place for found in self._found.values() for place in _evidence(*found))
        """Paths on which the verdict rests."""

    def lost(self, path: str) -> tuple[LostEditable, ...]:
        """Return those whose directory is missing, for an environment at ``path``."""
        project = os.path.dirname(path)
        now = project if any(os.path.isfile(f"{project}/{name}") for name in _PROJECT) else None
        return tuple(
            LostEditable(name, directory, now)
            for name, (directory, _) in self._found.items()
            if not os.path.isdir(directory)
        )


def _evidence(directory: str, file: str) -> Iterator[str]:
    """Yield what shows that a directory is still there: not itself, which changes with every file of the project."""
    chain = walk(directory)
    yield from (file, *(hop.link for hop in chain.hops), os.path.dirname(chain.end))


def _editables(site: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each distribution's name, with its directory and the file that tells it."""
    names = sorted(os.listdir(site))
    for name in names:
        if name.endswith(".egg-link"):
            yield name.removesuffix(".egg-link"), (read_text(f"{site}/{name}").partition("\n")[0], f"{site}/{name}")
    # Such an install has a file that extends the path, or finds modules; without one, nothing need be opened.
    if all(name in _NOT_EDITABLE or not name.endswith(".pth") for name in names):
        return
    from envsync.observe.distribution import read_origin  # noqa: PLC0415  # it costs as much as the rest of a pass

    for name in names:
        file = f"{site}/{name}/direct_url.json"
        if name.endswith(".dist-info") and os.path.isfile(file):
            try:
                origin = read_origin(read_text(file))
            except ValueError:
                continue
            if origin is not None and origin.editable:
                yield name.partition("-")[0].replace("_", "-").lower(), (origin.requirement, file)
