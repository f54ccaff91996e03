"""Decide what to do: from desired and observed values to a plan. Pure; nothing here looks at the disk."""

from envsync.plan.actions import Action, Conflict, Drift, EnvironmentPlan, Plan, State
from envsync.plan.conflicts import conflicts_between, conflicts_of
from envsync.plan.decide import decide

__all__ = [
    "Action",
    "Conflict",
    "Drift",
    "EnvironmentPlan",
    "Plan",
    "State",
    "conflicts_between",
    "conflicts_of",
    "decide",
]
