"""Observe the further links to an environment: its aliases, and its exposed commands."""

import os
from collections.abc import Container, Iterable, Iterator

from envsync.formats.shebang import is_python_name, launched
from envsync.model import desired
from envsync.model.links import Chain, EndKind
from envsync.model.world import Directory, SideLink
from envsync.observe.directory import read_redirect
from envsync.observe.files import read_text
from envsync.observe.links import walk


def read_alias(alias: str, path: str, there: list[Chain]) -> SideLink:
    """Return what is at an alias of the environment at ``path``; ``there`` are the chains that lead to it."""
    chain = walk(alias)
    leads_there = chain.is_link and any(map(chain.meets, there)) and chain.kind in {EndKind.DIRECTORY, EndKind.MISSING}
    redirect = read_redirect(chain.end) if chain.kind is EndKind.FILE else None
    if redirect is not None:
        leads_there = any(map(walk(redirect.target).meets, there))
    # A directory made for the link would stand in the way of the worktree that is to come there.
    available = os.path.isdir(os.path.dirname(alias))
    return SideLink(alias, path, chain, leads_there, available=available, redirect=redirect)


def expanded(
    declared: Iterable[desired.Exposed], commands: Iterable[str], links: Container[str]
) -> Iterator[desired.Exposed]:
    """Yield what is exposed, with each of ``commands`` in the place of ``*``, except those that are exposed by name.

    ``links`` are those that any environment names itself: they are for what it names.
    """
    named = [one for one in declared if not one.stands_for_all]
    yield from named
    for every in (one for one in declared if one.stands_for_all):
        known = {one.command for one in named}
        found = (
            desired.Exposed(name, f"{os.path.dirname(every.link)}/{name}") for name in commands if name not in known
        )
        yield from (one for one in found if one.link not in links)
        return


def read_exposed(one: desired.Exposed, environment: desired.Environment, directory: Directory, holder: str) -> SideLink:
    """Return what is in ``bin-dir`` for a command of an environment; ``holder`` is the first that exposes its name."""
    path, held_by = environment.path, "" if holder == environment.name else holder
    chain = walk(one.link)
    text = f"{path}/bin/{one.command}"
    leads_there = chain.is_link and any(hop.link_text == text for hop in chain.hops)
    command = f"{directory.chain.end}/bin/{one.command}"
    is_launcher = is_python_name(one.command) or is_python_name(os.path.basename(_link_text(command)))
    if is_launcher and chain.kind is EndKind.FILE and not chain.is_link:
        leads_there = launched(read_text(one.link)) == text
    available = os.path.lexists(command)
    return SideLink(one.link, text, chain, leads_there, available, held_by=held_by, is_launcher=is_launcher)


def _link_text(place: str) -> str:
    """Return what a symlink holds; for anything else a text that is no name."""
    return os.readlink(place) if os.path.islink(place) else "."
