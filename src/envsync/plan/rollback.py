"""Decide on swapping an environment back to the generation that is kept of it. Pure."""

from dataclasses import replace

from envsync.observed import Interpreter
from envsync.plan.actions import Conflict, EnvironmentPlan, Rollback, State

__all__ = ["decide_rollback"]

_IN_THE_WAY = frozenset({"link-loop", "link-elsewhere", "not-a-link", "not-readable", "not-a-directory", "unsafe-path"})
"""Conflicts under which the environment's place itself is in question."""


def decide_rollback(plan: EnvironmentPlan, version: str | None, losses: tuple[Conflict, ...] = ()) -> EnvironmentPlan:
    """Turn an environment's plan into one that rolls it back to its latest generation.

    ``version`` is that of the generation's Python, ``None`` where it is no whole environment; ``losses`` say what the
    exchange would take along.
    Whatever else is to be done about it is not done: rolling back has to work above all when something is wrong.
    """
    folder = plan.world.folder
    conflicts = (*(one for one in plan.conflicts if one.code in _IN_THE_WAY), *losses)
    if not folder.generations:
        hint = "Generations are kept by rebuilds, as many as `keep` says."
        conflicts += (Conflict("no-generation", f"nothing is kept of {plan.environment.name}", hint),)
    elif version is None:
        hint = "Look at what is left of it, and remove it."
        conflicts += (Conflict("no-generation", f"{folder.generations[-1]} holds no whole environment", hint),)
    elif folder.environment is None:
        hint = "Apply makes it anew."
        conflicts += (Conflict("not-a-venv", f"there is no environment at {folder.chain.end}", hint),)
    conflicts += _misfit(plan, version) if folder.generations else ()
    if conflicts:
        return replace(plan, state=State.CONFLICT, drift=(), actions=(), conflicts=conflicts)
    area = folder.generations[-1]
    action = Rollback(f"swap back to Python {version}", folder.chain.end, folder.identity, area, folder.exchangeable)
    return replace(plan, state=State.DRIFT, drift=(), actions=(action,), conflicts=(), notes=())


def _misfit(plan: EnvironmentPlan, version: str | None) -> tuple[Conflict, ...]:
    """Refuse what would not work: packages for one minor version under the Python of another."""
    interpreter = plan.world.interpreter
    if version is None or not isinstance(interpreter, Interpreter):
        return ()
    minor = ".".join(version.split(".")[:2])
    if minor == interpreter.facts.minor:
        return ()
    message = f"what is kept is for Python {minor}, and {interpreter.link} is {interpreter.facts.minor}"
    hint = f"Point the interpreter link back to a Python {minor} first; else `apply` would rebuild it again at once."
    return (Conflict("python-minor", message, hint),)
