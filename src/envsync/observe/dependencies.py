"""The paths that an answer depends on: while their stamps stay, another look would find the same."""

import os
from collections.abc import Iterator

from envsync.model.interpreter import Facts, Interpreter
from envsync.model.links import Chain, EndKind
from envsync.model.packages import Declared
from envsync.model.system import VARIABLES
from envsync.model.world import Directory
from envsync.observe.base import locations, names_in_home
from envsync.observe.links import walk


def along(chain: Chain) -> tuple[str, ...]:
    """Return the paths along a chain."""
    return (chain.start, *(hop.link for hop in chain.hops), chain.end)


def followed(path: str) -> tuple[str, ...]:
    """Return a path, and if it is a symlink all that it leads through; its parents are not looked at."""
    return along(walk(path)) if os.path.islink(path) else (path,)


class InterpreterPaths:
    """What interpreters depend on, as seen in one pass: once for each, though thousands of environments have it."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._known: dict[tuple[object, ...], tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._directories: dict[str, frozenset[str]] = {}

    def watched(self, interpreter: Interpreter) -> tuple[str, ...]:
        """Return what an interpreter link and its facts depend on."""
        return self._of(interpreter)[0]

    def beside(self, interpreter: Interpreter) -> tuple[str, ...]:
        """Return where something could come that would make another interpreter of a link."""
        return self._of(interpreter)[1]

    def directories(self, link: str) -> frozenset[str]:
        """Return the real directories of a link, and of what its last component leads through."""
        if link not in self._directories:
            directories = map(os.path.dirname, locations(link))
            self._directories[link] = frozenset(map(os.path.realpath, directories))
        return self._directories[link]

    def _of(self, interpreter: Interpreter) -> tuple[tuple[str, ...], tuple[str, ...]]:
        facts = interpreter.facts
        key = (interpreter.link, interpreter.through, interpreter.home, facts.stdlib, facts.platlibdir)
        if key not in self._known:
            self._known[key] = (tuple(_watched(interpreter)), tuple(_beside(interpreter)))
        return self._known[key]


def _watched(interpreter: Interpreter) -> Iterator[str]:
    yield f"{interpreter.facts.stdlib}/os.py"
    for link in interpreter.through:
        yield from along(walk(link))
        yield f"{os.path.dirname(os.path.dirname(link))}/pyvenv.cfg"


def _beside(interpreter: Interpreter) -> Iterator[str]:
    yield from landmarks(interpreter.home, interpreter.facts)
    for link in (*interpreter.through, interpreter.link):
        for place in locations(link):
            directory = os.path.dirname(
                place
            )  # an environment's `pyvenv.cfg` is beside its interpreter or above (PEP 405)
            yield from (f"{os.path.dirname(directory)}/pyvenv.cfg", f"{directory}/pyvenv.cfg")
        yield from names_in_home(link)


def landmarks(home: str, facts: Facts) -> Iterator[str]:
    """Yield where Python, started in the directory ``home``, looks for its library before it finds it."""
    name = os.path.basename(facts.stdlib)
    directories = dict.fromkeys(("lib", facts.platlibdir))
    while len(home) > 1:
        libraries = [f"{home}/{directory}/{name}" for directory in directories]
        if facts.stdlib in libraries:
            return
        for library in libraries:
            yield from (f"{library}/os.py", f"{library}/lib-dynload")
        home = os.path.dirname(home)


def declared_files(declared: Declared) -> Iterator[str]:
    """Yield the files that declare what is to be installed."""
    for file in declared.files:
        yield from along(walk(file))


def metadata_files(place: str) -> Iterator[str]:
    """Yield what describes one installed distribution, by the place of its metadata."""
    yield from followed(place)
    for name in ("METADATA", "PKG-INFO", "direct_url.json"):
        yield from followed(f"{place}/{name}")
    if place.endswith(".egg-link"):
        from envsync.observe.files import read_text  # noqa: PLC0415  # of old setuptools alone

        project = read_text(place).partition("\n")[0].strip()
        yield project
        for name in sorted(os.listdir(project)) if os.path.isdir(project) else ():
            if name.endswith(".egg-info"):
                yield from metadata_files(f"{project}/{name}")


def directories_of(directory: Directory, *, packages: bool) -> Iterator[str]:
    """Return the directories of an environment of which each entry counts, with ``packages`` also where those are."""
    end, found = directory.chain.end, directory.environment
    if directory.chain.kind is EndKind.DIRECTORY:
        yield end
    if found is not None:
        yield from (f"{end}/bin", f"{end}/lib")
        if found.lib64 is not None and found.lib64.link_text is None:
            yield f"{end}/lib64"
        for library in found.libraries:
            yield f"{end}/{library}"
            if packages:
                yield os.path.realpath(f"{end}/{library}/site-packages")


def uv_paths(found: str | None) -> Iterator[str]:
    """Yield where uv was looked for, up to where it was found: the site directory of envsync's own, then PATH."""
    yield os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    for directory in VARIABLES.get("PATH", "").split(":"):
        if directory.startswith("/"):
            yield from followed(f"{directory}/uv")
        if found == f"{directory}/uv":
            return
    if found is not None:
        yield from followed(found)
