"""Plans for environments of which nothing but the path was looked at. Pure."""

import shlex

from envsync import desired
from envsync.observed import Chain, Folder, InterpreterProblem, World
from envsync.plan.actions import Conflict, EnvironmentPlan, State

__all__ = ["stopped", "untrusted"]


def stopped(environment: desired.Environment, chain: Chain, conflict: Conflict) -> EnvironmentPlan:
    """Return a plan that has nothing but a conflict; ``chain`` is the environment's path."""
    problem = InterpreterProblem(environment.python.declared, None, conflict.code, conflict.message, conflict.hint)
    folder = Folder(chain, None, None, is_empty=False, writable=True)
    world = World(path=chain, target=None, folder=folder, interpreter=problem)
    return EnvironmentPlan(environment, world, State.CONFLICT, conflicts=(conflict,))


def untrusted(environment: desired.Environment, chain: Chain, manifest: desired.Manifest) -> EnvironmentPlan:
    """Return the plan for an environment of a manifest that may not be carried out."""
    remedy = ("envsync", "trust", manifest.file)
    hint = f"Read the manifest, then: {shlex.join(remedy)}"
    return stopped(environment, chain, Conflict("untrusted", f"the manifest {manifest.distrust}", hint, (remedy,)))
