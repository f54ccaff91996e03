"""One pass: observe, plan, apply. The whole pipeline on one screen."""

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from envsync.apply.again import DecideAgain, Look
from envsync.apply.progress import Follower
from envsync.apply.rollback import Rollbacks, rolls_back
from envsync.apply.run import apply_plans
from envsync.apply.settings import Settings
from envsync.apply.verdicts import remembered_verdicts
from envsync.cache.in_sync import KnownInSync
from envsync.cache.store import Cache
from envsync.model import desired
from envsync.model.interpreter import Interpreter
from envsync.model.packages import Declared
from envsync.model.plan import Conflict, EnvironmentPlan, Install, Plan, State
from envsync.model.report import Report
from envsync.model.world import World
from envsync.observe.backends import Backends
from envsync.observe.declared_links import DeclaredLinks
from envsync.observe.directory import StagingFinder
from envsync.observe.facts import FactsCache
from envsync.observe.generations import find_undeclared_links
from envsync.observe.interpreters import Interpreters
from envsync.observe.links import MAX_HOPS, walk
from envsync.observe.packages import read_installed
from envsync.observe.verdicts import Verdicts
from envsync.observe.world import Observer
from envsync.plan.between import conflicts_between
from envsync.plan.blueprint import Rules, stopped, untrusted
from envsync.plan.decide import decide, exchanges
from envsync.plan.links import former_links_note
from envsync.plan.upgrade import decide_upgrade, may_upgrade

_LOOKS = 3
_NOTHING: Mapping[str, EnvironmentPlan] = {}


