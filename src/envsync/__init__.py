"""Keep Python virtual environments as one file says they should be.

The pipeline of the command, for programs::

    manifest = envsync.load()                       # that of the command; or of a file
    reconciler = envsync.Reconciler(manifest, envsync.FactsCache(None))
    plan = reconciler.plan()                        # writes nothing
    report = reconciler.apply(plan, envsync.Settings(...))

A manifest that was found by walking up from the current directory has to be trusted: else ``load`` and ``locate`` raise
``UntrustedError``. What these give are frozen values: see :mod:`envsync.model.desired`, :mod:`envsync.model`,
:mod:`envsync.model.plan` and :mod:`envsync.model.report`.
"""

TYPE_CHECKING = False  # as in typing, without importing it: this is on the fast path

if TYPE_CHECKING:
    from envsync.model.desired import Environment, Manifest
    from envsync.model.plan import Conflict, Drift, EnvironmentPlan, Plan, State
    from envsync.model.problems import EnvsyncError, ManifestError, Problem, UntrustedError
    from envsync.model.report import EnvironmentReport, Outcome, Report
    from envsync.model.settings import Settings
    from envsync.observe.facts import FactsCache
    from envsync.observe.trust import load, locate
    from envsync.reconcile import Reconciler

__version__ = "0.1.0"

__all__ = [
    "Conflict",
    "Drift",
    "Environment",
    "EnvironmentPlan",
    "EnvironmentReport",
    "EnvsyncError",
    "FactsCache",
    "Manifest",
    "ManifestError",
    "Outcome",
    "Plan",
    "Problem",
    "Reconciler",
    "Report",
    "Settings",
    "State",
    "UntrustedError",
    "__version__",
    "load",
    "locate",
]

_HOMES = {
    "envsync.model.report": ("EnvironmentReport", "Outcome", "Report"),
    "envsync.model.settings": ("Settings",),
    "envsync.model.desired": ("Environment", "Manifest"),
    "envsync.model.problems": ("EnvsyncError", "ManifestError", "Problem", "UntrustedError"),
    "envsync.observe.trust": ("load", "locate"),
    "envsync.observe.facts": ("FactsCache",),
    "envsync.model.plan": ("Conflict", "Drift", "EnvironmentPlan", "Plan", "State"),
    "envsync.reconcile": ("Reconciler",),
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: a pass without work needs none of them."""
    from importlib import import_module  # noqa: PLC0415

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'envsync' has no attribute {name!r}")
