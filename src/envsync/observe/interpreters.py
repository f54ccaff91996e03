"""From what a manifest asks for to an interpreter link that works, with its facts."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from envsync.model import desired
from envsync.model.desired import DefaultPython, PythonPath, PythonRequest, PythonVersion
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.links import Chain, EndKind
from envsync.observe.base import base_of, is_script, locations
from envsync.observe.choose import best, fits, fitting, is_pinned, same_version
from envsync.observe.discover import Found, discover, stable_twin
from envsync.observe.facts import ASKED_AGAIN, Ask, Hedged, cycle, unusable
from envsync.observe.links import walk
from envsync.observe.probe import ProbeAnswer, ProbeError, is_same_file, remedy

_Result = Interpreter | InterpreterProblem


class Interpreters:
    """Finds the interpreter of each environment of one pass; every link is looked at once."""

    def __init__(
        self, environments: Mapping[str, desired.Environment], ask: Ask, *, without: str | None = None
    ) -> None:
        """Take the environments by their declared ``path``, and the way to ask an interpreter.

        With ``without``, a real path, all is as if nothing were there, nor below it.
        """
        self._environments = environments
        self._ask = Hedged(ask, self._likely, self.at)
        self._expected: tuple[str, ...] = ()
        self._without = without
        self._found: dict[PythonRequest, _Result] = {}
        self._held: dict[str, _Result] = {}
        self._installed: Found | None = None

    def find(self, environment: desired.Environment) -> _Result:
        """Return the interpreter link of an environment, or the reason why there is none that works.

        Where the manifest names no link, an environment that is there keeps the one that it has, while that works and
        is what is asked for.
        """
        return self._of(environment, ())

    def at(self, link: str) -> _Result:
        """Give the interpreter at a path, or the reason why it does not work."""
        return self._by_path(link, link, (), ())

    def expect(self, links: Iterable[str]) -> None:
        """Take links that will be asked for."""
        self._expected = tuple(links)

    def installed(self, request: PythonVersion) -> Iterator[Interpreter]:
        """Yield the installed interpreters that are what a request asks for, the best first."""
        return fitting(request, self._all(), self.at)

    def searched(self) -> tuple[str, ...]:
        """List the directories whose content decided which of the installed interpreters was chosen."""
        return self._installed.searched if self._installed else ()

    def dependencies(self) -> tuple[str, ...]:
        """Return the paths that what was found there rests on."""
        return self._installed.dependencies if self._installed else ()

    def _of(self, environment: desired.Environment, through: tuple[str, ...]) -> _Result:
        request = environment.python
        if environment.path in through:
            return cycle(request.declared, (*through, environment.path))
        through = (*through, environment.path)
        if isinstance(request, PythonPath):
            # Not remembered across environments: the path may lie in one of them.
            owner = self._owner(request.path)
            if owner is not None:
                return _declared_as(self._of(owner, through), request, owner)
        else:
            kept = self._kept(environment, request)
            if kept is not None:
                return kept
        if request not in self._found:
            self._found[request] = self._answer(request)
        return self._found[request]

    def _likely(self) -> Iterator[str]:
        """Yield the links that this pass may have to ask, whatever is known of them already."""
        yield from self._expected
        for environment in self._environments.values():
            held = base_of(_python_of(environment))
            if isinstance(environment.python, PythonPath):
                yield environment.python.path
            elif held is not None:
                yield held.link
        if self._installed is not None:
            yield from (candidate.link for candidate in self._installed.candidates)

    def _owner(self, link: str) -> desired.Environment | None:
        """Give the declared environment that a link lies in, whether or not it exists yet."""
        directory = os.path.dirname(link)
        return self._environments.get(directory.removesuffix("/bin")) if directory.endswith("/bin") else None

    def _kept(self, environment: desired.Environment, request: PythonVersion | DefaultPython) -> _Result | None:
        """Return the interpreter that an environment has, if it works and is what is asked for.

        Where nothing is asked for, and it does not work, another of the same version takes its place: to rebuild the
        environment for another version, somebody has to ask for that.
        """
        python = _python_of(environment)
        top = python.removesuffix("/bin/python")
        held = base_of(python) if os.path.isfile(f"{top}/pyvenv.cfg") else None
        if held is None:
            return None
        if held.link not in self._held:
            self._held[held.link] = self._by_path("", held.link, (), ())
        result = self._held[held.link]
        if isinstance(result, InterpreterProblem) and isinstance(request, DefaultPython):
            return self._in_its_place(top, result)
        if not isinstance(result, Interpreter) or not fits(result, request):
            return None
        # A copy does not tell what it was made from: `home` does, and which names are there.
        through = result.through if os.path.islink(python) else (python, *result.through)
        kept = replace(result, declared=request.declared, through=through)
        return kept if is_pinned(request) else _hinted(kept)

    def _in_its_place(self, environment: str, gone: InterpreterProblem) -> _Result:
        same = same_version(environment)
        found = best(same, self._all(), lambda link: self._by_path("", link, (), ())) if same else gone
        if isinstance(found, Interpreter):
            return replace(found, declared="")
        hint = f"{gone.hint} To move it on to another version, say which: `python` is not declared."
        return replace(gone, hint=hint, searched=True)

    def _answer(self, request: PythonRequest) -> _Result:
        if isinstance(request, PythonPath):
            result = self._by_path(request.declared, request.path, (), ())
            return _hinted(result) if isinstance(result, Interpreter) else result
        return best(request, self._all(), lambda link: self._by_path(request.declared, link, (), ()))

    def _all(self) -> Found:
        if self._installed is None:
            self._installed = discover()
            if self._without is not None:
                candidates = self._installed.candidates
                still = tuple(one for one in candidates if self._walk(one.link).kind is not EndKind.MISSING)
                self._installed = replace(self._installed, candidates=still)
        return self._installed

    def _walk(self, link: str) -> Chain:
        chain = walk(link)
        places = (*(hop.link for hop in chain.hops), chain.end) if self._without is not None else ()
        gone = any(f"{place}/".startswith(f"{self._without}/") for place in places)
        return replace(chain, kind=EndKind.MISSING) if gone else chain

    def _by_path(self, declared: str, link: str, notes: tuple[str, ...], seen: tuple[str, ...]) -> _Result:
        if link in seen:
            return cycle(declared, (*seen, link))
        chain = self._walk(link)
        problem = unusable(declared, link, chain)
        if problem is not None:
            return problem
        try:
            found = self._look(declared, link, chain, notes)
        except ProbeError as error:
            hint = (error.hint or remedy(link)) + (ASKED_AGAIN if error.timed_out else "")
            return InterpreterProblem(
                declared, link, "interpreter-missing", f"{link} does not work: {error}", hint, chain
            )
        if isinstance(found, Interpreter):
            return replace(found, through=seen)
        result = self._by_path(declared, found.link, (*notes, found.note), (*seen, link))
        return _having_asked(result, link, found) if found.asked else result

    def _look(self, declared: str, link: str, chain: Chain, notes: tuple[str, ...]) -> "Interpreter | _Onward":
        """Find what stands at a link: an interpreter, or something that leads on to one."""
        into = base_of(link)
        if into is not None:
            note = f"{link} belongs to the environment {into.environment}; its own base {into.link} is used"
            return _Onward(into.link, note, asked=False)
        if is_script(chain.end):
            onward = _onward(link, chain, self._ask(link, None, chain), "is a script")
            if onward is None:
                raise ProbeError("it is a script that does not tell its interpreter")
            return onward
        return self._settle(declared, link, chain, notes)

    def _settle(self, declared: str, link: str, chain: Chain, notes: tuple[str, ...]) -> "Interpreter | _Onward":
        """Find the directory from which Python finds its standard library, beginning with the link's own.

        That is how it will look for it from ``home``: for a bare link to a relocatable build, ``home`` has to name the
        tree that it leads to. A program that runs another one, compiled though it be, is found out on the way: what
        answers does not go by the name that it was told.
        """
        failure: ProbeError | None = None
        for home in _homes(link):
            told = f"{home}/.envsync-probe"
            try:
                said = self._ask(link, told, chain)
            except ProbeError as error:
                failure = failure or error
                if not error.may_be_misplaced:
                    break
            else:
                if not said.goes_by(told, chain.end):
                    return self._beyond(link, chain, said)
                asked = not said.is_from(told, chain.end)
                return Interpreter(declared, link, home, chain, said.facts, notes, asked=asked)
        if failure is None or not failure.may_be_misnamed:
            raise failure or ProbeError("it leads nowhere")
        return self._by_its_name(link, chain, failure)

    def _by_its_name(self, link: str, chain: Chain, failure: ProbeError) -> "_Onward":
        """Run what works only by its own name: mise's and snap's links all lead to one program, which goes by it."""
        try:
            onward = _onward(link, chain, self._ask(link, None, chain), _RUNS)
        except ProbeError:
            onward = None
        if onward is None:
            raise failure
        return onward

    def _beyond(self, link: str, chain: Chain, said: ProbeAnswer) -> "_Onward":
        onward = _onward(link, chain, said, _RUNS)
        if onward is None:
            raise ProbeError("it is a program that runs another one, and does not tell which")
        return onward


_RUNS = "runs another program"


@dataclass(frozen=True, slots=True)
class _Onward:
    """Where something that is no interpreter of its own leads on to."""

    link: str
    note: str
    asked: bool
    """Whether it had to be run to know."""


def _onward(link: str, chain: Chain, said: ProbeAnswer, trait: str) -> _Onward | None:
    """Return the interpreter that a program runs; ``None`` where it tells none but itself."""
    names = (said.base_executable, said.executable, said.process)
    base = next((one for one in names if one and not is_same_file(one, chain.end)), "")
    if not base.startswith("/"):
        return None
    return _Onward(base, f"{link} {trait}; the interpreter that it runs, {base}, is used", asked=True)


def _hinted(result: Interpreter) -> Interpreter:
    """Add a note to an interpreter that is pinned by its path alone."""
    twin = stable_twin(result.link)
    if twin is None:
        return result
    note = f"{result.link} names one patch release; {twin} leads to the same tree and follows upgrades"
    return replace(result, notes=(*result.notes, note))


def _having_asked(result: _Result, link: str, onward: _Onward) -> _Result:
    if isinstance(result, Interpreter):
        return replace(result, asked=True)
    return replace(result, message=f"{link} runs {onward.link}, and {result.message}")


def _python_of(environment: desired.Environment) -> str:
    """Return where the ``bin/python`` of an environment is, or will be."""
    chain = walk(environment.path)
    if environment.target is not None and chain.kind is EndKind.MISSING and not chain.is_link:
        chain = walk(environment.target)
    return f"{chain.end}/bin/python"


def _homes(link: str) -> Iterator[str]:
    yield from dict.fromkeys(os.path.dirname(place) for place in locations(link))


def _declared_as(result: _Result, request: PythonPath, owner: desired.Environment) -> _Result:
    if isinstance(result, InterpreterProblem):
        return replace(result, declared=request.declared)
    note = f"it is the environment {owner.name}; its own base {result.link} is used"
    if isinstance(owner.python, PythonPath):
        return replace(result, declared=request.declared, notes=(*result.notes, note))
    through = (_python_of(owner), *result.through)  # what it has decides
    return replace(result, declared=request.declared, notes=(*result.notes, note), through=through)
