"""Find a working interpreter link for what a manifest requests, with its facts."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from envsync.model import desired
from envsync.model.desired import DefaultPython, PythonPath, PythonRequest, PythonVersion
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.links import Chain, EndKind
from envsync.observe.base import base_of, is_script, locations
from envsync.observe.choose import best, fits, fitting, is_pinned, same_version
from envsync.observe.discover import Discovery, discover, stable_twin
from envsync.observe.facts import ASKED_AGAIN, Ask, Hedged, cycle, unusable
from envsync.observe.links import walk
from envsync.observe.onward import RUNS, Onward, leads_to, reached
from envsync.observe.probe import ProbeAnswer, ProbeError, is_same_file
from envsync.observe.remedies import of_failure
from envsync.observe.unrunnable import Remedy

_Result = Interpreter | InterpreterProblem


class Interpreters:
    """Finds the interpreter of each environment of one pass; every link is examined once."""

    def __init__(
        self, environments: Mapping[str, desired.Environment], ask: Ask, *, without: str | None = None
    ) -> None:
        """Take the environments by their declared ``path``, and the function that asks an interpreter.

        The real path ``without``, and all below it, is treated as missing.
        """
        self._environments = environments
        self._ask = Hedged(ask, self._likely, self.at)
        self._expected: tuple[str, ...] = ()
        self._without = without
        self._found: dict[PythonRequest, _Result] = {}
        self._by_base: dict[str, _Result] = {}
        self._installed: Discovery | None = None

    def find(self, environment: desired.Environment) -> _Result:
        """Return the interpreter of an environment, or the reason why none works.

        Where the manifest names no link, an existing environment keeps its own while that works and fits the request.
        """
        return self._of(environment, ())

    def at(self, link: str) -> _Result:
        """Return the interpreter at a path, or the reason why it does not work."""
        return self._by_path(link, link, (), ())

    def expect(self, links: Iterable[str]) -> None:
        """Take links that will be needed, to ask them early."""
        self._expected = tuple(links)

    def installed(self, request: PythonVersion) -> Iterator[Interpreter]:
        """Yield the installed interpreters that fit a request, the best first."""
        return fitting(request, self._all(), self.at)

    def searched(self) -> tuple[str, ...]:
        """Return the directories that were searched for installed interpreters."""
        return self._installed.searched if self._installed else ()

    def dependencies(self) -> tuple[str, ...]:
        """Return the paths that the result of that search depends on."""
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
            current = self._current(environment, request)
            if current is not None:
                return current
        if request not in self._found:
            self._found[request] = self._answer(request)
        return self._found[request]

    def _likely(self) -> Iterator[str]:
        """Yield the links that this pass may have to ask."""
        yield from self._expected
        for environment in self._environments.values():
            base = base_of(_python_of(environment))
            if isinstance(environment.python, PythonPath):
                yield environment.python.path
            elif base is not None:
                yield base.link
        if self._installed is not None:
            yield from (candidate.link for candidate in self._installed.candidates)

    def _owner(self, link: str) -> desired.Environment | None:
        """Return the declared environment that a link lies in, even if it does not exist yet; ``None`` if in none."""
        directory = os.path.dirname(link)
        return self._environments.get(directory.removesuffix("/bin")) if directory.endswith("/bin") else None

    def _current(self, environment: desired.Environment, request: PythonVersion | DefaultPython) -> _Result | None:
        """Return the interpreter that an environment has, if it works and fits the request; otherwise ``None``.

        Without a request, only one of the same version replaces one that does not work.
        """
        python = _python_of(environment)
        top = python.removesuffix("/bin/python")
        base = base_of(python) if os.path.isfile(f"{top}/pyvenv.cfg") else None
        if base is None:
            return None
        if base.link not in self._by_base:
            self._by_base[base.link] = self._by_path("", base.link, (), ())
        result = self._by_base[base.link]
        if isinstance(result, InterpreterProblem) and isinstance(request, DefaultPython):
            return self._replacement(top, result)
        if not isinstance(result, Interpreter) or not fits(result, request):
            return None
        # What a copy was made from depends on `home`, and on the names there.
        through = result.through if os.path.islink(python) else (python, *result.through)
        current = replace(result, declared=request.declared, through=through)
        return current if is_pinned(request) else _hinted(current)

    def _replacement(self, environment: str, broken: InterpreterProblem) -> _Result:
        same = same_version(environment)
        found = best(same, self._all(), lambda link: self._by_path("", link, (), ())) if same else broken
        if isinstance(found, Interpreter):
            return replace(found, declared="")
        hint = f"{broken.hint} To change to another version, declare it as `python`."
        return replace(broken, hint=hint, searched=True)

    def _answer(self, request: PythonRequest) -> _Result:
        if isinstance(request, PythonPath):
            result = self._by_path(request.declared, request.path, (), ())
            return _hinted(result) if isinstance(result, Interpreter) else result
        return best(request, self._all(), lambda link: self._by_path(request.declared, link, (), ()))

    def _all(self) -> Discovery:
        if self._installed is None:
            self._installed = discover()
            if self._without is not None:
                candidates = self._installed.candidates
                remaining = tuple(
                    python for python in candidates if self._walk(python.link).kind is not EndKind.MISSING
                )
                self._installed = replace(self._installed, candidates=remaining)
        return self._installed

    def _walk(self, link: str) -> Chain:
        chain = walk(link)
        places = (*(hop.link for hop in chain.hops), chain.end) if self._without is not None else ()
        is_hidden = any(f"{place}/".startswith(f"{self._without}/") for place in places)
        return replace(chain, kind=EndKind.MISSING) if is_hidden else chain

    def _by_path(self, declared: str, link: str, notes: tuple[str, ...], seen: tuple[str, ...]) -> _Result:
        if link in seen:
            return cycle(declared, (*seen, link))
        chain = self._walk(link)
        problem = unusable(declared, link, chain, lambda: self._all().candidates)
        if problem is not None:
            return problem
        try:
            found = self._look(declared, link, chain, notes)
        except ProbeError as error:
            remedy = Remedy(error.hint) if error.hint else of_failure(link, chain)
            hint = remedy.hint + (ASKED_AGAIN if error.timed_out else "")
            message = f"{link} does not work: {error}"
            return InterpreterProblem(
                declared, link, "interpreter-missing", message, hint, chain, remedy=remedy.commands
            )
        if isinstance(found, Interpreter):
            return replace(found, through=seen)
        result = self._by_path(declared, found.link, (*notes, found.note), (*seen, link))
        return reached(result, link, found)

    def _look(self, declared: str, link: str, chain: Chain, notes: tuple[str, ...]) -> Interpreter | Onward:
        """Return the interpreter at a link, or what leads on to one. Raises ``ProbeError``."""
        into = base_of(link)
        if into is not None:
            note = f"{link} belongs to the environment {into.environment}; its own base {into.link} is used"
            return Onward(into.link, note, asked=False, environment=into.environment)
        if is_script(chain.end):
            onward = leads_to(link, chain, self._ask(link, None, chain), "is a script")
            if onward is None:
                raise ProbeError("it is a script that does not report its interpreter")
            return onward
        return self._settle(declared, link, chain, notes)

    def _settle(self, declared: str, link: str, chain: Chain, notes: tuple[str, ...]) -> Interpreter | Onward:
        """Return the interpreter with the ``home`` from which it finds its standard library.

        The link's own directory is tried first; a link to a relocatable build needs its tree. A program
        that runs another one is recognised on the way: what answers lacks the given name.
        """
        failure: ProbeError | None = None
        for home in _homes(link):
            given = f"{home}/.envsync-probe"
            try:
                answer = self._ask(link, given, chain)
            except ProbeError as error:
                failure = failure or error
                if not error.may_be_misplaced:
                    break
            else:
                if not answer.is_named(given, chain.end):
                    return self._beyond(link, chain, answer)
                if self._is_astray(link, chain, answer):
                    message = f"an environment of it would take the standard library of another, {answer.facts.stdlib}"
                    failure = failure or ProbeError(message)
                    continue
                asked = not answer.is_from(given, chain.end)
                return Interpreter(declared, link, home, chain, answer.facts, notes, asked=asked)
        if failure is None or not failure.may_be_misnamed:
            raise failure or ProbeError("it leads nowhere")
        return self._by_own_name(link, chain, failure)

    def _is_astray(self, link: str, chain: Chain, answer: ProbeAnswer) -> bool:
        """Check whether, from a home, it finds another standard library than its own: one beside a bare link to it."""
        stdlib = answer.facts.stdlib
        if stdlib.startswith(f"{os.path.dirname(os.path.dirname(chain.end))}/"):
            return False
        try:
            own = self._ask(link, link, chain).facts.stdlib  # by its own name; remembered, since it names one
        except ProbeError:
            return False
        return not is_same_file(f"{stdlib}/os.py", f"{own}/os.py")

    def _by_own_name(self, link: str, chain: Chain, failure: ProbeError) -> Onward:
        """Run what depends on its name: mise's and snap's links all lead to one program."""
        try:
            onward = leads_to(link, chain, self._ask(link, None, chain), RUNS)
        except ProbeError:
            onward = None
        if onward is None:
            raise failure
        return onward

    def _beyond(self, link: str, chain: Chain, answer: ProbeAnswer) -> Onward:
        onward = leads_to(link, chain, answer, RUNS)
        if onward is None:
            raise ProbeError("it runs another program, and does not report which")
        return onward


def _hinted(result: Interpreter) -> Interpreter:
    """Return an interpreter, with a note if its path names a patch release and a stable link exists."""
    twin = stable_twin(result.link)
    if twin is None:
        return result
    note = f"{result.link} names one patch release; {twin} leads to the same tree and follows upgrades"
    return replace(result, notes=(*result.notes, note))


def _python_of(environment: desired.Environment) -> str:
    """Return the path of an environment's ``bin/python``, which need not exist yet."""
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
    through = (_python_of(owner), *result.through)  # the present one decides
    return replace(result, declared=request.declared, notes=(*result.notes, note), through=through)
