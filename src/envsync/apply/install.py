"""Install packages into a staged environment: what is declared, and in a rebuild what was there, as it was."""

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from envsync.apply.installers import Runner, UnfitInstallerError, prepared
from envsync.apply.progress import Progress
from envsync.apply.restore import bring_back
from envsync.formats.installers.command import AnswerError, Installer, Job
from envsync.model.blueprint import Blueprint
from envsync.model.dataclass import dataclass
from envsync.model.install import InstallSpec
from envsync.model.packages import (
    INPUTS,
    INSTALLED,
    SEEDS,
    Change,
    Declared,
    InstalledPackages,
    changes_between,
    is_lock,
)
from envsync.model.problems import EnvsyncError, Problem
from envsync.observe.installer import Question, ask, locked_pins
from envsync.observe.packages import read_installed
from envsync.write.files import make_directory

_UNCHANGED = "Nothing was changed."


@dataclass(frozen=True, slots=True)
class Space:
    """Where an installer may put things."""

    log: str
    """The file for all that it says."""
    cache: str | None
    """The directory for what later passes can use as well."""
    spare: str
    """A directory that goes with the staging directory."""
    progress: Progress
    """What follows it."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What came of it."""

    settings: tuple[tuple[str, str], ...] = ()
    """What ``pyvenv.cfg`` has to say from now on: what was declared, and what it came to."""
    changes: tuple[Change, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Task:
    place: str
    blueprint: Blueprint
    spec: InstallSpec
    installer: Installer
    runner: Runner

    def installed(self) -> InstalledPackages:
        return read_installed(self.place, self.blueprint.libraries)

    def question(self) -> Question:
        declared = self.spec.declared or Declared()
        return Question(self.place, declared, self.installed(), self.spec.packages.exact)


def install(place: str, blueprint: Blueprint, spec: InstallSpec, space: Space) -> Installed:
    """Install what a plan wants into the environment at ``place``, which is staged.

    Raises ``EnvsyncError``, ``OSError``, and ``UnfitInstallerError`` where the installer cannot work with this Python.
    """
    runner = Runner(space.log, partial(space.progress.line, blueprint.name))
    with prepared(spec.installer, space.cache, lambda: space.spare) as installer:
        space.progress.step(blueprint.name, f"installing ({installer.name})")
        try:
            return _carry_out(_Task(place, blueprint, spec, installer, runner))
        except EnvsyncError as error:
            trial = installer.trial(place)
            if trial is None or runner.succeeds(trial):
                raise
            raise UnfitInstallerError(installer.name, error) from error


def _carry_out(task: _Task) -> Installed:
    spec, before = task.spec, task.installed()
    remarks: tuple[str, ...] = ()
    if spec.former:
        remarks = tuple(bring_back(task.place, task.blueprint, spec, task.installer, task.runner))
        before = InstalledPackages(spec.former)
        if spec.declared is not None and len(spec.declared.calls) > 1 and not spec.only_damaged:
            _check_met(task)
    elif spec.declared is not None:
        _install_declared(task, spec.declared, before)
    if spec.packages.exact and not spec.only_damaged:
        remarks += tuple(_remove_extraneous(task))
    after = task.installed()
    if not spec.packages.exact:
        _check_nothing_lost(before, after)
    return Installed(tuple(_record(spec, after)), changes_between(before, after), remarks)


def _install_declared(task: _Task, declared: Declared, before: InstalledPackages) -> None:
    """Carry out the declarations, each call where it was written for."""
    spec = task.spec
    job = Job(upgrade=spec.upgrade, only=spec.only, reinstall=spec.reinstall, cached=spec.cached, index=declared.index)
    if spec.only and not task.installer.upgrades_some:  # it upgrades all that is declared, or what is not there
        task.runner.run(task.installer.uninstall(task.place, spec.only))
    if spec.upgrade and any(map(is_lock, declared.calls)):
        job = replace(job, constraints=_locked_pins(task))
    for call in declared.calls:
        task.runner.run(task.installer.install(task.place, call, job))
    free = [call for call in declared.calls if not is_lock(call)]
    for call in free if spec.upgrade and len(free) > 1 else ():  # the first knew nothing of what the others allow
        task.runner.run(task.installer.install(task.place, call, replace(job, upgrade=False, only=())))
    unchanged = task.installed().digest == before.digest and not (spec.reinstall or spec.upgrade)
    if len(declared.calls) > 1 or unchanged:
        _check_met(task)


def _locked_pins(task: _Task) -> tuple[str, ...]:
    try:
        return locked_pins(task.question(), task.installer)
    except AnswerError as error:
        raise EnvsyncError(Problem("install-failed", str(error), _UNCHANGED)) from error


def _check_met(task: _Task) -> None:
    """Ask whether what was installed is what is declared, where the installer can say so without the network."""
    try:
        verdict = ask(task.question(), task.installer, Job(offline=True))
    except AnswerError:
        return
    if verdict.changes:
        left = ", ".join(f"{one.name} {one.before or 'is not installed'}" for one in verdict.changes[:4])
        message = f"{task.installer.name} reported success, and yet what is declared is not met: {left}"
        hint = "Look for contradictions between the files, and for `target`, `prefix` or `no-deps` in its settings."
        raise EnvsyncError(Problem("not-converged", message, hint))


def _remove_extraneous(task: _Task) -> Iterator[str]:
    """Remove what neither a declaration nor what it brought needs."""
    try:
        verdict = ask(task.question(), task.installer, Job(offline=True))
    except AnswerError as error:
        yield f"what nothing declares was not removed: {error}"
        return
    if not verdict.extraneous:
        return
    sites = [f"{task.place}/{library}/site-packages" for library in task.blueprint.libraries]
    there = list(filter(os.path.isdir, sites))
    task.runner.run(task.installer.uninstall(task.place, verdict.extraneous))
    for site in there:
        make_directory(site)  # pip removes it with the last package


def _check_nothing_lost(before: InstalledPackages, after: InstalledPackages) -> None:
    """Refuse a result that lacks what was there. Raises ``EnvsyncError``."""
    there = after.versions()
    gone = sorted(one.name for one in before.distributions if one.name not in there and one.name not in SEEDS)
    if gone:
        raise EnvsyncError(Problem("package-missing", f"after installing, {', '.join(gone)} would be lost", _UNCHANGED))


def _record(spec: InstallSpec, after: InstalledPackages) -> Iterator[tuple[str, str]]:
    if spec.declared is not None and not spec.only_damaged:
        yield INPUTS, spec.declared.inputs
        yield INSTALLED, after.digest
