"""Ask an installer whether the packages in an environment are as declared."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from subprocess import TimeoutExpired

from envsync.formats.dependency_specifiers import canonical_name
from envsync.formats.installers.command import AnswerError, Command, Installer, Job, Step, gist
from envsync.model.dataclass import dataclass
from envsync.model.packages import (
    SEEDS,
    Call,
    Change,
    Declared,
    Distribution,
    InstalledPackages,
    Project,
    Sync,
    Verdict,
    is_lock,
)
from envsync.observe.packages import origin_of
from envsync.observe.processes import Completed, run

_TIME_LIMIT = 300
"""Seconds: a build backend may have to say what a project needs."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an installer is asked about: an environment, and what it should hold."""

    place: str
    declared: Declared
    installed: InstalledPackages
    exact: bool


def ask(question: Question, installer: Installer, job: Job) -> Verdict:
    """Ask what an installation would change. Raises ``AnswerError`` where the installer does not say."""
    if job.upgrade:
        return _ask_upgrade(question, installer, job)
    changes: dict[str, Change] = {}
    extraneous = {one.name for one in question.installed.distributions} - SEEDS if question.exact else set()
    job = replace(job, index=question.declared.index)
    for call in question.declared.calls:
        found, removed = _ask_call(question, installer, call, job)
        changes |= {change.name: change for change in found}
        extraneous &= removed
    gone = tuple(sorted(extraneous - changes.keys()))
    return Verdict(not changes and not gone, tuple(changes.values()), gone)


def _ask_upgrade(question: Question, installer: Installer, job: Job) -> Verdict:
    """Ask for newer releases: of several calls that bring a package, the one that allows least decides."""
    job = replace(job, index=question.declared.index, constraints=locked_pins(question, installer))
    there = {one.name: one for one in question.installed.distributions}
    allowed: dict[str, list[Change | None]] = {}
    for call in question.declared.calls:
        steps = _answer(installer, question.place, call, replace(job, exact=True, upgrade=not is_lock(call)))
        coming = _names(step for step in steps if step.installs)
        going = _names(step for step in steps if not step.installs) - coming
        changes = {change.name: change for change in _changes(steps, there, question.declared.projects)}
        for name in (there.keys() - going) | coming if installer.tells_all else coming:
            allowed.setdefault(name, []).append(changes.get(name))
    changed = (_least(found) for found in allowed.values())
    upgrades = tuple(sorted((one for one in changed if one is not None), key=lambda one: one.name))
    return Verdict(not upgrades, upgrades)


def _least(found: list[Change | None]) -> Change | None:
    changes = [one for one in found if one is not None]
    if len(changes) < len(found):
        return None
    from packaging.version import Version  # noqa: PLC0415  # an environment without packages needs none of it

    return min(changes, key=lambda one: Version(one.after or "0"))


def locked_pins(question: Question, installer: Installer) -> tuple[str, ...]:
    """Return the versions of what locks bring, as constraints. Raises ``AnswerError``."""
    asked = replace(question, exact=True)
    there = question.installed.versions()
    held: set[str] = set()
    for call in filter(is_lock, question.declared.calls):
        _, removed = _ask_call(asked, installer, call, Job(offline=True, index=question.declared.index))
        held |= there.keys() - removed
    return tuple(f"{one.name}=={one.version}" for one in question.installed.distributions if _is_held(one, held))


def _is_held(one: Distribution, names: set[str]) -> bool:
    return one.name in names and one.origin is None


def _ask_call(question: Question, installer: Installer, call: Call | Sync, job: Job) -> tuple[list[Change], set[str]]:
    """Return what one call would change, and the names that it would not bring."""
    with_exact = question.exact and installer.tells_all
    steps = _answer(installer, question.place, call, replace(job, exact=with_exact))
    there = {one.name: one for one in question.installed.distributions}
    coming = _names(step for step in steps if step.installs)
    going = _names(step for step in steps if not step.installs) - coming
    changes = list(_changes(steps, there, question.declared.projects))
    if with_exact:
        return changes, going
    changes += [Change(name, there[name].version, None) for name in sorted(going) if name in there]
    if question.exact and not changes:
        return changes, there.keys() - _brought(installer, question, call, job)
    return changes, set()


def _brought(installer: Installer, question: Question, call: Call | Sync, job: Job) -> set[str]:
    """Return the names that a call brings where nothing is installed, at the versions that are."""
    pins = tuple(f"{one.name}=={one.version}" for one in question.installed.distributions if one.origin is None)
    steps = _answer(installer, question.place, call, replace(job, exact=True, offline=False, constraints=pins))
    return _names(steps)


def _names(steps: Iterable[Step]) -> set[str]:
    return {canonical_name(step.name) for step in steps}


def _changes(
    steps: tuple[Step, ...], there: Mapping[str, Distribution], projects: tuple[Project, ...]
) -> Iterator[Change]:
    for step in steps:
        name = canonical_name(step.name)
        had = there.get(name)
        if not step.installs:
            continue
        if had is None:
            yield Change(name, None, step.version or "")
        elif step.version not in {None, had.version} or not _is_same_origin(step, had, projects):
            yield Change(name, had.version, step.version or "")


def _is_same_origin(step: Step, had: Distribution, projects: tuple[Project, ...]) -> bool:
    """Check whether a distribution would come from where it came from: installers build projects again each time."""
    if step.direct is not None:
        return (origin_of(step.direct) if step.direct else None) == had.origin
    if had.origin is None:
        return False
    wanted = {(project.path, project.editable) for project in projects}
    return (had.origin.directory, had.origin.editable) in wanted


def _answer(installer: Installer, place: str, call: Call | Sync, job: Job) -> tuple[Step, ...]:
    command = installer.ask(place, call, job)
    if command is None:
        raise AnswerError(f"this release of {installer.name} cannot say what it would change")
    done = _run(command)
    older = installer.older() if done.status else None
    asked = older.ask(place, call, job) if older is not None else None
    if older is not None and asked is not None:
        again = _run(asked)
        if again.status == 0:
            return older.steps(again.output, again.errors)
    if done.status:
        # Without the network its reasons would be those of a cache.
        why = "" if job.offline else f": {gist(done.errors) or f'exit status {done.status}'}"
        how = " without the network" if job.offline else ""
        raise AnswerError(
            f"not all that is declared is installed, and {installer.name} cannot say{how} what is missing{why}"
        )
    return installer.steps(done.output, done.errors)


def _run(command: Command) -> Completed:
    try:
        return run(
            command.arguments,
            command.environment,
            directory=command.directory,
            lines=command.lines,
            limit=_TIME_LIMIT,
        )
    except (OSError, ValueError, TimeoutExpired) as error:
        raise AnswerError(f"{command.arguments[0]} could not be run: {error}") from error
