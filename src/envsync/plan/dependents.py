"""Tell what hangs on an interpreter, and what would become of it without: a plan compared with one without it. Pure."""

from dataclasses import dataclass
from enum import Enum

from envsync.observed import Interpreter
from envsync.plan.actions import EnvironmentPlan, Plan, Rebuild

__all__ = ["Dependent", "Effect", "dependents"]


class Effect(Enum):
    """What would become of an environment."""

    UNTOUCHED = "untouched"
    MOVES = "moves"
    REBUILDS = "rebuilds"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Dependent:
    """An environment, and what would become of it."""

    environment: str
    effect: Effect
    link: str | None
    """The interpreter link that it uses now."""
    next_link: str | None
    """The one that it would use."""
    message: str


def dependents(before: Plan, after: Plan, gone: str) -> tuple[Dependent, ...]:
    """Compare the plan as things are with the one for when what is at the real path ``gone``, or below it, is not."""
    return tuple(_compare(*pair, gone) for pair in zip(before.environments, after.environments, strict=True))


def _compare(before: EnvironmentPlan, after: EnvironmentPlan, gone: str) -> Dependent:
    effect, message = _fate(before, after) if _depends(before, after, gone) else (Effect.UNTOUCHED, "")
    now, then = before.world.interpreter, after.world.interpreter
    next_link = then.link if isinstance(then, Interpreter) else None
    return Dependent(before.environment.name, effect, now.link, next_link, message or "it uses another interpreter")


def _depends(before: EnvironmentPlan, after: EnvironmentPlan, gone: str) -> bool:
    now = before.world.interpreter
    if isinstance(now, Interpreter):
        return now != after.world.interpreter
    return now.chain is not None and f"{now.chain.end}/".startswith(f"{gone}/")


def _fate(before: EnvironmentPlan, after: EnvironmentPlan) -> tuple[Effect, str]:
    then = after.world.interpreter
    if not isinstance(then, Interpreter):
        return Effect.CONFLICT, f"{then.code}: {then.message}; the environment is left as it is"
    if after.conflicts:
        new = [one for one in after.conflicts if one not in before.conflicts] or list(after.conflicts)
        return Effect.CONFLICT, "; ".join(f"{one.code}: {one.message}" for one in new)
    version = f"Python {then.facts.version} by {then.link}"
    if after.needs_stock or any(isinstance(action, Rebuild) for action in after.actions):
        return Effect.REBUILDS, f"built anew for {version}"
    return Effect.MOVES, f"moved to {version}"
