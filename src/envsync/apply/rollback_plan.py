"""Plan a rollback: observe the generation, and with a pin find its interpreter and edit the manifest in memory."""

from collections.abc import Callable
from dataclasses import replace

from envsync.manifest.paths import is_literal
from envsync.model import desired
from envsync.model.edits import Pin
from envsync.model.environment import Former
from envsync.model.interpreter import Interpreter
from envsync.model.plan import EnvironmentPlan, Rollback
from envsync.model.world import World
from envsync.observe.choose import fits as is_asked_for
from envsync.observe.generations import former_interpreters, own_interpreter, read_former
from envsync.observe.interpreters import Interpreters
from envsync.observe.links import walk
from envsync.observe.packages import read_installed
from envsync.observe.verdicts import Verdicts, judge
from envsync.plan.blueprint import Rules
from envsync.plan.rollback import decide_rollback, fits, without_interpreter


class Rollbacks:
    """Plans rollbacks, with what a pass knows of interpreters and packages."""

    def __init__(self, interpreters: Interpreters, verdicts: Verdicts, rules: Rules) -> None:
        self._interpreters = interpreters
        self._verdicts = verdicts
        self._rules = rules

    def plan(self, plan: EnvironmentPlan, pin: Pin | None = None) -> EnvironmentPlan:
        """Turn an environment's plan into one that goes back to its latest generation."""
        world = plan.world
        former = read_former(world.directory, plan.environment.path, world.interpreter)
        if former is not None and not isinstance(plan.environment.python, desired.PythonPath):
            own = own_interpreter(former, self._interpreters)  # where no path is declared, an environment keeps its own
            if own is not None and is_asked_for(own, plan.environment.python):
                world = replace(world, interpreter=own)
        found = world.directory.environment
        if found is not None:
            installed = read_installed(world.directory.chain.end, found.libraries, unowned=bool(found.contents.others))
            world = replace(world, installed=installed)
        if former is not None:
            former = self._judged(former, world, plan.environment)
        return decide_rollback(replace(plan, world=world), former, self._rules, pin)

    def plan_pinned(
        self, plan: EnvironmentPlan, manifest: str, plan_for: Callable[[desired.Environment], EnvironmentPlan]
    ) -> EnvironmentPlan:
        """Do the same, and where the interpreter has moved on, let the file ``manifest`` name the former one.

        ``plan_for`` plans the environment as it would be declared then. Raises ``EnvsyncError`` or ``ManifestError``
        where the manifest cannot be changed so.
        """
        from envsync.apply.declare import pinned  # noqa: PLC0415  # it brings pydantic

        former = read_former(plan.world.directory, plan.environment.path, plan.world.interpreter)
        back = self.plan(plan)
        if former is None or former.environment is None:
            return back
        moved_on = any(conflict.code == "python-minor" for conflict in back.conflicts)
        if isinstance(plan.world.interpreter, Interpreter) and not moved_on:
            note = "nothing had to be pinned: the interpreter link fits the generation"
            return back if back.conflicts else replace(back, notes=(*back.notes, note))
        for interpreter in former_interpreters(former, self._interpreters):
            if fits(former.environment, interpreter) and is_literal(interpreter.link):
                pin, environment = pinned(manifest, plan.environment.name, interpreter.link)
                return self.plan(plan_for(environment), pin)
        return without_interpreter(plan, former)

    def plan_again(self, planned: EnvironmentPlan, fresh: EnvironmentPlan) -> EnvironmentPlan:
        """Make the same decision for what is found now."""
        pin = next((action.pin for action in planned.actions if isinstance(action, Rollback)), None)
        back = self.plan(fresh, pin)
        return replace(back, notes=tuple(dict.fromkeys((*planned.notes, *back.notes))))

    def _judged(self, former: Former, world: World, environment: desired.Environment) -> Former:
        if world.declared is None or former.environment is None or not isinstance(world.interpreter, Interpreter):
            return former
        directory = replace(world.directory, chain=walk(former.place), environment=former.environment)
        exact = environment.packages.exact
        verdict = judge(directory, world.interpreter, world.declared, former.installed, self._verdicts, exact=exact)
        return replace(former, verdict=verdict)


def rolls_back(plan: EnvironmentPlan) -> bool:
    """Check whether a plan goes back to a generation."""
    return any(isinstance(action, Rollback) for action in plan.actions)
