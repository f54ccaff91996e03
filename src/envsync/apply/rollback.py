"""Plan rollbacks to a generation, carry them out, and finish or undo interrupted ones."""

import contextlib
import errno
import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace

from envsync.apply.exchange import mark_former
from envsync.formats.staging_marker import BUILT
from envsync.manifest.paths import is_literal
from envsync.model import desired
from envsync.model.edits import Pin
from envsync.model.environment import LatestGeneration
from envsync.model.interpreter import Interpreter
from envsync.model.plan import EnvironmentPlan, Repair, Rollback
from envsync.model.problems import EnvsyncError, Problem
from envsync.model.world import World
from envsync.observe.choose import fits as is_asked_for
from envsync.observe.files import Sizes
from envsync.observe.generations import generation_interpreters, own_interpreter, read_latest_generation
from envsync.observe.interpreters import Interpreters
from envsync.observe.libraries import find_libraries
from envsync.observe.links import walk
from envsync.observe.packages import read_installed
from envsync.observe.record import find_damage
from envsync.observe.verdicts import Verdicts, judge
from envsync.plan.blueprint import Rules
from envsync.plan.packages import damage_message
from envsync.plan.rollback import decide_rollback, fits, without_interpreter
from envsync.write.directories import Root
from envsync.write.exchange import end_rollback, roll_back
from envsync.write.staging import update_marker
from envsync.write.user_files import replace_manifest


class Rollbacks:
    """Plans rollbacks, with what a pass knows of interpreters and packages."""

    def __init__(self, interpreters: Interpreters, verdicts: Verdicts, rules: Rules) -> None:
        self._interpreters = interpreters
        self._verdicts = verdicts
        self._rules = rules

    def plan(self, plan: EnvironmentPlan, pin: Pin | None = None) -> EnvironmentPlan:
        """Turn an environment's plan into one that goes back to its latest generation."""
        world = plan.world
        former = read_latest_generation(world.directory, plan.environment.path, world.interpreter)
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

        former = read_latest_generation(plan.world.directory, plan.environment.path, plan.world.interpreter)
        back = self.plan(plan)
        if former is None or former.environment is None:
            return back
        moved_on = any(conflict.code == "python-minor" for conflict in back.conflicts)
        if isinstance(plan.world.interpreter, Interpreter) and not moved_on:
            note = "nothing had to be pinned: the interpreter link fits the generation"
            return back if back.conflicts else replace(back, notes=(*back.notes, note))
        for interpreter in generation_interpreters(former, self._interpreters):
            if fits(former.environment, interpreter) and is_literal(interpreter.link):
                pin, environment = pinned(manifest, plan.environment.name, interpreter.link)
                return self.plan(plan_for(environment), pin)
        return without_interpreter(plan, former)

    def plan_again(self, planned: EnvironmentPlan, fresh: EnvironmentPlan) -> EnvironmentPlan:
        """Make the same decision for what is found now."""
        pin = next((action.pin for action in planned.actions if isinstance(action, Rollback)), None)
        back = self.plan(fresh, pin)
        return replace(back, notes=tuple(dict.fromkeys((*planned.notes, *back.notes))))

    def _judged(self, former: LatestGeneration, world: World, environment: desired.Environment) -> LatestGeneration:
        if world.declared is None or former.environment is None or not isinstance(world.interpreter, Interpreter):
            return former
        directory = replace(world.directory, chain=walk(former.place), environment=former.environment)
        exact = environment.packages.exact
        verdict = judge(directory, world.interpreter, world.declared, former.installed, self._verdicts, exact=exact)
        return replace(former, verdict=verdict)


def rolls_back(plan: EnvironmentPlan) -> bool:
    """Check whether a plan goes back to a generation."""
    return any(isinstance(action, Rollback) for action in plan.actions)


def roll_back_to(action: Rollback, made: str, repair: Callable[[Repair], None]) -> None:
    """Exchange an environment for its generation. Raises ``EnvsyncError`` or ``OSError``; then nothing has changed."""
    # The order keeps a working environment at ``path`` at every instant, and lets the next pass finish after a kill:
    # 1. The generation is repaired for its interpreter. After a kill, it is still the generation.
    # 2. Its marker pins the interpreter link that the manifest is about to name. Until the manifest names it, the next
    #    pass only removes the pin.
    # 3. The manifest is replaced. From now on, manifest and pin agree, and the next pass makes the exchange. Without
    #    the pin, it would rebuild the environment for the former Python; without the manifest, for the newer one.
    # 4. The exchange. After a kill, the inode in the marker shows that it is done.
    # 5. The pin is removed.
    if action.repair is not None:
        repair(action.repair)
    if action.pin is None:
        _exchange(action, made)
        return
    update_marker(action.staging_dir, pin=action.pin.link)
    try:
        _write(action.pin)
        try:
            _exchange(action, made)
        except BaseException:
            with contextlib.suppress(OSError):
                replace_manifest(action.pin.file, action.pin.content, action.pin.former)
            raise
    except BaseException:
        with contextlib.suppress(OSError):
            update_marker(action.staging_dir, pin="")
        raise


def shortcomings(action: Rollback) -> Iterator[str]:
    """Yield a note on damaged packages of the generation that an environment is rolled back to.

    It is rolled back all the same: the user may have edited the packages on purpose.
    """
    place = f"{action.staging_dir}/{BUILT}"
    found = find_damage(place, find_libraries(place), digests=Sizes())
    damaged = [one for one in found if one.missing or one.changed]
    if damaged:
        shown = "; ".join(map(damage_message, damaged))
        yield f"not as it was installed: {shown}. To reinstall it: envsync apply --deep {shlex.quote(action.name)}"


def settle_rollback(plan: EnvironmentPlan, staging_dir: str, made: str) -> None:
    """Finish or undo an interrupted rollback to the generation in ``staging_dir``. Raises ``OSError``.

    It is finished if the manifest already names the former interpreter, unless the plan rolls back anyway.
    """
    directory, interpreter = plan.world.directory, plan.world.interpreter
    pin = end_rollback(staging_dir, directory.chain.end, made)
    begins = any(isinstance(action, Rollback) for action in plan.actions)
    if pin and not begins and isinstance(interpreter, Interpreter) and interpreter.link == pin:
        roll_back(staging_dir, Root(directory.chain.end, directory.identity), made, exchangeable=directory.exchangeable)
        mark_former(staging_dir, directory.chain.end)
    elif pin:
        update_marker(staging_dir, pin="")


def _exchange(action: Rollback, made: str) -> None:
    roll_back(action.staging_dir, Root(action.end, action.identity), made, exchangeable=action.exchangeable)
    mark_former(action.staging_dir, action.end)


def _write(pin: Pin) -> None:
    try:
        replace_manifest(pin.file, pin.former, pin.content)
    except OSError as error:
        hint = "Nothing was changed. Try again." if error.errno == errno.ESTALE else "Nothing was changed."
        reason = error.strerror or os.strerror(error.errno or 0)
        raise EnvsyncError(Problem("edit-failed", f"{pin.file}: {reason}", hint)) from error
