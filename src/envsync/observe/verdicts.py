"""Check whether packages are as declared: by what an installation recorded, else by asking the installer, once."""

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from envsync.cache.fingerprint import take
from envsync.cache.store import Cache
from envsync.model.evidence import Evidence
from envsync.model.interpreter import Facts, Interpreter
from envsync.model.packages import INPUTS, INSTALLED, SEEDS, Change, Declared, InstalledPackages, Verdict
from envsync.model.problems import EnvsyncError
from envsync.model.world import Directory
from envsync.observe.dependencies import declared_files

if TYPE_CHECKING:
    from envsync.formats.installers.command import Installer


_KIND = "verdicts"
Find = Callable[[str, Facts], "Installer"]
"""Finds an installer by its name, for a Python. Raises ``EnvsyncError``."""
Building = Callable[[Iterable[str]], AbstractContextManager[object]]
"""Returns what to hold while an installer may build from directories of sources."""


class Verdicts:
    """Asks each question once: the answer depends on nothing but what the question names, by its digests."""

    def __init__(self, cache: Cache, find: Find, building: Building) -> None:
        """Take what earlier passes found, what finds installers, and what to hold while one works."""
        self._cache = cache
        self._find = find
        self._building = building

    def of(  # noqa: PLR0913  # what is asked about, and since when
        self,
        place: str,
        declared: Declared,
        installed: InstalledPackages,
        facts: Facts,
        *,
        exact: bool,
        began: int,
    ) -> Verdict:
        """Return the verdict on the packages of the environment at ``place``.

        ``began`` is when reading what is declared and installed began, in nanoseconds since the epoch. What the
        installer could not say counts as not met, with the reason, and is asked again the next time.
        """
        key = f"{declared.inputs} {installed.digest} {facts.abi}"
        known = self._cache.get(_KIND, key, _verdict)
        if known is not None:
            return known
        verdict = self._ask(place, declared, installed, facts, exact=exact)
        # The installer reads the files itself: what has changed since they were read here is not what it judged.
        sites = (f"{place}/{facts.purelib}", f"{place}/{facts.platlib}")
        if not verdict.reason and take((*declared_files(declared), *sites), began) is not None:
            self._cache.put(_KIND, key, astuple(verdict), Evidence())
        return verdict

    def upgrade(
        self, place: str, declared: Declared, installed: InstalledPackages, facts: Facts, *, only: tuple[str, ...] = ()
    ) -> Verdict:
        """Ask which newer releases the declarations allow; the network is asked, and nothing is remembered."""
        return self._ask(place, declared, installed, facts, upgrade=True, only=only)

    def extraneous(self, place: str, declared: Declared, installed: InstalledPackages, facts: Facts) -> tuple[str, ...]:
        """Return the installed packages that no declaration needs; none where that takes the network to know."""
        return self._ask(place, declared, installed, facts, exact=True).extraneous

    def _ask(  # noqa: PLR0913  # what is asked about, and how
        self,
        place: str,
        declared: Declared,
        installed: InstalledPackages,
        facts: Facts,
        *,
        exact: bool = False,
        upgrade: bool = False,
        only: tuple[str, ...] = (),
    ) -> Verdict:
        if not declared.calls:  # nobody has to be asked what nothing brings
            gone = {one.name for one in installed.distributions} - SEEDS if exact else set()
            return Verdict(not gone, (), tuple(sorted(gone)))
        from envsync.formats.installers.command import AnswerError, Job  # noqa: PLC0415  # only where somebody has to be asked
        from envsync.observe.installer import Question, ask  # noqa: PLC0415

        job = Job(upgrade=upgrade, only=only, offline=not upgrade)
        try:
            with self._building(project.path for project in declared.projects):
                return ask(Question(place, declared, installed, exact), self._find(declared.installer, facts), job)
        except AnswerError as error:
            return Verdict(met=False, reason=str(error))
        except EnvsyncError as error:
            return Verdict(met=False, reason=error.problem.message)
        except OSError as error:
            return Verdict(met=False, reason=f"{declared.installer} could not be asked: {error}")


def _verdict(value: tuple[Any, ...]) -> Verdict:
    met, changes, extraneous, reason = value
    return Verdict(met, tuple(Change(*change) for change in changes), extraneous, reason)


def judge(  # noqa: PLR0913  # what is there, what is wanted, and who knows
    directory: Directory,
    interpreter: Interpreter,
    declared: Declared,
    installed: InstalledPackages,
    verdicts: Verdicts,
    *,
    exact: bool,
    began: int = 0,
) -> Verdict | None:
    """Return the verdict on an environment's packages; ``None`` where there is nothing to ask about, or to ask with.

    An answer is remembered where nothing has changed since ``began``: see :meth:`Verdicts.of`.
    """
    found = directory.environment
    if found is None or declared.problems or not (declared.calls or exact):
        return None
    inputs, recorded = found.setting(INPUTS) or "", found.setting(INSTALLED)
    if recorded is not None:
        if (inputs, recorded) == (declared.inputs, installed.digest):
            return Verdict(met=True)
        metadata = inputs.partition("-")[2]
        if metadata and declared.metadata and metadata != declared.metadata:
            paths = ", ".join(project.path for project in declared.projects)
            return Verdict(met=False, reason=f"the metadata of {paths} has changed since it was installed")
    if not _can_be_asked(directory, interpreter):
        return None
    return verdicts.of(directory.chain.end, declared, installed, interpreter.facts, exact=exact, began=began)


def _can_be_asked(directory: Directory, interpreter: Interpreter) -> bool:
    """Check whether an environment runs with the declared Python, as far as can be seen; else it is repaired first."""
    python = f"{directory.chain.end}/bin/python"
    if not os.path.isdir(f"{directory.chain.end}/{interpreter.facts.purelib}") or not os.access(python, os.X_OK):
        return False
    return not os.path.islink(python) or os.path.realpath(python) == os.path.realpath(interpreter.facts.executable)
