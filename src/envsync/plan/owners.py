"""Leave to other tools what they make: an environment of theirs is rebuilt only where it is named. Pure."""

import shlex
from collections.abc import Iterator

from envsync.model import desired
from envsync.model.plan import Conflict
from envsync.model.world import World
from envsync.plan.blueprint import Rules


def others_to_make(
    environment: desired.Environment, world: World, rules: Rules, *, possible: bool
) -> Iterator[Conflict]:
    """Refuse to rebuild another tool's environment, unless that was asked for by name; ``possible`` if it can be."""
    if world.tool and environment.name not in rules.force_rebuild:
        again = f"envsync apply --force-rebuild {shlex.quote(environment.name)}"
        hint = "Let that tool make it again, and declare it no more"
        hint += f"; or rebuild it all the same: {again}" if possible else "."
        yield Conflict("other-tool", f"it belongs to {world.tool}, and needs a rebuild", hint)


def others_notes(world: World) -> Iterator[str]:
    """Report that packages are installed in an environment that another tool may make again, without them."""
    if world.tool:
        yield f"it belongs to {world.tool}: that tool may make it again, without what is declared here"
