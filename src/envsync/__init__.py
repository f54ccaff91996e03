"""Keep Python virtual environments as one file says they should be.

In five lines, with the manifest that the command would find::

    import envsync
    plan = envsync.plan()                 # observes and decides; writes nothing but caches
    report = envsync.apply(plan)
    for one in report.environments:
        print(one.plan.environment.name, one.outcome, one.error)

Whatever a function takes has the command's default. A manifest that was found by walking up from the current directory
has to be trusted, as for the command: else ``UntrustedError`` is raised. Results are frozen values with ``ok``, and
with ``to_dict()``, which is the document that the command prints with ``--json``, except for how the command found the
manifest (``found_by``, ``hides``).
"""

import sys

TYPE_CHECKING = False  # as in typing, without importing it: this is on the fast path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike
    from typing import Any

    from envsync.apply.move import Moved
    from envsync.apply.progress import Follower, Progress
    from envsync.apply.prune import Pruned
    from envsync.apply.settings import Settings
    from envsync.cache.store import Cache
    from envsync.model.desired import Environment, Manifest
    from envsync.model.edits import Added, Adopted, Declaration, Removed
    from envsync.model.plan import Conflict, Drift, EnvironmentPlan, Plan, State
    from envsync.model.problems import EnvsyncError, ManifestError, Problem, UntrustedError, UsageError
    from envsync.model.report import EnvironmentReport, Outcome, Report
    from envsync.observe.facts import FactsCache
    from envsync.observe.trust import load, locate
    from envsync.plan.prune import Removal
    from envsync.reconcile import Reconciler

__version__ = "0.1.0"

__all__ = [
    "Added",
    "Adopted",
    "Conflict",
    "Declaration",
    "Drift",
    "Environment",
    "EnvironmentPlan",
    "EnvironmentReport",
    "EnvsyncError",
    "FactsCache",
    "Manifest",
    "ManifestError",
    "Moved",
    "Outcome",
    "Plan",
    "Problem",
    "Progress",
    "Pruned",
    "Reconciler",
    "Removal",
    "Removed",
    "Report",
    "Settings",
    "State",
    "UntrustedError",
    "UsageError",
    "__version__",
    "add",
    "adopt",
    "apply",
    "load",
    "locate",
    "move",
    "plan",
    "prune",
    "remove",
]

