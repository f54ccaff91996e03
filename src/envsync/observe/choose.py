"""Choose the installed interpreter for a version request."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from envsync.model.desired import DefaultPython, PythonVersion
from envsync.model.interpreter import Candidate, Interpreter, InterpreterProblem
from envsync.observe.base import is_script
from envsync.observe.discover import Discovery
from envsync.observe.remedies import of_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet


_PINNED = re.compile(r"==\d+\.\d+\.\d+")
"""``==3.12.6``."""
_LIBRARY = re.compile(r"(python|pypy|graalpy)(\d+\.\d+)(t?)")
"""``python3.12``, ``python3.13t``, ``pypy3.10``."""
_ANY = PythonVersion("any version", "cpython", ">=3.7")
"""The request of a manifest without ``python``: envsync supports no older version."""
_LATER = "999"
"""A minor version of the future."""


def best(
    request: PythonVersion | DefaultPython, found: Discovery, look: Callable[[str], Interpreter | InterpreterProblem]
) -> Interpreter | InterpreterProblem:
    """Return the best interpreter for a request; only those are examined whose names do not rule them out.

    Final releases come before others, newer minor versions before older, stable links before patch paths; conda's own
    comes last. A request for one patch release prefers the path that names it, since a stable link will move on.
    """
    wanted = request if isinstance(request, PythonVersion) else _ANY
    asked = False
    for candidate in _ranked(wanted, found):
        result = look(candidate.link)
        if isinstance(result, Interpreter) and fits(result, wanted):
            return replace(result, asked=asked or result.asked, searched=True)
        # A script that fails now may run another program, one that works, in the next pass.
        asked = asked or _leads_to_script(result)
    remedy = of_request(wanted)
    return InterpreterProblem(
        declared=request.declared,
        link=None,
        code="interpreter-missing",
        message=f"no installed interpreter is {_wanted(wanted)}; found: {_listing(found)}",
        hint=remedy.hint,
        searched=True,
        remedy=remedy.commands,
    )


def fitting(
    request: PythonVersion, found: Discovery, look: Callable[[str], Interpreter | InterpreterProblem]
) -> Iterator[Interpreter]:
    """Yield the interpreters that fit a request, the best first; none by a link to the newest of all."""
    for candidate in _ranked(request, found):
        result = None if candidate.floating else look(candidate.link)
        if isinstance(result, Interpreter) and fits(result, request):
            yield result


def _ranked(request: PythonVersion, found: Discovery) -> list[Candidate]:
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415  # a path needs none of it

    specifier = SpecifierSet(request.specifier)
    plausible = [candidate for candidate in found.candidates if _plausible(candidate, request, specifier)]
    return sorted(plausible, key=lambda candidate: _rank(candidate, request, specifier), reverse=True)


def fits(found: Interpreter, request: PythonVersion | DefaultPython) -> bool:
    """Check whether an interpreter fits a request; any does without one."""
    if isinstance(request, DefaultPython):
        return True
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415  # a path needs none of it

    facts = found.facts
    return (facts.implementation, facts.free_threaded) == (
        request.implementation,
        request.free_threaded,
    ) and SpecifierSet(request.specifier).contains(facts.version, prereleases=True)


def is_pinned(request: PythonVersion | DefaultPython) -> bool:
    """Check whether a request is for one patch release."""
    return isinstance(request, PythonVersion) and _PINNED.fullmatch(request.specifier) is not None


def same_version(environment: str) -> PythonVersion | None:
    """Return a request for the version that an environment was built for, by its library; ``None`` if unknown."""
    try:
        names = os.listdir(f"{environment}/lib")
    except OSError:
        return None
    matches = [match for match in map(_LIBRARY.fullmatch, names) if match]
    if len(matches) != 1:
        return None
    implementation, minor, threads = matches[0].groups()
    named = "cpython" if implementation == "python" else implementation
    return PythonVersion(f"{minor}{threads}", named, f"=={minor}.*", free_threaded=bool(threads))


def _leads_to_script(result: Interpreter | InterpreterProblem) -> bool:
    end = result.chain.end if result.chain is not None else ""
    return is_script(end) and os.access(end, os.X_OK)


def _rank(candidate: Candidate, request: PythonVersion, specifier: "SpecifierSet") -> tuple[object, ...]:
    # sorted() keeps the order of equal ones, also with reverse: earlier sources stay first.
    minor = candidate.version[:2]
    if is_pinned(request):
        lasting = int(not candidate.stable)
    elif not candidate.floating:
        lasting = 2 * candidate.stable
    else:
        # `3` and `latest` move on to the next minor version: better than a patch path only if the request allows it.
        lasting = 1 if specifier.contains(f"3.{_LATER}", prereleases=True) else -1
    return (not candidate.last_resort, candidate.final, minor, lasting, candidate.version, candidate.build)


def _plausible(candidate: Candidate, request: PythonVersion, specifier: "SpecifierSet") -> bool:
    if (candidate.implementation, candidate.free_threaded) != (request.implementation, request.free_threaded):
        return False
    if len(candidate.version) > 2:  # noqa: PLR2004  # major, minor, patch
        return specifier.contains(".".join(map(str, candidate.version)), prereleases=True)
    if not candidate.version:
        return True  # only running it tells
    minor = ".".join(map(str, candidate.version))
    # The name has no patch release: it may fit if any of that minor version does.
    return any(specifier.contains(f"{minor}.{patch}", prereleases=True) for patch in range(100))


def _wanted(request: PythonVersion) -> str:
    implementation = "" if request.implementation == "cpython" else f"{request.implementation} "
    return f"{implementation}{request.specifier}{' free-threaded' if request.free_threaded else ''}"


def _listing(found: Discovery) -> str:
    seen = {_named(candidate) for candidate in found.candidates if not candidate.floating}
    return ", ".join(sorted(seen, key=lambda text: [int(part) for part in re.findall(r"\d+", text)])) or "none"


def _named(candidate: Candidate) -> str:
    implementation = "" if candidate.implementation == "cpython" else candidate.implementation
    if not candidate.version:
        return f"{implementation}-{'.'.join(map(str, candidate.build))}"
    return f"{implementation}{'.'.join(map(str, candidate.version))}{'t' if candidate.free_threaded else ''}"