class Reconciler:
    """Brings the disk to what one manifest says."""

    def __init__(  # noqa: PLR0913  # two, and options
        self,
        manifest: desired.Manifest,
        facts: FactsCache,
        *,
        force_rebuild: Iterable[str] = (),
        without: str | None = None,
        deep: bool = False,
        verdicts: Verdicts | None = None,
    ) -> None:
        """Take the manifest, what is known of interpreters, and the names of environments to rebuild in any case.

        With ``without``, an interpreter's real path or that of its tree, plans are as if it were not there; with
        ``deep`` every file of every installed package is compared with what was installed. ``verdicts`` are what is
        known of installed packages.
        """
        self.looking: Callable[[str], None] = lambda _: None
        """Called with what is being looked at while a plan is made, such as ``looking at blog (3 of 20)``."""
        self._deep = deep
        self._manifest = manifest
        self._declared = DeclaredLinks(manifest)
        self._facts = facts
        self._verdicts = verdicts or remembered_verdicts(Cache(None))
        self._without = without
        self._interpreters = self._finder()
        self._backends = Backends(manifest.builders, manifest.installer)
        self._rules = Rules(
            max_hops=MAX_HOPS,
            keep=manifest.keep,
            generations_dir=os.path.realpath(manifest.state_dir),  # once: it may lead elsewhere later
            force_rebuild=frozenset(force_rebuild),
            manifest=manifest.file if manifest.file.isprintable() else "",  # it goes into pyvenv.cfg
        )

    def plan(self, names: tuple[str, ...] = (), in_sync: Mapping[str, EnvironmentPlan] = _NOTHING) -> Plan:
        """Observe and decide, for all environments or the named ones; writes nothing.

        ``in_sync`` are earlier plans, of the same manifest, whose dependencies are what they were: they still hold.
        """
        began, everyone = time.time_ns(), self._manifest.environments
        self._interpreters = self._finder()
        self._backends = Backends(self._manifest.builders, self._manifest.installer)
        observer = self._observer()
        ends: dict[str, str] = {}
        places: dict[str, tuple[str, ...]] = {}
        for environment in everyone:
            name, known = environment.name, in_sync.get(environment.name)
            ends[name] = known.world.directory.chain.end if known else observer.end_of(environment).place
            places[name] = known.world.places if known else tuple(observer.places_of(environment))
        pairs = conflicts_between(everyone, ends, places, observer.name_of, observer.is_untouchable)
        between = {name: found for name, found in pairs.items() if found}
        still = {name: plan for name, plan in in_sync.items() if name not in between and self._suits(plan)}
        chosen = {one.name: one for one in everyone if not names or one.name in names}
        plans = tuple(
            still.get(name) or self._plan_one(chosen[name], observer, between)
            for name in self._in_turn("looking at", chosen)
        )
        foreign = observer.foreign_staging({*ends.values()})
        return Plan(self._manifest, plans, foreign, between, self._rules.force_rebuild, self._deep, began=began)

    def notes(self) -> tuple[str, ...]:
        """Return what there is to say of no declared environment: which links lead to what is not declared any more."""
        with contextlib.suppress(OSError):
            return former_links_note(find_undeclared_links(self._manifest))
        return ()

    def plan_rollback(self, name: str, *, pin: bool = False) -> Plan:
        """Decide on exchanging one environment for the generation that is kept of it; writes nothing.

        With ``pin``, where the interpreter has moved on to another version, the manifest is changed as well: to name
        the former one. Raises ``EnvsyncError`` or ``ManifestError`` where it cannot be.
        """
        plan = self.plan((name,))
        rollbacks = self._rollbacks()

        def plan_for(environment: desired.Environment) -> EnvironmentPlan:
            return self._plan_one(environment, self._observer(), {})

        if pin:
            back = tuple(rollbacks.plan_pinned(one, self._manifest.file, plan_for) for one in plan.environments)
        else:
            back = tuple(map(rollbacks.plan, plan.environments))
        return replace(plan, environments=back, foreign_staging=())

    def _rollbacks(self) -> Rollbacks:
        return Rollbacks(self._interpreters, self._verdicts, self._rules)

    def plan_upgrade(self, names: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> Plan:
        """Decide on newer releases for all environments or the named ones, of all packages or ``only`` some.

        With ``only``, an environment that is known to have none of them is left out; what no environment has is a
        conflict of each.
        """
        plan = self.plan(names)
        found = {one.environment.name: one for one in plan.environments}
        somewhere = frozenset[str]().union(*map(_installed, plan.environments))
        absent = tuple(name for name in only if name not in somewhere)
        chosen = []
        for one in map(found.__getitem__, self._in_turn("looking for newer releases for", found)):
            present = (*absent, *(name for name in only if name in _installed(one)))
            if present or not only or one.state in {State.CONFLICT, State.WAITING}:
                chosen.append(self._upgraded(one, present))
        return replace(plan, environments=tuple(chosen), foreign_staging=())

    def undeclared(self, plan: EnvironmentPlan) -> tuple[str, ...]:
        """Name the installed packages that nothing declares, as far as the installer can say without the network."""
        world, interpreter = plan.world, plan.world.interpreter
        found = world.directory.environment
        if found is None or not isinstance(interpreter, Interpreter):
            return ()
        end = world.directory.chain.end
        installed = world.installed or read_installed(end, found.libraries)
        if (world.verdict is not None and not world.verdict.met) or (world.declared and world.declared.problems):
            return ()
        return self._verdicts.extraneous(end, world.declared or Declared(), installed, interpreter.facts)

    def _upgraded(self, plan: EnvironmentPlan, only: tuple[str, ...]) -> EnvironmentPlan:
        world, interpreter, verdict = plan.world, plan.world.interpreter, None
        if may_upgrade(plan) and world.declared and world.installed and isinstance(interpreter, Interpreter):
            end = world.directory.chain.end
            verdict = self._verdicts.upgrade(end, world.declared, world.installed, interpreter.facts, only=only)
        if verdict is not None and verdict.changes:
            plan = replace(plan, world=self._observer().complete(world))
        return decide_upgrade(plan, verdict, only, self._rules)

    def apply(
        self,
        plan: Plan,
        settings: Settings,
        progress: Follower = lambda _: None,
        *,
        steady: bool = False,
        in_sync: KnownInSync | None = None,
    ) -> Report:
        """Carry out a plan; each environment is observed and decided again under its lock.

        The plan may be another instance's, made with the same arguments: nothing is remembered from making it.
        ``progress`` is called, in this thread, with the report of each environment that is done; a ``Progress`` follows
        its steps too. With ``steady`` a rebuild that the plan does not have is not begun: what asks for it may be over
        in a moment. What is found in sync afterwards is noted in ``in_sync``.
        """
        asked = {one.environment.name: how for one in plan.environments if (how := self._asked(one)) is not None}
        look = Look(self._observer, self._plan_one, asked)
        again = DecideAgain(plan, look, steady=steady, in_sync=in_sync)
        return apply_plans(plan, again, settings.at(self._rules.generations_dir), progress)

    def _asked(self, planned: EnvironmentPlan) -> Callable[[EnvironmentPlan], EnvironmentPlan] | None:
        """Return what makes of a fresh plan the one that was asked for, where that is more than to reconcile."""
        if rolls_back(planned):
            return partial(self._rollbacks().plan_again, planned)
        upgrades = any(isinstance(action, Install) and action.spec.upgrade for action in planned.actions)
        return partial(_upgraded_again, planned) if upgrades else None

    def _in_turn(self, doing: str, names: Collection[str]) -> Iterator[str]:
        """Yield each name, and say that its turn has come."""
        for number, name in enumerate(names, start=1):
            self.looking(f"{doing} {name}" + (f" ({number} of {len(names)})" if len(names) > 1 else ""))
            yield name

    def _finder(self) -> Interpreters:
        """Return a finder of interpreters that has not looked at any yet."""
        self._facts.begin_pass()
        by_path = {one.path: one for one in self._manifest.environments}
        return Interpreters(by_path, self._facts.ask, without=self._without)

    def _suits(self, plan: EnvironmentPlan) -> bool:
        """Check whether an earlier plan was made for the interpreter that is found now."""
        return plan.world.interpreter == self._interpreters.find(plan.environment)

    def _observer(self, finder: StagingFinder | None = None, unfit: frozenset[str] = frozenset()) -> Observer:
        """Return an observer that has seen nothing yet, except what earlier passes left where that is given.

        ``unfit`` are the names of installers that cannot work with an environment's Python.
        """
        return Observer(
            self._declared,
            self._interpreters,
            finder or StagingFinder(self._manifest.state_dir),
            self._verdicts,
            self._backends.without(unfit) if unfit else self._backends,
        )

    def _plan_one(
        self, environment: desired.Environment, observer: Observer, between: Mapping[str, tuple[Conflict, ...]]
    ) -> EnvironmentPlan:
        if self._manifest.distrust:
            return untrusted(environment, walk(environment.path), self._manifest)
        try:
            for _ in range(_LOOKS - 1):
                with contextlib.suppress(FileNotFoundError):  # another pass has just exchanged what was looked at
                    return self._decide(environment, observer, between.get(environment.name, ()))
            return self._decide(environment, observer, between.get(environment.name, ()))
        except Exception as error:  # noqa: BLE001  # one bad environment stops only itself
            return _undecided(environment, error)

    def _decide(
        self, environment: desired.Environment, observer: Observer, between: tuple[Conflict, ...]
    ) -> EnvironmentPlan:
        def is_exchanged(world: World) -> bool:
            return exchanges(environment, world, self._rules, between)

        world = observer.observe(environment, exchanges=is_exchanged, deep=self._deep)
        return decide(environment, world, self._rules, between)


def _undecided(environment: desired.Environment, error: Exception) -> EnvironmentPlan:
    """Make a conflict of what nobody has thought of: an input that a library chokes on, a mistake of envsync's."""
    inner = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
    message = f"it cannot be decided: {type(inner).__name__}: {inner}"
    hint = "Look at its requirements, its project's files and its interpreter; if they are sound, report it."
    return stopped(environment, walk(environment.path), Conflict("internal-error", message, hint))


def _installed(plan: EnvironmentPlan) -> frozenset[str]:
    """Return the names of the packages that are installed in an environment."""
    return frozenset(plan.world.installed.versions()) if plan.world.installed is not None else frozenset()


def _upgraded_again(planned: EnvironmentPlan, fresh: EnvironmentPlan) -> EnvironmentPlan:
    """Return a planned upgrade, where its environment is what it was then; else what there is to do now."""
    now, then = fresh.world, planned.world
    if now.installed is None or then.installed is None or fresh.state is not State.IN_SYNC:
        return fresh
    if now.installed.digest != then.installed.digest or now.directory.identity != then.directory.identity:
        return fresh
    return replace(planned, world=replace(now, verdict=then.verdict))
