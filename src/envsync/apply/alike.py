"""Install once what several environments of a pass want alike: the others take the files of the first.

They take them as its installer gave them: a file that it linked from its cache as a further link, others as copies.
What comes of it is verified as every installation is.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field

from envsync.apply.install import Installed
from envsync.apply.templates import Kind, kind_of
from envsync.model.blueprint import Blueprint
from envsync.model.dataclass import dataclass
from envsync.model.install import InstallSpec
from envsync.model.packages import Sync
from envsync.model.plan import Create, EnvironmentPlan, Rebuild
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
    line: threading.Lock = field(default_factory=threading.Lock)
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
        self._count = 0
        self._making = threading.Lock()

    def close(self) -> None:
        """Remove what was kept; what cannot be removed is left to the next pass."""
        with contextlib.suppress(OSError):
            self._stack.close()

    @contextlib.contextmanager
    def in_line(self, plan: EnvironmentPlan) -> Iterator[None]:
        """Hold other plans that want the same during a block: Python's own work is faster one at a time.

        Where the first has failed, each installs for itself, and beside the others.
        """
        key = _key_of_plan(plan)
        slot = self._slots.get(key) if key is not None else None
        if slot is not None:
            with slot.line:
                if slot.kept is not None or not slot.tried:
                    yield
                    return
        yield

    @contextlib.contextmanager
    def turn(self, blueprint: Blueprint, spec: InstallSpec) -> Iterator["Turn"]:
        """Yield the turn of a new environment; during it, the first of those that want the same installs and verifies.

        The others wait for it, and find it kept; where it fails, each installs for itself.
        """
        slot = self._slots.get(_key_of(blueprint, spec)) if self._slots and _is_general(spec) else None
        if slot is None:
            yield Turn()
            return
        with slot.lock:
            if not slot.tried:
                slot.tried = True
                first = Turn(keep=self._keep)
                yield first
                slot.kept = first.kept
                return
        yield Turn(slot.kept)

    def _keep(self, place: str, before: frozenset[str]) -> str:
        """Keep what a tree holds besides ``before``, and return where. Raises ``OSError``."""
        with self._making:
            if not self._directory:
                self._directory = self._stack.enter_context(temporary_directory())
            self._count += 1
            kept = f"{self._directory}/{self._count}"
        add_tree(place, kept, without=before)
        return kept


class Turn:
    """One environment's turn to install what others of its pass may want as well."""

    def __init__(self, kept: _Kept | None = None, keep: Callable[[str, frozenset[str]], str] | None = None) -> None:
        """Take what is kept already, or how to keep what is going to be installed."""
        self.kept = kept
        self._keep = keep

    @property
    def is_verified(self) -> bool:
        """Whether what it installs was verified in the turn of another."""
        return self._keep is None and self.kept is not None

    def install(
        self, place: str, libraries: tuple[str, ...], install: Callable[[], Installed]
    ) -> tuple[Installed, str]:
        """Install into the new environment at ``place``, by ``install`` or from what is kept.

        Return what came of it, and the place that scripts name. Raises what ``install`` raises, and ``OSError``.
        """
        if self.kept is not None:
            add_tree(self.kept.place, place)
            return self.kept.done, self.kept.built
        if self._keep is None:
            return install(), place
        before = frozenset(paths_in(place))
        done = install()
        if all(one.origin is None for one in read_installed(place, libraries).distributions):
            with contextlib.suppress(OSError):  # no room, say: then each installs for itself
                self.kept = _Kept(self._keep(place, before), place, done)
        return done, place

    def spoil(self) -> None:
        """Keep nothing of it: something was wrong."""
        self.kept = None


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
