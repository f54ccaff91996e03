"""Decide what becomes of a user's unowned files and symlinks where a directory is exchanged. Pure."""

import shlex
from collections.abc import Iterable, Iterator

from envsync.formats.shebang import is_activator
from envsync.model.environment import Environment, is_removed, is_stray_file, library_name
from envsync.model.packages import InstalledPackages
from envsync.model.plan import Action, Conflict, Install, Repair
from envsync.model.world import Directory, World

Commands = tuple[tuple[str, ...], ...]


def through_links(directory: Directory, actions: Iterable[Action]) -> Iterator[Conflict]:
    """Refuse actions that would write through a symlink: what it leads to is not this environment's alone."""
    found, end = directory.environment, directory.chain.end
    if found is None:
        return
    written = {place for action in actions for place in _written(action, found)}
    links = [link for link in found.contents.links if link in written]
    if links:
        hint, remedy = put_in_place(end, links)
        message = f"envsync does not write through your symlinks in {end}: {', '.join(links)}"
        yield Conflict("linked-inside", message, hint, remedy)


def no_scripts(directory: Directory) -> Iterator[Conflict]:
    """Refuse to take an environment for sound whose ``bin/activate`` is no file: no shell could activate it."""
    if directory.environment is not None and directory.environment.activate_is:
        place = f"{directory.chain.end}/bin/activate"
        remedy: Commands = (("mv", place, f"{place}.orig"),)
        hint = f"Put it aside, then apply again: {shlex.join(remedy[0])}"
        yield Conflict("linked-inside", f"{place} is {directory.environment.activate_is}", hint, remedy)


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
    """Return the directories behind which packages are, and those that are called as if they were."""
    named = [link.removesuffix("/site-packages") for link in found.contents.links]
    libraries = {*found.libraries, *(one for one in named if library_name(one))}
    return {"lib", "lib64", *libraries, *(f"{library}/site-packages" for library in libraries)}


_COPIED = frozenset({"share", "etc", "include"})
_LIBRARIES = ("python", "pypy", "graalpy")
_INSIDE = frozenset({"bin", "include", "lib", "lib64", "share", "etc", "local"})
"""Directories at the top in which unowned files do not keep the environment from being exchanged."""
_SHOWN = 8
_OWN_DIRECTORIES = frozenset({".venv", "venv", ".env", "env"})
"""Names of directories that are environments and no projects."""


def unowned_at_top(end: str, installed: InstalledPackages | None) -> tuple[str, ...]:
    """Return the user's files at the top of the environment ``end``, as far as they were looked for."""
    return tuple(
        one
        for one in _unowned(installed)
        if one.partition("/")[0] not in _INSIDE and not is_stray_file(one) and one not in _checkouts(end, installed)
    )


def unlooked(world: World) -> bool:
    """Check whether there may be such files that nobody has looked for yet."""
    found, installed = world.directory.environment, world.installed
    return bool(found is not None and found.contents.others and (installed is None or installed.unowned is None))


def conflicts_of_mounts(world: World) -> tuple[Conflict, ...]:
    """Refuse to exchange a directory in which something else is mounted: the mount would be carried away."""
    if not world.directory.mounts:
        return ()
    message = f"something is mounted in it: {', '.join(world.directory.mounts)}"
    unmounting = tuple(("umount", mount) for mount in world.directory.mounts)
    return (Conflict("mounted-inside", message, "Unmount it, then apply again.", unmounting),)


def conflicts_at_top(end: str, installed: InstalledPackages | None) -> tuple[Conflict, ...]:
    """Refuse to exchange an environment's directory for another where that would take files of the user's along."""
    mine = unowned_at_top(end, installed)
    if not mine:
        return ()
    message = f"{end} holds files of yours beside the environment: {listed(mine)}"
    hint = "Move your files elsewhere, then apply again."
    if end.rpartition("/")[2] not in _OWN_DIRECTORIES:
        hint = (
            f"Give the environment a directory of its own, such as {end}/.venv: declare that as `path` and apply; then "
            f"remove bin, include, lib and pyvenv.cfg here. Or: {hint.lower()[0]}{hint[1:]}"
        )
    return (Conflict("unowned-files", message, hint),)


def conflicts_of_copying(world: World) -> tuple[Conflict, ...]:
    """Refuse to exchange a directory for a copy of it in which everything is, where people work in that directory.

    That is a project that is its own environment: shells and editors would stay in the former one.
    """
    if world.path.is_link or world.directory.chain.end.rpartition("/")[2] in _OWN_DIRECTORIES:
        return ()
    return conflicts_at_top(world.directory.chain.end, world.installed)


def losses(found: Environment, world: World) -> tuple[Conflict, ...]:
    """Refuse a rebuild that would lose what no installer brings back."""
    mounted = conflicts_of_mounts(world)
    if mounted:
        return mounted
    unowned = world.installed.unowned if world.installed is not None else None
    links = [link for link in found.contents.links if unowned is None or link in unowned]
    at_top = conflicts_at_top(world.directory.chain.end, world.installed)
    if not links:
        return at_top
    message = f"a rebuild would lose your symlinks in {world.directory.chain.end}: {', '.join(links)}"
    if ways(found):  # without those links, the packages behind them would not come back
        return (Conflict("linked-inside", message, *put_in_place(world.directory.chain.end, ways(found))), *at_top)
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


def brought_along(end: str, installed: InstalledPackages | None) -> tuple[str, ...]:
    """Return what is copied from the environment ``end`` into the one that replaces it, relative."""
    unowned = (one for one in _unowned(installed) if not is_removed(one.rpartition("/")[2]))
    return tuple(one for one in unowned if _is_copied(one) or one in _checkouts(end, installed))


def listed(names: Iterable[str]) -> str:
    """Name files, some of them where they are many."""
    shown = [*names]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return f"{', '.join(shown[:_SHOWN])}{more}"


def _is_copied(relative: str) -> bool:
    top, _, rest = relative.partition("/")
    if top == "lib":  # beside the libraries, which are of one Python
        return bool(rest) and not rest.startswith(_LIBRARIES)
    if top == "bin":  # activation scripts that a repair or a rebuild has kept
        return is_activator(rest) and ".orig" in rest
    return top in _COPIED or is_stray_file(relative)


def _checkouts(end: str, installed: InstalledPackages | None) -> set[str]:
    """Return the directories that an installer fetched for editable installs, relative: ``src/NAME``."""
    origins = [one.origin for one in installed.distributions if one.origin is not None] if installed is not None else []
    places = (one.requirement.removeprefix(f"{end}/") for one in origins if one.editable)
    return {place for place in places if place.startswith("src/")}


def _unowned(installed: InstalledPackages | None) -> tuple[str, ...]:
    return installed.unowned or () if installed is not None else ()
