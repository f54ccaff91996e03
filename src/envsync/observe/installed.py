"""Look at every interpreter of this machine, each once, by its best link."""

import os
import re
from collections.abc import Iterable, Iterator

from envsync.observe.chain import walk
from envsync.observe.discover import Candidate, discover, stable_twin
from envsync.observe.interpreter import Interpreters
from envsync.observe.keeper import keeper_of
from envsync.observe.probe import ProbeError, probe
from envsync.observed import InterpreterProblem
from envsync.observed.machine import Installed

__all__ = ["read_installed", "shims"]

_OLDEST = (3, 7)
"""Environments need no older ones, and nothing is told of those."""
_NOWHERE = "/.envsync-nowhere/bin/python"


def read_installed(used: Iterable[str], interpreters: Interpreters) -> tuple[Installed, ...]:
    """Look at the links ``used``, and at one to each other interpreter that can be found, in order of version."""
    links = dict.fromkeys(used)
    ends = {walk(link).end for link in links}
    for link in _best_first():
        end = walk(link).end
        if end not in ends:
            ends.add(end)
            links[link] = None
    interpreters.expect(links)
    found = [_look(link, interpreters) for link in links]
    return tuple(sorted(found, key=lambda one: [int(digits) for digits in re.findall(r"\d+", one.version)]))


def shims() -> tuple[str, ...]:
    """List the folders on PATH whose commands lead elsewhere by the folder that one is in, as pyenv's and asdf's do."""
    folders = os.environ.get("PATH", "").split(":")
    return tuple(dict.fromkeys(one for one in folders if os.path.basename(one) == "shims" and os.path.isdir(one)))


def _best_first() -> Iterator[str]:
    candidates = sorted(discover().candidates, key=lambda one: one.loose)
    yield from (one.link for one in candidates if one.stable and _is_fit(one))
    yield from (one.link for one in candidates if not one.stable and _is_fit(one))


def _is_fit(candidate: Candidate) -> bool:
    return candidate.implementation != "cpython" or candidate.version[:2] >= _OLDEST


def _look(link: str, interpreters: Interpreters) -> Installed:
    keeper = keeper_of(link)
    tool = keeper.tool if keeper else ""
    found = interpreters.at(link)
    if isinstance(found, InterpreterProblem):
        return Installed(link, "", "", "", tool, problem=found.message)
    facts = found.facts
    stable = re.search(rf"(?<!\d){re.escape(facts.release)}(?!\d)", link) is None
    return Installed(
        link=link,
        version=facts.version,
        minor=facts.minor,
        implementation=facts.implementation,
        keeper=tool,
        stable=stable,
        twin=None if stable else stable_twin(link),
        relocatable=_is_relocatable(facts.executable),
        has_venv=os.path.exists(f"{facts.stdlib}/venv/__init__.py"),
    )


def _is_relocatable(executable: str) -> bool | None:
    """Tell whether an interpreter that is told a place where nothing is does not find its standard library."""
    try:
        probe(executable, as_if=_NOWHERE)
    except ProbeError as error:
        return True if error.may_be_misplaced else None
    return False
