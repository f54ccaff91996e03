"""Which installed packages were asked for, and which nothing declares. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator

from envsync.formats.dependency_specifiers import canonical_name, read_requirement
from envsync.formats.installers import INSTALLERS
from envsync.model.packages import SEEDS, Distribution

_EXTRA = re.compile(r"""\bextra *== *["']([^"']+)["']""")
"""Such as ``extra == "test"`` in a marker."""
_SHOWN = 5

Want = tuple[str, frozenset[str]]
"""A normalized name, with extras."""


def asked_for(distributions: Iterable[Distribution]) -> list[Distribution]:
    """Return what was asked for by name: by ``REQUESTED`` (PEP 376), else what no other distribution requires.

    What builders seed is left out, unless it came from elsewhere than an index.
    """
    held = sorted(_unseeded(distributions), key=_name)
    required = {name for by, name in _requirements([one.name for one in held], held) if by != name}
    if any(_is_marked(one) for one in held):
        others = [one for one in held if one.requested and one.name not in required]
        return sorted({one.name: one for one in (*others, *filter(_is_marked, held))}.values(), key=_name)
    first = [one for one in held if one.name not in required]
    for one in held:  # of those that require each other in a circle, one
        if one.name not in _covered(map(_name, first), held):
            first.append(one)
    return sorted(first, key=_name)


def undeclared(distributions: Collection[Distribution], declared: Iterable[str]) -> tuple[str, ...]:
    """Return the names of what comes with none of the packages ``declared``; first what was asked for by name.

    Extras of the declared do not count, and markers other than of extras always hold.
    """
    covered = _covered(declared, distributions)
    asked = {one.name for one in asked_for(distributions)}
    names = {one.name for one in _unseeded(distributions)} - covered
    return tuple(sorted(names, key=lambda name: (name not in asked, name)))


def undeclared_line(names: Collection[str]) -> str:
    """Return the sentence for packages that nothing declares."""
    listed = ", ".join([*names][:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} {'package' if len(names) == 1 else 'packages'} that nothing declares: {listed}{more}"


def _unseeded(distributions: Iterable[Distribution]) -> list[Distribution]:
    return [one for one in distributions if one.name not in SEEDS or one.origin is not None]


def _name(one: Distribution) -> str:
    return one.name


def _is_marked(one: Distribution) -> bool:
    """Check whether a distribution is marked as asked for, by an installer that does not mark all."""
    installer = INSTALLERS.get(one.installer)
    return one.requested and not one.legacy and not (installer is not None and installer.marks_all)


def _covered(names: Iterable[str], distributions: Iterable[Distribution]) -> set[str]:
    """Return some names, with those of all that they require."""
    first = [*names]
    return {*first, *(name for _, name in _requirements(first, distributions))}


def _requirements(names: Iterable[str], distributions: Iterable[Distribution]) -> Iterator[tuple[str, str]]:
    """Return each distribution among ``names``, and among what they require, with each that it requires."""
    held = {one.name: one for one in distributions}
    pending: list[Want] = [(name, frozenset()) for name in names]
    seen: set[Want] = set()
    while pending:
        want = pending.pop()
        if want in seen or want[0] not in held:
            continue
        seen.add(want)
        for need in _needs(held[want[0]], want[1]):
            yield want[0], need[0]
            pending.append(need)


def _needs(one: Distribution, extras: frozenset[str]) -> Iterator[Want]:
    for line in one.requires:
        requirement = read_requirement(line)
        if requirement is None:
            continue  # in somebody's old metadata: no installer reads it either
        of_extras = {canonical_name(extra) for extra in _EXTRA.findall(str(requirement.marker or ""))}
        if not of_extras or of_extras & extras:
            yield canonical_name(requirement.name), frozenset(map(canonical_name, requirement.extras))
