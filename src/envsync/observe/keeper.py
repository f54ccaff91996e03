"""Tell by its path who keeps an interpreter, and whether that path survives a patch upgrade."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from envsync.observe.discover import keepers, tree_named

__all__ = ["Keeper", "keeper_of", "keepers_here"]

_PATCH = re.compile(r"\d+\.\d+\.\d+")
_SYSTEM = ("/usr/bin/", "/bin/", "/usr/libexec/", "/usr/lib/")


@dataclass(frozen=True, slots=True)
class Keeper:
    """Who keeps an interpreter, as far as a path tells."""

    tool: str
    """``pyenv``, ``mise``, ``asdf``, ``uv``, ``Homebrew``, ``python.org``, or ``the system``."""
    stable: bool
    """Whether the path names no patch release, and so survives an upgrade to the next one."""
    version: str = ""
    """Of the install tree, where it is one of CPython's: ``3.12.1``, ``3.12``."""


def keeper_of(path: str) -> Keeper | None:
    """Give who keeps what is at ``path``, or on the way to it; ``None`` where the path does not tell."""
    for tool, root in _roots():
        if path.startswith(f"{root}/"):
            inner = path.removeprefix(f"{root}/")
            top = inner.partition("/")[0]
            tree = tree_named(top, f"{root}/{top}")
            if tree is not None:
                plain = tree.implementation == "cpython" and tree.final and not tree.free_threaded and not tree.loose
                version = ".".join(map(str, tree.version)) if plain else ""
                return Keeper(tool, _PATCH.search(inner) is None, version)
    if path.startswith(_SYSTEM):
        return Keeper("the system", _PATCH.search(path) is None)
    return None


def keepers_here() -> tuple[str, ...]:
    """Name the tools that keep interpreters on this machine."""
    return tuple(dict.fromkeys(tool for tool, root in keepers() if tool != "Homebrew" and os.path.isdir(root)))


def _roots() -> Iterator[tuple[str, str]]:
    """Give the folders of install trees, by their own paths and by those that they lead to."""
    for tool, root in keepers():
        folders = (root, f"{os.path.dirname(root)}/Cellar") if tool == "Homebrew" else (root,)
        for folder in folders:
            yield from ((tool, place) for place in dict.fromkeys((folder, os.path.realpath(folder))))
