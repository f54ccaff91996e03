"""Roll back to a generation, and finish or undo interrupted rollbacks."""

import contextlib
import errno
import os
import shlex
from collections.abc import Callable, Iterator

from envsync.apply.exchange import mark_former
from envsync.formats.staging_marker import BUILT
from envsync.model.interpreter import Interpreter
from envsync.model.plan import EnvironmentPlan, Pin, Repair, Rollback
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.files import Sizes
from envsync.observe.libraries import find_libraries
from envsync.observe.record import find_damage
from envsync.plan.packages import damage_message
from envsync.write.directories import Root
from envsync.write.exchange import end_rollback, roll_back
from envsync.write.staging import update_marker
from envsync.write.user_files import replace_manifest


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