_HOMES = {
    "envsync.apply.move": ("Moved",),
    "envsync.apply.prune": ("Pruned",),
    "envsync.apply.progress": ("Progress",),
    "envsync.apply.settings": ("Settings",),
    "envsync.model.desired": ("Environment", "Manifest"),
    "envsync.model.edits": ("Added", "Adopted", "Declaration", "Removed"),
    "envsync.model.plan": ("Conflict", "Drift", "EnvironmentPlan", "Plan", "State"),
    "envsync.model.problems": ("EnvsyncError", "ManifestError", "Problem", "UntrustedError", "UsageError"),
    "envsync.model.report": ("EnvironmentReport", "Outcome", "Report"),
    "envsync.observe.facts": ("FactsCache",),
    "envsync.observe.trust": ("load", "locate"),
    "envsync.plan.prune": ("Removal",),
    "envsync.reconcile": ("Reconciler",),
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: a pass without work needs none of them."""
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'envsync' has no attribute {name!r}")


def __dir__() -> "list[str]":
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


class _Face(type(sys)):  # type: ignore[misc]  # the class of modules
    """Keeps ``apply`` and ``plan`` the functions: importing a package of that name would set the attribute."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in {"apply", "plan"} and isinstance(value, type(sys))):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face


def plan(
    *names: "str | PathLike[str]",
    file: "str | PathLike[str] | None" = None,
    force_rebuild: "str | Iterable[str | PathLike[str]]" = (),
    deep: bool = False,
    settings: "Settings | None" = None,
) -> "Plan":
    """Return what ``apply`` would do about all environments, or about those that are named; writes nothing but caches.

    As for the command, a name may be a path or a glob: ``"."``, ``"svc*"``, ``Path("src/blog")``. ``file`` is the
    manifest's path. Environments named in ``force_rebuild`` are rebuilt in any case; with ``deep``, every file of every
    installed package is compared with what was installed.

    Raises ``ManifestError``, ``UntrustedError``, and ``UsageError`` for what means no environment.
    """
    from dataclasses import replace

    from envsync.apply.settings import Settings
    from envsync.cache.store import Cache
    from envsync.manifest.selection import selected
    from envsync.observe.trust import load
    from envsync.write.files import write_cache

    manifest, forced = load(file), [force_rebuild] if isinstance(force_rebuild, str) else [*force_rebuild]
    chosen, rebuilt = selected(manifest, map(_word, names)), selected(manifest, map(_word, forced))
    cache = Cache((settings or Settings()).memory)
    reconciler = _reconciler(manifest, cache, rebuilt, deep=deep)
    found = reconciler.plan(chosen and (*chosen, *rebuilt))
    cache.save(write_cache)
    return found if chosen else replace(found, notes=reconciler.notes())


def _word(name: "str | PathLike[str]") -> str:
    """Return what the command would be given for a name: a ``Path`` is never a name."""
    from os import PathLike
    from os.path import join

    return join(".", name) if isinstance(name, PathLike) else str(name)


def _reconciler(manifest: "Manifest", cache: "Cache", force_rebuild: "Iterable[str]", *, deep: bool) -> "Reconciler":
    from envsync.apply.verdicts import remembered_verdicts
    from envsync.observe.facts import FactsCache
    from envsync.reconcile import Reconciler

    facts, verdicts = FactsCache(cache), remembered_verdicts(cache)
    return Reconciler(manifest, facts, force_rebuild=force_rebuild, deep=deep, verdicts=verdicts)


def apply(
    planned: "Plan | None" = None, *, settings: "Settings | None" = None, progress: "Follower" = lambda _: None
) -> "Report":
    """Carry out a plan, without one ``plan`` of everything, and return what was done.

    Each environment is observed and decided again under its lock, for which other passes wait, the command's too. What
    fails, fails for one environment alone: see ``ok``, and each ``error``. ``progress`` is called, in this thread, with
    the ``EnvironmentReport`` of each environment that is done; a ``Progress`` hears of steps, too. While it runs, the
    umask of the process is wider by what others may write; a ``KeyboardInterrupt`` lets what was begun be completed, a
    second one undoes it, and it is in the report.

    Raises ``UsageError`` for settings that cannot be meant, and without a plan what ``plan`` raises.
    """
    from envsync.apply.settings import Settings
    from envsync.cache.store import Cache
    from envsync.write import snapshot
    from envsync.write.files import write_cache

    chosen = settings or Settings()
    todo = planned or plan(settings=chosen)
    cache = Cache(chosen.memory)
    reconciler = _reconciler(todo.manifest, cache, todo.force_rebuild, deep=todo.deep)
    if todo.has_work:
        snapshot.forget(todo.manifest.file)
    report = reconciler.apply(todo, chosen, progress)
    cache.save(write_cache)
    return report


def add(name: str, *, file: "str | PathLike[str] | None" = None, **values: "Any") -> "Added":
    """Declare an environment in the manifest ``file``; nothing is made before it is applied.

    ``values`` are the keys of ``[envs.NAME]`` with ``_`` for ``-``: ``path="~/src/blog/.venv"``,
    ``packages=["flask"]``. A relative path means the current directory.

    Raises ``UsageError`` for a name or a path that is another environment's, ``ManifestError`` for values that a
    manifest cannot hold, ``EnvsyncError`` where the file cannot be changed; then it is as it was.
    """
    from envsync.apply import declare
    from envsync.observe.trust import load

    return declare.add(load(file), name, {key.replace("_", "-"): value for key, value in values.items()})


def remove(name: "str | PathLike[str]", *, file: "str | PathLike[str] | None" = None) -> "Removed":
    """Declare an environment, given by its name or a path, no more, in the file that declares it; all else stays.

    Raises ``UsageError`` for what means none or several, ``ManifestError``, ``EnvsyncError``.
    """
    from envsync.apply import declare
    from envsync.manifest.selection import only_name
    from envsync.observe.trust import load

    manifest = load(file)
    return declare.remove(manifest, only_name(manifest, _word(name), elsewhere=True))


def adopt(  # the options of `envsync import`
    *directories: str,
    file: "str | PathLike[str] | None" = None,
    cross: bool = False,
    freeze: bool = False,
    versions: bool = False,
    dry_run: bool = False,
) -> "Adopted":
    """Declare the environments that are found below some directories, the current one where none is named.

    With ``cross`` other file systems are looked into too. With ``freeze`` the packages that were asked for by name are
    recorded, with ``versions`` at the versions that are installed. With ``dry_run`` nothing is written.

    Raises ``UsageError`` for a directory that is not there, ``ManifestError``, ``EnvsyncError``.
    """
    from envsync.apply.adopt import Choices
    from envsync.apply.adopt import adopt as carry_out
    from envsync.observe.trust import load

    choices = Choices(cross=cross, freeze=freeze, versions=versions, dry_run=dry_run)
    return carry_out(load(file), directories or (".",), choices)


def prune(
    *,
    file: "str | PathLike[str] | None" = None,
    everything: bool = False,
    remove: bool = False,
    settings: "Settings | None" = None,
) -> "Pruned":
    """Return what envsync made and nothing declares any more, and old generations; with ``remove``, remove them.

    With ``everything`` the generations that are kept for a rollback go too. What could not be removed is in the result.

    Raises ``ManifestError``, and ``EnvsyncError`` where a directory of includes is missing.
    """
    from envsync.apply.prune import find_removals
    from envsync.apply.prune import prune as carry_out
    from envsync.apply.settings import Settings
    from envsync.observe.trust import load

    manifest, chosen = load(file), settings or Settings()
    found = find_removals(manifest, chosen, everything=everything)
    return carry_out(manifest, found, chosen) if remove else found


def move(
    name: "str | PathLike[str]", *, file: "str | PathLike[str] | None" = None, settings: "Settings | None" = None
) -> "Moved":
    """Make the directory at an environment's path its target, and its path a symlink to that.

    Raises ``UsageError`` for what means no environment or several, ``ManifestError``, ``EnvsyncError`` or ``OSError``
    where it cannot be moved; then the path is what it was.
    """
    from envsync.apply.move import move as carry_out
    from envsync.apply.settings import Settings
    from envsync.manifest.selection import only_name
    from envsync.observe.trust import load

    chosen = settings or Settings()
    return carry_out(plan(only_name(load(file), _word(name)), file=file, settings=chosen), chosen)
