"""Look at the generation that an environment can go back to, and find the interpreter that it was made with."""

import os
from collections.abc import Iterator
from dataclasses import replace

from envsync.areas import BUILT, MARKER, read_marker
from envsync.observe.base import base_of
from envsync.observe.chain import walk
from envsync.observe.choose import same_version
from envsync.observe.discover import stable_twin
from envsync.observe.ends import with_ends
from envsync.observe.environment import read_environment
from envsync.observe.interpreter import Interpreters
from envsync.observe.read import read_text
from envsync.observe.stock import read_stock
from envsync.observed import Folder, Former, Interpreter, InterpreterProblem

__all__ = ["former_interpreters", "own_interpreter", "read_former"]


def read_former(folder: Folder, path: str, interpreter: Interpreter | InterpreterProblem) -> Former | None:
    """Return the latest generation of the environment in ``folder``, whose scripts ought to name ``path``.

    ``None`` where none is kept. What cannot be read counts as no environment.
    """
    if not folder.generations:
        return None
    area = folder.generations[-1]
    marker = read_marker(read_text(f"{area}/{MARKER}"))
    former = Former(area, f"{area}/{BUILT}", marker.made if marker is not None else "")
    if os.path.islink(former.place):
        return former
    try:
        found = os.lstat(former.place)
        environment = read_environment(former.place, path)
        if environment is None:
            return former
        seen = with_ends(replace(folder, chain=walk(former.place), environment=environment), interpreter)
        stock = read_stock(former.place, environment.libraries)
    except OSError:
        return former
    return replace(former, environment=seen.environment, identity=(found.st_dev, found.st_ino), stock=stock)


def own_interpreter(former: Former, interpreters: Interpreters) -> Interpreter | None:
    """Return the interpreter that a generation itself leads to, if it works."""
    base = base_of(f"{former.place}/bin/python")
    found = interpreters.at(base.link) if base is not None else None
    return found if isinstance(found, Interpreter) else None


def former_interpreters(former: Former, interpreters: Interpreters) -> Iterator[Interpreter]:
    """Yield interpreters of this machine that a generation may have been made with.

    Those of its very version come first; of these, links that survive a patch upgrade, the generation's own before
    others.
    """
    request = same_version(former.place)
    own = own_interpreter(former, interpreters)
    installed = tuple(interpreters.installed(request)) if request is not None else ()
    found = ((own,) if own is not None else ()) + installed
    yield from sorted(found, key=lambda one: (one.facts.release != former.version, stable_twin(one.link) is not None))
