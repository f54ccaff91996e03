"""Put together all that bears on one environment: its directory, its target, its interpreter, its further links."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from envsync.cache.fingerprint import see
from envsync.model import desired
from envsync.model.evidence import Paths
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.links import Chain, EndKind
from envsync.model.packages import Declared, InstalledPackages, Verdict
from envsync.model.world import Directory, ForeignStaging, World
from envsync.observe.backends import Backends
from envsync.observe.base import with_ends
from envsync.observe.declared_links import DeclaredLinks
from envsync.observe.dependencies import (
    InterpreterPaths,
    along,
    declared_files,
    directories_of,
    metadata_files,
    uv_paths,
)
from envsync.observe.directory import StagingFinder, is_untouchable, read_directory
from envsync.observe.former_links import FormerLinks
from envsync.observe.interpreters import Interpreters
from envsync.observe.libraries import seen_libraries
from envsync.observe.links import Places, walk
from envsync.observe.mounts import Mounts
from envsync.observe.moved import MovedProjects, awaited
from envsync.observe.owners import OtherManifests, claimed, mark_of, tool_of
from envsync.observe.packages import metadata_places, read_all, read_installed
from envsync.observe.rights import find_hazard
from envsync.observe.side_links import expanded, read_alias, read_exposed
from envsync.observe.unsafe import UnsafePlaces
from envsync.observe.verdicts import Verdicts, judge


class Observer:
    """Observes the environments of one manifest, in one pass; it only reads."""

    def __init__(
        self,
        declared: DeclaredLinks,
        interpreters: Interpreters,
        finder: StagingFinder,
        verdicts: Verdicts,
        backends: Backends,
    ) -> None:
        """Take a manifest's links, and what else several observers may share: finders of all kinds, verdicts."""
        self._manifest = manifest = declared.manifest
        self._links = declared
        self._interpreters = interpreters
        self._staging, self._verdicts, self._backends = finder, verdicts, backends
        self._directories: dict[str, str] = {}
        self._ends: dict[str, Chain] = {}
        self._mounts = Mounts()
        self._places = Places(self._mounts)
        self._unsafe = UnsafePlaces(manifest.file)
        self._moved = MovedProjects(manifest.file, declared.paths)
        self._others = OtherManifests(manifest)
        self._former_links = FormerLinks(manifest, declared)
        self._interpreter_paths = InterpreterPaths()
        self._home = along(walk(os.path.expanduser("~")))

    def foreign_staging(self, ends: set[str]) -> tuple[ForeignStaging, ...]:
        """List staging directories that were met on the way, but belong to none of ``ends``; each with its own end."""
        return self._staging.foreign_staging(ends)

    def end_of(self, environment: desired.Environment) -> Chain:
        """Walk to the directory in which the work on an environment is done."""
        if environment.name not in self._ends:
            chain = walk(environment.path)
            if environment.target is not None and chain.kind is EndKind.MISSING and not chain.is_link:
                chain = walk(environment.target)
            self._ends[environment.name] = chain
        return self._ends[environment.name]

    def places_of(self, environment: desired.Environment) -> Iterator[str]:
        """Yield where an environment's own links really are: its path, its aliases, its exposed commands."""
        for link in (environment.path, *environment.aliases, *(one.link for one in environment.expose)):
            directory, _, name = link.rpartition("/")
            real = self._real(directory or "/")
            yield link if real == directory else f"{real.rstrip('/')}/{name}"  # one text: thousands are held

    def name_of(self, place: str) -> str:
        """Return the name of a place that two share exactly if they are one."""
        return self._places.name_of(place)

    def is_untouchable(self, end: str) -> bool:
        """Check whether an end is in conflict whatever is declared there: it is unsafe, or something else."""
        return is_untouchable(end, self._unsafe)

    def _real(self, directory: str) -> str:
        if directory not in self._directories:
            self._directories[directory] = walk(directory).end
        return self._directories[directory]

    def observe(
        self,
        environment: desired.Environment,
        *,
        exchanges: Callable[[World], bool] = lambda _: False,
        deep: bool = False,
    ) -> World:
        """Observe one environment, with what is installed in it where something is declared.

        Where ``exchanges`` finds that the environment will be swapped, all that a swap has to know is observed too;
        it is asked before packages are read, and again afterwards.
        With ``deep``, every file of what is installed is looked at. What the system refuses is part of the answer,
        never raised.
        """
        began = time.time_ns()
        world = self._outline(environment)
        found, is_rebuilt = world.directory.environment, exchanges(world)
        libraries: tuple[str, ...] = ()
        if found is not None and (is_rebuilt or deep or world.declared is not None):
            libraries = seen_libraries(found, world.interpreter, every=is_rebuilt)
            world = replace(world, installed=_installed(world.directory, libraries, unowned=is_rebuilt, deep=deep))
            world = replace(world, verdict=self._judged(world, began, exact=environment.packages.exact))
        if found is None or is_rebuilt or exchanges(world):
            world = self.complete(world)
        dependencies = Paths.of(self._dependencies(environment, world))
        evidence = see((*dependencies, *self._background(world, libraries)))
        return replace(world, seen=evidence.packed() if found is None else evidence, watched=len(dependencies))

    def _outline(self, environment: desired.Environment) -> World:
        """Observe all but what is installed."""
        end = self.end_of(environment)
        del self._ends[environment.name]  # whoever looks again looks again
        path = end if end.start == environment.path else walk(environment.path)
        target = None if environment.target is None else walk(environment.target)
        directory = read_directory(end, environment.path, self._unsafe, self._staging, self._mounts)
        interpreter = self._not_its_own(environment, directory, self._interpreters.find(environment))
        directory = with_ends(directory, interpreter)
        there = [path, directory.chain, *([target] if target else [])]
        aliases = tuple(read_alias(alias, environment.path, there) for alias in environment.aliases)
        declared = self._declared(environment, interpreter)
        commands, command_files = _commands(environment, directory, interpreter, declared)
        all_exposed = expanded(environment.expose, commands, self._links.first_exposing)
        first, name, found = self._links.first_exposing.get, environment.name, directory.environment
        exposed = tuple(read_exposed(one, environment, directory, first(one.link, name)) for one in all_exposed)
        waiting_for = awaited(environment, path)
        return World(
            path=path,
            target=target,
            directory=directory,
            interpreter=interpreter,
            aliases=aliases,
            exposed=exposed,
            commands=commands,
            command_files=command_files,
            former_links=self._former_links.recorded(end.end, dict(found.cfg)) if found is not None else (),
            declared=declared,
            builders=self._backends.builders,
            claimed=claimed(directory, environment.path, self._manifest.file),
            shared_with=self._others.declaring(mark_of(directory), environment.path),
            waiting_for=waiting_for,
            moved_to=self._moved.find(environment, waiting_for) if waiting_for else None,
            hazard=find_hazard(directory, path, (*aliases, *exposed)),
            places=tuple(self.places_of(environment)),
            listed=Paths.of((*directories_of(directory, packages=declared is not None), *self._searched(interpreter))),
        )

    def complete(self, world: World) -> World:
        """Look at what an exchange has to know besides: what no package owns, and what is to install packages."""
        found, installed, interpreter = world.directory.environment, world.installed, world.interpreter
        if found is not None:
            world = replace(world, tool=tool_of(world.directory.chain.end))
        if found is not None and found.contents.others and (installed is None or installed.unowned is None):
            libraries = seen_libraries(found, interpreter, every=True)
            whole = _installed(world.directory, libraries, unowned=True, deep=False)
            world = replace(world, installed=whole if installed is None else replace(installed, unowned=whole.unowned))
        if isinstance(interpreter, Interpreter) and (world.declared is not None or _has_packages(world)):
            from envsync.observe.lock_files import marker_values  # noqa: PLC0415  # only where packages are installed

            installer = self._backends.installer(interpreter.facts, world.declared)
            world = replace(world, installer=installer, markers=tuple(marker_values(interpreter.facts).items()))
        return world

    def _declared(
        self, environment: desired.Environment, interpreter: Interpreter | InterpreterProblem
    ) -> Declared | None:
        if not environment.packages.declared or isinstance(interpreter, InterpreterProblem):
            return None
        from envsync.observe.declared import read_declared  # noqa: PLC0415  # only where packages are declared

        there = self._backends.installers()
        return read_declared(environment.packages, interpreter.facts, wanted=self._backends.wanted, there=there)

    def _judged(self, world: World, began: int, *, exact: bool) -> Verdict | None:
        declared, installed, interpreter = world.declared, world.installed, world.interpreter
        if declared is None or installed is None or isinstance(interpreter, InterpreterProblem):
            return None
        return judge(world.directory, interpreter, declared, installed, self._verdicts, exact=exact, began=began)

    def _not_its_own(
        self, environment: desired.Environment, directory: Directory, found: Interpreter | InterpreterProblem
    ) -> Interpreter | InterpreterProblem:
        """Refuse an interpreter link that leads into the environment itself by another name."""
        request = environment.python
        if not isinstance(request, desired.PythonPath) or isinstance(found, InterpreterProblem):
            return found
        if f"{directory.chain.end}/bin" not in self._interpreter_paths.directories(request.path):
            return found
        return InterpreterProblem(
            declared=request.declared,
            link=request.path,
            code="interpreter-cycle",
            message=f"{request.path} is this environment's own interpreter",
            hint='Give `python` a path outside of the environment, or a version such as "3.12".',
            chain=found.chain,
        )

    def _searched(self, interpreter: Interpreter | InterpreterProblem) -> tuple[str, ...]:
        """Return the directories whose entries decided which interpreter it is, where it was looked for at all."""
        return self._interpreters.searched() if interpreter.searched else ()

    def _dependencies(self, environment: desired.Environment, world: World) -> Iterator[str]:
        """Yield what a watcher waits for: a change there may change the verdict."""
        for chain in _chains(world):
            yield from along(chain)
        if world.directory.environment is not None:
            yield from world.directory.environment.dependencies
        if world.interpreter.chain is not None:
            yield from along(world.interpreter.chain)
        if isinstance(world.interpreter, Interpreter):
            yield from self._interpreter_paths.watched(world.interpreter)
        yield from self._searched(world.interpreter)
        place, waited = environment.path, environment.wait_for
        if waited and not (place.startswith(f"{waited}/") and os.path.lexists(place)):  # what is there shows it as well
            yield from along(walk(waited))
        for alias in environment.aliases:
            if not os.path.lexists(alias):  # one that is there shows that its directory is
                yield from along(walk(os.path.dirname(alias)))
        if world.declared is not None:
            yield from declared_files(world.declared)

    def _background(self, world: World, libraries: tuple[str, ...]) -> Iterator[str]:
        """Yield what a verdict rests on besides, but where a change is so rare that no watcher waits for it."""
        yield from self._home  # no environment may be there
        yield from self._others.dependencies(mark_of(world.directory))
        if isinstance(world.interpreter, Interpreter):
            yield from self._interpreter_paths.beside(world.interpreter)
        if world.interpreter.searched:
            yield from self._interpreters.dependencies()
        if world.declared is not None:
            yield from uv_paths(self._backends.program("uv"))
        for place in metadata_places(world.directory.chain.end, libraries):
            yield from metadata_files(place)
        yield from world.command_files


