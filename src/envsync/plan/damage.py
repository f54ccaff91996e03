"""Decide what to do about packages whose files are not what was installed. Pure."""

from collections.abc import Iterable, Iterator

from envsync.observed import Damage, World
from envsync.plan.actions import Conflict

__all__ = ["damage_message", "damaged_packages", "irreparable", "reinstall_message", "uncheckable"]

_SHOWN = 3


def damaged_packages(world: World) -> tuple[Damage, ...]:
    """List what was found damaged, where it was looked for."""
    found = world.stock.damage if world.stock is not None else None
    return tuple(one for one in found or () if one.spoilt or one.leftovers)


def damage_message(one: Damage) -> str:
    """Say what is wrong with a package, in a line."""
    parts = []
    if one.missing:
        parts.append(f"{_files(one.missing)} gone")
    if one.changed:
        parts.append(f"{f'{len(one.changed)} {_be(one.changed)}' if parts else _files(one.changed)} changed")
    named = (*one.missing, *one.changed)
    if named:
        parts[-1] += f" ({_some(named)})"
    if one.unchecked:
        parts.append(f"cannot be checked: {one.unchecked}")
    if one.leftovers:
        parts.append(f"an interrupted installation left {_some([_name(place) for place in one.leftovers])}")
    return f"{_title(one)}: {', '.join(parts)}"


def reinstall_message(damaged: tuple[Damage, ...]) -> str:
    """Say what is to be done about packages."""
    spoilt = [_title(one) for one in damaged if one.spoilt]
    if spoilt:
        return f"reinstall {_some(spoilt)}"
    return f"clear away {_some([_name(place) for one in damaged for place in one.leftovers])}"


def irreparable(damaged: tuple[Damage, ...]) -> Iterator[Conflict]:
    """Say which packages are not to be installed again, and why."""
    links = list(dict.fromkeys(link for one in damaged for link in one.links))
    if links:
        message = f"putting damaged packages right would replace your symlinks: {_some(links)}"
        yield Conflict("linked-inside", message, "Move them out of the environment, or remove them, then apply again.")
    for one in damaged:
        if one.spoilt and not one.known:
            hint = "Install it again by hand, or remove its metadata folder, then apply again."
            message = f"{damage_message(one)}; and nothing tells which version it was and where it came from"
            yield Conflict("origin-unknown", message, hint)


def uncheckable(world: World) -> Iterator[str]:
    """Tell which packages nobody can check, though nothing may be wrong with them."""
    found = world.stock.damage if world.stock is not None else None
    legacy = [f"{_title(one)}, since {one.unchecked}" for one in found or () if one.package.legacy]
    if legacy:
        yield f"cannot be checked: {_some(legacy)}"


def _title(one: Damage) -> str:
    return f"{one.package.name} {one.package.version}".strip() or _name(one.metadata)


def _name(place: str) -> str:
    return place.rpartition("/")[2]


def _files(names: tuple[str, ...]) -> str:
    return f"{len(names)} {'file' if len(names) == 1 else 'files'} {_be(names)}"


def _be(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"


def _some(names: Iterable[str]) -> str:
    listed = [*names]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return f"{', '.join(listed[:_SHOWN])}{more}"
