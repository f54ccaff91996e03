"""The conflicts between environments: one place for two, or one inside another. Pure."""

from collections.abc import Callable, Iterator, Mapping

from envsync.model import desired
from envsync.model.plan import Conflict


def conflicts_between(
    environments: tuple[desired.Environment, ...],
    ends: Mapping[str, str],
    places: Mapping[str, tuple[str, ...]],
    name_of: Callable[[str], str] = str,
    is_untouchable: Callable[[str], bool] = lambda _: False,
) -> dict[str, tuple[Conflict, ...]]:
    """List by name the conflicts between environments: one end or one place for two, or one inside another.

    ``ends`` holds each environment's real directory by its name, ``places`` where its path, aliases and exposed
    commands really are; ``name_of`` gives two names of one place the same name. Where an end ``is_untouchable``, it is
    in conflict by itself: nothing will be done there that those inside would suffer from.
    """
    found: dict[str, list[Conflict]] = {environment.name: [] for environment in environments}
    for name, holder, place in _sharing(environments, ends, places, name_of):
        found[name].append(_shared(place, holder))
        found[holder].append(_shared(place, name))
    owners = {name_of(end): name for name, end in ends.items()}
    for environment in environments:
        name = environment.name
        for place in dict.fromkeys((ends[name], *places[name], environment.path)):
            for outer in _parents(name_of(place)):
                owner = owners.get(outer)
                if owner is not None and not is_untouchable(ends[owner]):
                    found[name].append(_nested(place, "lies inside", owner, ends[owner]))
                    if owner != name:
                        found[owner].append(_nested(ends[owner], "holds", name, place))
    return {name: tuple(dict.fromkeys(conflicts)) for name, conflicts in found.items()}


def _sharing(
    environments: tuple[desired.Environment, ...],
    ends: Mapping[str, str],
    places: Mapping[str, tuple[str, ...]],
    name_of: Callable[[str], str],
) -> Iterator[tuple[str, str, str]]:
    """Yield an environment, another that has one of its places, and that place."""
    holders: dict[str, str] = {}
    for one in environments:
        own = places[one.name][: 1 + len(one.aliases)]
        for place in dict.fromkeys((ends[one.name], *own, one.path, *one.aliases)):
            holder = holders.setdefault(name_of(place), one.name)
            if holder != one.name:
                yield one.name, holder, place
    # A command that two expose is the first one's; none may stand where an environment does.
    for one in environments:
        for place in places[one.name][1 + len(one.aliases) :]:
            holder = holders.get(name_of(place), one.name)
            if holder != one.name:
                yield one.name, holder, place


def _parents(place: str) -> Iterator[str]:
    parent = place.rpartition("/")[0]
    while parent:
        yield parent
        parent = parent.rpartition("/")[0]


def _shared(place: str, other: str) -> Conflict:
    hint = "Give each environment a place of its own; for a second way to the same one, use `aliases`."
    return Conflict("path-shared", f"{place} belongs to the environment {other} as well", hint)


def _nested(place: str, verb: str, other: str, others_place: str) -> Conflict:
    hint = "Move one of them: rebuilding the outer one would take the inner one along."
    return Conflict("path-nested", f"{place} {verb} the environment {other} at {others_place}", hint)
