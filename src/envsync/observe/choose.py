"""Pick among the installed interpreters the one that a version request means."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace

from envsync.desired import PythonVersion
from envsync.observe.base import is_script
from envsync.observe.discover import Candidate, Found
from envsync.observed import Interpreter, InterpreterProblem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

__all__ = ["best", "default_link"]

_PINNED = re.compile(r"==\d+\.\d+\.\d+")


def best(
    request: PythonVersion, found: Found, look: Callable[[str], Interpreter | InterpreterProblem]
) -> Interpreter | InterpreterProblem:
    """Give the best interpreter for a request, looking only at those whose names let them be it.

    Released ones come before others, newer minor versions before older, stable links before patch paths. A request
    for one patch release prefers the path that names it, since a stable link will move on.
    """
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415  # a path needs none of it

    specifier = SpecifierSet(request.specifier)
    pinned = _PINNED.fullmatch(request.specifier) is not None
    plausible = [candidate for candidate in found.candidates if _plausible(candidate, request, specifier)]
    asked = False
    for candidate in sorted(plausible, key=lambda candidate: _rank(candidate, pinned=pinned), reverse=True):
        result = look(candidate.link)
        if isinstance(result, Interpreter) and _fits(result, request, specifier):
            return replace(result, asked=True) if asked else result
        # A script that fails now may run something that works in the next pass.
        asked = asked or _is_running_another(result)
    return InterpreterProblem(
        declared=request.declared,
        link=None,
        code="interpreter-missing",
        message=f"no installed interpreter is {_wanted(request)}; found: {_listing(found)}",
        hint="Install it (pyenv, mise, uv, Homebrew or the system's packages), or name an interpreter by its path.",
    )


def _is_running_another(result: Interpreter | InterpreterProblem) -> bool:
    end = result.chain.end if result.chain is not None else ""
    return is_script(end) and os.access(end, os.X_OK)


def default_link(found: Found) -> str:
    """Give the base interpreter that envsync runs on, by a stable link to it if there is one."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    real = os.path.realpath(base)
    twins = [one.link for one in found.candidates if one.stable and os.path.realpath(one.link) == real]
    return base if base in twins or not twins else twins[0]


def _rank(candidate: Candidate, *, pinned: bool) -> tuple[object, ...]:
    # sorted() is stable, but reverse keeps equal ones in order too: earlier sources stay first.
    return (candidate.final, candidate.version[:2], candidate.stable != pinned, candidate.version)


def _plausible(candidate: Candidate, request: PythonVersion, specifier: "SpecifierSet") -> bool:
    if (candidate.implementation, candidate.free_threaded) != (request.implementation, request.free_threaded):
        return False
    if len(candidate.version) > 2:  # noqa: PLR2004  # major, minor, patch
        return specifier.contains(".".join(map(str, candidate.version)), prereleases=True)
    minor = ".".join(map(str, candidate.version))
    # The name does not tell the patch release. Any could be, unless none of that minor version fits.
    return any(specifier.contains(f"{minor}.{patch}", prereleases=True) for patch in range(100))


def _fits(found: Interpreter, request: PythonVersion, specifier: "SpecifierSet") -> bool:
    return found.facts.implementation == request.implementation and specifier.contains(
        found.facts.version, prereleases=True
    )


def _wanted(request: PythonVersion) -> str:
    implementation = "" if request.implementation == "cpython" else f"{request.implementation} "
    return f"{implementation}{request.specifier}{' free-threaded' if request.free_threaded else ''}"


def _listing(found: Found) -> str:
    seen = {
        f"{'' if one.implementation == 'cpython' else one.implementation}{'.'.join(map(str, one.version))}"
        f"{'t' if one.free_threaded else ''}"
        for one in found.candidates
    }
    return ", ".join(sorted(seen, key=lambda text: [int(part) for part in re.findall(r"\d+", text)])) or "none"
