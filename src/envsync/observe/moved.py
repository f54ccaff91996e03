"""Observe whether an environment has to wait, and where a project is that was renamed: by what its environment says."""

import os
from collections.abc import Container, Iterator

from envsync.formats import activation
from envsync.formats.pyvenv_cfg import parse
from envsync.model import desired
from envsync.model.links import Chain, EndKind
from envsync.observe.files import read_text

_MOST = 1000
"""Directories that are looked at beside a missing one."""


def awaited(environment: desired.Environment, path: Chain) -> str | None:
    """Return the directory to wait for, if missing; what is in its place, or closes the way to it, is a conflict."""
    directory = environment.wait_for
    if not directory or os.path.isdir(directory):
        return None
    is_around = environment.path.startswith(f"{directory.rstrip('/')}/")
    return None if is_around and path.kind in {EndKind.LOOP, EndKind.UNREADABLE} else directory


class MovedProjects:
    """Looks beside missing directories, for all environments of a manifest; in each place once."""

    def __init__(self, manifest: str, declared: Container[str]) -> None:
        """Take the manifest's file and the places that it declares: what is at one of them has not moved."""
        self._manifest = manifest
        self._declared = declared
        self._known: dict[tuple[str, str], dict[str, str]] = {}

    def find(self, environment: desired.Environment, missing: str) -> str | None:
        """Return what the directory ``missing``, which held an environment, may be called now.

        Only the siblings of the highest directory that is missing are looked at, each at one place.
        """
        if not environment.path.startswith(f"{missing}/"):
            return None
        top = missing
        while not os.path.isdir(parent := os.path.dirname(top)):
            top = parent
        inside = environment.path[len(top) :]
        key = (parent, inside)
        if key not in self._known:
            self._known[key] = dict(self._marks(parent, inside))
        found = self._known[key].get(environment.path)
        return None if found is None else found + missing[len(top) :]

    def _marks(self, parent: str, inside: str) -> Iterator[tuple[str, str]]:
        """Yield the path that each environment was made for, with the sibling that holds it; the last name first."""
        try:
            with os.scandir(parent) as entries:
                siblings = [entry.path for _, entry in zip(range(_MOST), entries, strict=False)]
        except OSError:
            return
        for sibling in sorted(siblings, reverse=True):
            if f"{sibling}{inside}" in self._declared or os.path.islink(sibling):
                continue
            settings = dict(parse(read_text(f"{sibling}{inside}/pyvenv.cfg")))
            if settings and settings.get("envsync-manifest", self._manifest) == self._manifest:
                yield settings.get("envsync-path") or _activated(f"{sibling}{inside}"), sibling


def _activated(environment: str) -> str:
    """Return the directory that an environment's ``activate`` names: what other tools made has no other mark."""
    return activation.read("activate", read_text(f"{environment}/bin/activate"), environment).named
