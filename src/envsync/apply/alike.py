"""Install once what several environments of a pass want alike: the others take the files of the first.

They take them as its installer gave them: a file that it linked from its cache as a further link, others as copies.
What comes of it is verified as every installation is.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from envsync.apply.install import Installed
from envsync.apply.templates import Kind, kind_of
from envsync.model.packages import Sync
from envsync.model.plan import Blueprint, Create, EnvironmentPlan, InstallSpec, Rebuild
from envsync.observe.packages import read_installed
from envsync.write.temporary import temporary_directory
from envsync.write.trees import add_tree, paths_in

Key = tuple[Kind, tuple[str, ...], InstallSpec]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What an installer added to an environment."""

    place: str
    built: str
    """Where it was installed: scripts name it."""
    done: Installed


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    tried: bool = False
    kept: _Kept | None = None


class Alike:
    """Knows which environments of a pass want the same, and keeps what was installed for the first until it ends."""

    def __init__(self, plans: Iterable[EnvironmentPlan]) -> None:
        """Take the plans of the pass."""
        counted = Counter(key for plan in plans if (key := _key_of_plan(plan)))
        self._slots = {key: _Slot() for key, count in counted.items() if count > 1}
        self._stack = contextlib.ExitStack()
        self._directory = ""
        self._making = threading.Lock()

    def close(self) -> None:
        """Remove what was kept; what cannot be removed is left to the next pass."""
        with contextlib.suppress(OSError):
            self._stack.close()

    def install(
        self, place: str, blueprint: Blueprint, spec: InstallSpec, install: Callable[[], Installed]
    ) -> tuple[Installed, str]:
        """Install into a new environment at ``place``, by ``install`` or from what it did for another.

        Return what came of it, and the place that scripts name. Whoever wants the same meanwhile waits: two would have
        the same done twice. Raises what ``install`` raises, and ``OSError``.
        """
        slot = self._slots.get(_key_of(blueprint, spec)) if self._slots and _is_general(spec) else None
        if slot is None:
            return install(), place
        with slot.lock:
            if not slot.tried:
                slot.tried = True
                before = frozenset(paths_in(place))
                done = install()
                with contextlib.suppress(OSError):  # no room, say: then each installs for itself
                    slot.kept = self._keep(place, blueprint, before, done)
                return done, place
        if slot.kept is None:
            return install(), place
        add_tree(slot.kept.place, place)
        return slot.kept.done, slot.kept.built

    def _keep(self, place: str, blueprint: Blueprint, before: frozenset[str], done: Installed) -> _Kept | None:
        if any(one.origin is not None for one in read_installed(place, blueprint.libraries).distributions):
            return None  # built from what may change
        with self._making:
            if not self._directory:
                self._directory = self._stack.enter_context(temporary_directory())
        number = sum(slot.kept is not None for slot in self._slots.values())
        kept = f"{self._directory}/{number}-{threading.get_ident()}"
        add_tree(place, kept, without=before)
        return _Kept(kept, place, done)


def _key_of_plan(plan: EnvironmentPlan) -> Key | None:
    for action in plan.actions:
        spec = action.spec if isinstance(action, Create | Rebuild) else None
        if isinstance(action, Create | Rebuild) and spec is not None and _is_general(spec):
            return _key_of(action.blueprint, spec)
    return None


def _key_of(blueprint: Blueprint, spec: InstallSpec) -> Key:
    return (kind_of(blueprint, blueprint.builders[0].name), blueprint.libraries, spec)


def _is_general(spec: InstallSpec) -> bool:
    """Check whether what a specification brings depends on nothing that belongs to one environment."""
    declared = spec.declared
    return (
        spec.cached
        and not (spec.damaged or spec.reinstall or spec.upgrade)
        and all(one.origin is None for one in spec.former)
        and (declared is None or not (declared.projects or any(isinstance(call, Sync) for call in declared.calls)))
    )
