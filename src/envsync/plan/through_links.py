"""Find what would have to be written through a user's own symlinks inside an environment. Pure."""

import shlex
from collections.abc import Iterable, Iterator

from envsync.observed import Environment, Folder, library_name
from envsync.plan.actions import Action, Conflict, Install, Repair

__all__ = ["no_scripts", "put_in_place", "through_links", "ways"]

Commands = tuple[tuple[str, ...], ...]


def through_links(folder: Folder, actions: Iterable[Action]) -> Iterator[Conflict]:
    """Refuse actions that would write through a symlink: what it leads to is not this environment's alone."""
    found, end = folder.environment, folder.chain.end
    if found is None:
        return
    written = {directory for action in actions for directory in _written(action, found)}
    links = [link for link in found.contents.links if link in written]
    if links:
        hint, remedy = put_in_place(end, links)
        message = f"envsync does not write through your symlinks in {end}: {', '.join(links)}"
        yield Conflict("linked-inside", message, hint, remedy)


def no_scripts(folder: Folder) -> Iterator[Conflict]:
    """Refuse to take an environment for sound whose ``bin/activate`` is no file: no shell could activate it."""
    if folder.environment is not None and folder.environment.activate_is:
        place = f"{folder.chain.end}/bin/activate"
        remedy: Commands = (("mv", place, f"{place}.orig"),)
        hint = f"Put it aside, then apply again: {shlex.join(remedy[0])}"
        yield Conflict("linked-inside", f"{place} is {folder.environment.activate_is}", hint, remedy)


def ways(found: Environment) -> tuple[str, ...]:
    """List the user's symlinks in an environment behind which its packages lie."""
    return tuple(link for link in found.contents.links if found.libraries and link in _to_packages(found))


def put_in_place(end: str, links: Iterable[str]) -> tuple[str, Commands]:
    """Return the hint, with its commands, that puts the directories that links lead to in the place of the links."""
    remedy: Commands = ()
    for place in (f"{end}/{link}" for link in links):
        remedy += (("cp", "-a", f"{place}/.", f"{place}.new"), ("rm", place), ("mv", f"{place}.new", place))
    return f"Put what they lead to in their place: {' && '.join(map(shlex.join, remedy))}", remedy


def _written(action: Action, found: Environment) -> set[str]:
    match action:
        case Repair():
            in_bin = {"bin"} if action.scripts or action.regenerate else set()
            return in_bin | {relative.rpartition("/")[0] for relative, _ in action.links}
        case Install():
            return {"bin"} | _to_packages(found)
        case _:
            return set()


def _to_packages(found: Environment) -> set[str]:
    """Give the directories behind which packages are, and those that are called as if they were."""
    named = [link.removesuffix("/site-packages") for link in found.contents.links]
    libraries = {*found.libraries, *(one for one in named if library_name(one))}
    return {"lib", "lib64", *libraries, *(f"{library}/site-packages" for library in libraries)}
