"""The links that a manifest declares, in the form in which one link is looked up."""

import os
from collections.abc import Callable

from envsync.model.desired import Manifest


class DeclaredLinks:
    """The links that a manifest declares, each named by a function of its path.

    There may be thousands: one instance serves all observers of a manifest.
    """

    def __init__(self, manifest: Manifest, named: Callable[[str], str] = str) -> None:
        """Take the manifest, and how to name a path: as it is written, or by what is there now."""
        self.manifest = manifest
        self._named = named
        self.paths = {named(place) for one in manifest.environments for place in (one.path, one.target) if place}
        """Where environments are: what ``path`` and ``target`` say."""
        self.first_exposing: dict[str, str] = {}
        """Which environment exposes a command by a link: the first of the manifest."""
        self._links: set[tuple[str, str]] = set()
        self._all: dict[tuple[str, str], set[str]] = {}
        for one in manifest.environments:
            self._links |= {(named(alias), named(one.path)) for alias in one.aliases}
            for each in one.expose:
                self.first_exposing.setdefault(each.link, one.name)
                if each.stands_for_all:
                    self._all[os.path.dirname(named(each.link)), one.path] = {other.command for other in one.expose}
                self._links.add((named(each.link), f"{one.path}/bin/{each.command}"))

    def has(self, link: str, text: str) -> bool:
        """Check whether a link with this text is declared, or one at an environment's place."""
        place = self._named(link)
        is_one = not self._links.isdisjoint({(place, text), (place, self._named(text))})
        return is_one or place in self.paths or self._is_one_of_all(place, text)

    def _is_one_of_all(self, link: str, text: str) -> bool:
        """Check whether ``*`` stands for a link: to a command that is there, or of an environment that is not."""
        place, _, command = text.rpartition("/bin/")
        named = self._all.get((os.path.dirname(link), place))
        return (
            named is not None and command not in named and (os.path.lexists(text) or not os.path.isdir(f"{place}/bin"))
        )
