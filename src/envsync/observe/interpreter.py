"""From what a manifest asks for to an interpreter link that works, with its facts."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from envsync import desired
from envsync.desired import DefaultPython, PythonPath, PythonRequest, PythonVersion
from envsync.observe.base import base_of, is_script, locations
from envsync.observe.chain import walk
from envsync.observe.choose import best, default_link
from envsync.observe.discover import Found, discover, stable_twin
from envsync.observe.probe import ProbeError, Said
from envsync.observed import Chain, EndKind, Interpreter, InterpreterProblem

__all__ = ["Ask", "Interpreters"]

Ask = Callable[[str, str | None, Chain], Said]
"""Run an interpreter, or remember what it said: its link, the path it is told it was started by, its chain."""

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
        self._ask = ask
        self._without = without
        self._found: dict[PythonRequest, _Result] = {}
        self._installed: Found | None = None

    def find(self, environment: desired.Environment) -> _Result:
        """Give the interpreter link of an environment, or the reason why there is none that works."""
        return self._of(environment, ())

    def at(self, link: str) -> _Result:
        """Give the interpreter at a path, or the reason why it does not work."""
        return self._by_path(link, link, (), ())

    def searched(self) -> tuple[str, ...]:
        """List the folders whose content decided which interpreter a version request got."""
        return self._installed.searched if self._installed else ()

    def witnesses(self) -> tuple[str, ...]:
        """List the paths whose stamps vouch for what was found there."""
        return self._installed.witnesses if self._installed else ()

    def _of(self, environment: desired.Environment, through: tuple[str, ...]) -> _Result:
        request = environment.python
        if environment.path in through:
            return _cycle(request.declared, (*through, environment.path))
        through = (*through, environment.path)
        if isinstance(request, PythonPath):
            # Not remembered across environments: the path may lie in one of them.
            owner = self._owner(request.path)
            if owner is not None:
                return _declared_as(self._of(owner, through), request.declared, owner)
        if request not in self._found:
            self._found[request] = self._answer(request)
        return self._found[request]

    def _owner(self, link: str) -> desired.Environment | None:
        """Give the declared environment that a link lies in, whether or not it exists yet."""
        folder = os.path.dirname(link)
        return self._environments.get(folder.removesuffix("/bin")) if folder.endswith("/bin") else None

    def _answer(self, request: PythonRequest) -> _Result:
        match request:
            case PythonPath(declared, path):
                return self._hinted(self._by_path(declared, path, (), ()))
            case PythonVersion():
                return best(request, self._all(), lambda link: self._by_path(request.declared, link, (), ()))
            case DefaultPython(declared):
                return self._by_path(declared, default_link(self._all()), (), ())

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

    def _hinted(self, result: _Result) -> _Result:
        twin = stable_twin(result.link) if isinstance(result, Interpreter) else None
        if twin is None or isinstance(result, InterpreterProblem):
            return result
        note = f"{result.link} names one patch release; {twin} leads to the same tree and follows upgrades"
        return replace(result, notes=(*result.notes, note))

    def _by_path(self, declared: str, link: str, notes: tuple[str, ...], seen: tuple[str, ...]) -> _Result:
        if link in seen:
            return _cycle(declared, (*seen, link))
        chain = self._walk(link)
        problem = _unusable(declared, link, chain)
        if problem is not None:
            return problem
        try:
            onward = self._onward(link, chain)
            if onward is not None:
                further, note, asked = onward
                result = self._by_path(declared, further, (*notes, note), (*seen, link))
                return replace(result, asked=True) if asked and isinstance(result, Interpreter) else result
            return replace(self._settle(declared, link, chain, notes), through=seen)
        except ProbeError as error:
            hint = error.hint or f"Try it: {link} -c 'print(1)'. The environment is left as it is until the link works."
            return InterpreterProblem(
                declared, link, "interpreter-missing", f"{link} does not work: {error}", hint, chain
            )

    def _onward(self, link: str, chain: Chain) -> tuple[str, str, bool] | None:
        """Tell where a link really leads on to, if it is no interpreter of its own, and whether it had to be asked."""
        into = base_of(link)
        if into is not None:
            note = f"{link} belongs to the environment {into.environment}; its own base {into.link} is used"
            return into.link, note, False
        if not is_script(chain.end):
            return None
        said = self._ask(link, None, chain)
        base = said.base_executable or said.executable
        if not base.startswith("/") or base == link:
            raise ProbeError("it is a script that does not tell its interpreter")
        return base, f"{link} is a script; the interpreter that it runs, {base}, is used", True

    def _settle(self, declared: str, link: str, chain: Chain, notes: tuple[str, ...]) -> Interpreter:
        """Find the folder from which Python finds its standard library, beginning with the link's own.

        That is how it will look for it from ``home``: for a bare link to a relocatable build, ``home`` has to name the
        tree that it leads to.
        """
        failure: ProbeError | None = None
        for home in _homes(link):
            try:
                said = self._ask(link, f"{home}/.envsync-probe", chain)
            except ProbeError as error:
                if not error.may_be_misplaced:
                    raise
                failure = failure or error
            else:
                return Interpreter(declared, link, home, chain, said.facts, notes)
        raise failure or ProbeError("it leads nowhere")


def _homes(link: str) -> Iterator[str]:
    yield from dict.fromkeys(os.path.dirname(place) for place in locations(link))


def _declared_as(result: _Result, declared: str, owner: desired.Environment) -> _Result:
    if isinstance(result, InterpreterProblem):
        return replace(result, declared=declared)
    note = f"it is the environment {owner.name}; its own base {result.link} is used"
    return replace(result, declared=declared, notes=(*result.notes, note))


def _cycle(declared: str, through: tuple[str, ...]) -> InterpreterProblem:
    own = len(set(through)) == 1
    message = (
        f"{through[0]} would be its own interpreter" if own else f"the links lead in a circle: {' -> '.join(through)}"
    )
    hint = 'Give `python` a path outside of the environments it is for, or a version such as "3.12".'
    return InterpreterProblem(declared, through[-1], "interpreter-cycle", message, hint)


def _unusable(declared: str, link: str, chain: Chain) -> InterpreterProblem | None:
    """Say why a link cannot be run at all, going by what stands at its end."""
    hint = "Install that Python, or name another link. The environment is left as it is."
    match chain.kind:
        case EndKind.MISSING if chain.hops:
            message = f"{link} leads to {chain.end}, and nothing is there"
        case EndKind.MISSING:
            message = f"nothing is at {link}"
        case EndKind.DIRECTORY:
            inner = f"{link}/bin/python"
            message = f"{link} is a folder, not an interpreter"
            hint = f"Write {inner}." if os.path.exists(inner) else "Name the executable itself."
        case EndKind.FILE if not os.access(chain.end, os.X_OK):
            message = f"{chain.end} is not executable"
        case EndKind.FILE:
            return None
        case _:
            message = f"{link} leads to {chain.kind.value}" + (f": {chain.reason}" if chain.reason else "")
    return InterpreterProblem(declared, link, "interpreter-missing", message, hint, chain)