def _chains(world: World) -> Iterator[Chain]:
    """Return all chains that bear on an environment, but its interpreter's."""
    yield from (world.path, world.directory.chain)
    if world.target is not None:
        yield world.target
    for redirect in (world.directory.redirect, *(side.redirect for side in world.aliases)):
        if redirect is not None:
            yield walk(f"{redirect.target}/pyvenv.cfg")
    yield from (side.chain for side in (*world.aliases, *world.exposed))


def _commands(
    environment: desired.Environment,
    directory: Directory,
    interpreter: Interpreter | InterpreterProblem,
    declared: Declared | None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what ``*`` stands for, and the files that this rests on."""
    found = directory.environment
    if found is None or declared is None or not any(one.stands_for_all for one in environment.expose):
        return (), ()
    from envsync.observe.commands import find_commands  # noqa: PLC0415  # few environments ask for it

    return find_commands(directory.chain.end, seen_libraries(found, interpreter), declared.direct)


def _has_packages(world: World) -> bool:
    """Check whether packages are installed, readable or not: a rebuild or a repair installs them again."""
    installed = world.installed
    return installed is not None and bool(installed.distributions or installed.broken or installed.damage)


def _installed(directory: Directory, libraries: tuple[str, ...], *, unowned: bool, deep: bool) -> InstalledPackages:
    end, found = directory.chain.end, directory.environment.libraries if directory.environment is not None else ()
    others = tuple(one for one in found if one not in libraries)
    read = read_all(end, libraries)
    installed = read_installed(end, libraries, unowned=unowned, others=others, read=read)
    if not deep:
        return installed
    from envsync.observe.record import find_damage  # noqa: PLC0415  # only where it is asked for

    return replace(installed, damage=find_damage(end, libraries, read))
