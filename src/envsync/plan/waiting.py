"""Word what an environment waits for. Pure."""

from collections.abc import Iterator

from envsync.model import desired
from envsync.model.world import World


def waiting_notes(environment: desired.Environment, world: World) -> Iterator[str]:
    """Report what is waited for, and if it was renamed, what to change in the manifest."""
    missing, now = world.waiting_for, world.moved_to
    yield f"waits for {missing}"
    if missing is None or now is None:
        return
    packages = environment.packages
    places = {
        "project": (packages.project or "",),
        "requirements": packages.requirements,
        "constraints": packages.constraints,
    }
    others = [key for key, paths in places.items() if any(f"{path}/".startswith(f"{missing}/") for path in paths)]
    more = f", and {', '.join(others)} accordingly" if others else ""
    path = f"{now}{environment.path[len(missing) :]}"
    yield f'moved? found at {now}: in [envs.{environment.name}], set path = "{path}"{more}'
