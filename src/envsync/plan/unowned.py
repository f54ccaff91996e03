"""Decide what becomes of a user's unowned files and symlinks where a directory is exchanged. Pure."""

import shlex
from collections.abc import Iterable, Iterator

from envsync.model.environment import Environment, is_removed, is_stray, library_name
from envsync.model.packages import Stock
from envsync.model.plan import Action, Conflict, Install, Repair
from envsync.model.world import Folder, World

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


_COPIED = frozenset({"share", "etc", "include"})
_LIBRARIES = ("python", "pypy", "graalpy")
_INSIDE = frozenset({"bin", "include", "lib", "lib64", "share", "etc", "local"})
"""Folders at the top in which unowned files do not keep the environment from being exchanged."""
_SHOWN = 8
_OWN_FOLDERS = frozenset({".venv", "venv", ".env", "env"})
"""Names of folders that are environments and no projects."""


def unowned_at_top(end: str, stock: Stock | None) -> tuple[str, ...]:
    """Return the user's files at the top of the environment ``end``, as far as they were looked for."""
    return tuple(
        one
        for one in _loose(stock)
        if one.partition("/")[0] not in _INSIDE and not is_stray(one) and one not in _checkouts(end, stock)
    )


def unlooked(world: World) -> bool:
    """Check whether there may be such files that nobody has looked for yet."""
    found, stock = world.folder.environment, world.stock
    return bool(found is not None and found.contents.others and (stock is None or stock.loose is None))


def conflicts_of_mounts(world: World) -> tuple[Conflict, ...]:
    """Refuse to exchange a directory in which something else is mounted: the mount would be carried away."""
    if not world.folder.mounts:
        return ()
    message = f"something is mounted in it: {', '.join(world.folder.mounts)}"
    unmounting = tuple(("umount", mount) for mount in world.folder.mounts)
    return (Conflict("mounted-inside", message, "Unmount it, then apply again.", unmounting),)


def conflicts_at_top(end: str, stock: Stock | None) -> tuple[Conflict, ...]:
    """Refuse to exchange an environment's folder for another where that would take files of the user's along."""
    mine = unowned_at_top(end, stock)
    if not mine:
        return ()
    message = f"{end} holds files of yours beside the environment: {listed(mine)}"
    hint = "Move your files elsewhere, then apply again."
    if end.rpartition("/")[2] not in _OWN_FOLDERS:
        hint = (
            f"Give the environment a folder of its own, such as {end}/.venv: declare that as `path` and apply; then "
            f"remove bin, include, lib and pyvenv.cfg here. Or: {hint.lower()[0]}{hint[1:]}"
        )
    return (Conflict("unowned-files", message, hint),)


def conflicts_of_copying(world: World) -> tuple[Conflict, ...]:
    """Refuse to exchange a directory for a copy of it in which everything is, where people work in that directory.

    That is a project that is its own environment: shells and editors would stay in the former one.
    """
    if world.path.is_link or world.folder.chain.end.rpartition("/")[2] in _OWN_FOLDERS:
        return ()
    return conflicts_at_top(world.folder.chain.end, world.stock)


def losses(found: Environment, world: World) -> tuple[Conflict, ...]:
    """Refuse a rebuild that would lose what no installer brings back."""
    mounted = conflicts_of_mounts(world)
    if mounted:
        return mounted
    loose = world.stock.loose if world.stock is not None else None
    links = [link for link in found.contents.links if loose is None or link in loose]
    at_top = conflicts_at_top(world.folder.chain.end, world.stock)
    if not links:
        return at_top
    message = f"a rebuild would lose your symlinks in {world.folder.chain.end}: {', '.join(links)}"
    if ways(found):  # without those links, the packages behind them would not come back
        return (Conflict("linked-inside", message, *put_in_place(world.folder.chain.end, ways(found))), *at_top)
    hint = "Move them out of the environment, or remove them, then apply again."
    return (Conflict("linked-inside", message, hint), *at_top)


def foreign_pythons(found: Environment, end: str, names: Iterable[str] | None = None) -> Iterator[Conflict]:
    """Refuse to replace a program of the user's that has an interpreter's name, of all or of some ``names``."""
    wanted = None if names is None else {*names}
    mine = [one.name for one in found.pythons if one.own and (wanted is None or one.name in wanted)]
    if mine:
        what = "is a program of yours" if len(mine) == 1 else "are programs of yours"
        message = f"{listed([f'bin/{name}' for name in mine])} in {end} {what}, not the interpreter or a copy of it"
        moves = tuple(("mv", f"{end}/bin/{name}", f"{end}/bin/{name}.orig") for name in mine)
        hint = f"Keep it by another name, then apply again: {' && '.join(map(shlex.join, moves))}"
        yield Conflict("unowned-files", message, hint, moves)


def brought_along(end: str, stock: Stock | None) -> tuple[str, ...]:
    """Return what is copied from the environment ``end`` into the one that replaces it, relative."""
    loose = (one for one in _loose(stock) if not is_removed(one.rpartition("/")[2]))
    return tuple(one for one in loose if _is_copied(one) or one in _checkouts(end, stock))


def listed(names: Iterable[str]) -> str:
    """Name files, some of them where they are many."""
    shown = [*names]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return f"{', '.join(shown[:_SHOWN])}{more}"


def _is_copied(relative: str) -> bool:
    top, _, rest = relative.partition("/")
    if top == "lib":  # beside the libraries, which are of one Python
        return bool(rest) and not rest.startswith(_LIBRARIES)
    return top in _COPIED or is_stray(relative)


def _checkouts(end: str, stock: Stock | None) -> set[str]:
    """Return the folders that an installer fetched for editable installs, relative: ``src/NAME``."""
    origins = [one.origin for one in stock.distributions if one.origin is not None] if stock is not None else []
    places = (one.requirement.removeprefix(f"{end}/") for one in origins if one.editable)
    return {place for place in places if place.startswith("src/")}


def _loose(stock: Stock | None) -> tuple[str, ...]:
    return stock.loose or () if stock is not None else ()
