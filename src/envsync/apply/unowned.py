"""See to a user's unowned files where one environment takes the place of another."""

import contextlib
import os
from collections.abc import Iterable

from envsync.areas import BUILT
from envsync.observe.libraries import find_libraries
from envsync.observe.loose import find_loose, left_behind
from envsync.observe.stock import read_stock
from envsync.observed import SEEDS
from envsync.plan.actions import Rebuild
from envsync.write.area import read_area, remark
from envsync.write.files import set_inner_link
from envsync.write.flush import flush
from envsync.write.handles import Root
from envsync.write.tree import bring_along

__all__ = ["bring_unowned", "holds_more", "mark_former", "release_repeated"]


def bring_unowned(area: str, action: Rebuild) -> None:
    """Give the new environment in a staging area what is the user's and has a place in it. Raises ``OSError``.

    That is unowned files, and further names of the interpreter. What the new one has stays as it is.
    """
    blueprint, new = action.blueprint, Root(f"{area}/{BUILT}")
    for alias in action.aliases:
        if not os.path.lexists(f"{new.path}/bin/{alias}"):
            set_inner_link(new, f"bin/{alias}", "python")
    fetched = [one for one in action.bring if one.startswith("src/") and os.path.lexists(f"{new.path}/{one}")]
    bring = [one for one in action.bring if one not in fetched]
    bring_along(Root(blueprint.end, blueprint.identity), new, bring)
    if action.aliases or bring:
        flush([area])


def holds_more(former: str, action: Rebuild) -> bool:
    """Check once more, now that nothing can come to it, whether a former environment holds more than the new one."""
    try:
        libraries = find_libraries(former)
        stock = read_stock(former, libraries, loose=True)
    except OSError:
        return True
    loose = left_behind(former, action.blueprint.end, stock.loose or ())
    return bool(loose or stock.broken or {one.name for one in stock.distributions} - {*action.known} - SEEDS)


def release_repeated(generations: Iterable[str], newer: str) -> int:
    """Let generations go of which a ``newer`` one holds everything; return how many stay since they hold more.

    An interpreter link that flips to and fro would else keep the same files time and again.
    """
    staying = 0
    for generation in generations:
        marker = read_area(generation)
        if marker is None or not marker.loose:
            continue
        if _adds_nothing(f"{generation}/{BUILT}", f"{newer}/{BUILT}"):
            with contextlib.suppress(OSError):
                remark(generation, loose=False)
        else:
            staying += 1
    return staying


def _adds_nothing(older: str, newer: str) -> bool:
    try:
        stock = read_stock(older, find_libraries(older), loose=True)
        there = read_stock(newer, find_libraries(newer)).versions()
        more = left_behind(older, newer, stock.loose or ())
    except OSError:
        return False
    packages = stock.versions().items()
    return not (more or stock.broken) and all(name in SEEDS or there.get(name) == one for name, one in packages)


def mark_former(area: str, end: str) -> None:
    """Note on a generation that was exchanged for the environment at ``end`` whether it holds files of the user's."""
    former = f"{area}/{BUILT}"
    try:
        loose = bool(left_behind(former, end, find_loose(former, find_libraries(former))))
    except OSError:
        loose = True
    remark(area, loose=loose)
