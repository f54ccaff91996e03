"""The JSON document: one for every command, also on failure. Fields may be added; those that are here stay."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from envsync import __version__
from envsync.model.interpreter import Interpreter
from envsync.model.links import Chain
from envsync.model.packages import Change, Damage
from envsync.model.plan import Conflict, EnvironmentPlan
from envsync.model.problems import Problem
from envsync.model.report import EnvironmentReport

_MOST = 20
"""Files that are listed of a damaged package."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a command ended."""

    status: str
    """``in-sync``, ``drift``, ``conflict``, ``applied``, ``failed`` or ``error``."""
    exit_code: int


def document(
    command: str,
    manifest: str | None,
    verdict: Verdict,
    environments: Iterable[dict[str, Any]] = (),
    problems: Iterable[Problem] = (),
) -> dict[str, Any]:
    """Put a whole document together."""
    return {
        "schema": 1,
        "envsync": __version__,
        "command": command,
        "manifest": manifest,
        "status": verdict.status,
        "exit_code": verdict.exit_code,
        "environments": list(environments),
        "errors": [problem_entry(problem) for problem in problems],
    }


def environment_entry(plan: EnvironmentPlan) -> dict[str, Any]:
    """Give the entry of one environment as planned."""
    world = plan.world
    return {
        "name": plan.environment.name,
        "path": plan.environment.path,
        "end": world.directory.chain.end,
        "hops": _hops(world.path),
        "python": _python(plan),
        "state": plan.state.value,
        "drift": [{"code": drift.code, "message": drift.message} for drift in plan.drift],
        "actions": [{"kind": action.kind, "message": action.message} for action in plan.actions],
        "conflict": _conflict(plan.conflicts[0]) if plan.conflicts else None,
        "conflicts": [_conflict(conflict) for conflict in plan.conflicts],
        "notes": list(plan.notes),
        "generations": list(world.directory.generations),
        "packages": [_change(change) for change in plan.packages],
    } | _damage(plan)


def report_entry(report: EnvironmentReport) -> dict[str, Any]:
    """Give the entry of one environment after it was applied."""
    error = report.error
    return environment_entry(report.plan) | {
        "outcome": report.outcome.value,
        "packages": [_change(change) for change in report.packages],
        "error": {"code": error.code, "message": error.message, "hint": error.hint} if error else None,
    }


def _change(change: Change) -> dict[str, Any]:
    return {"name": change.name, "before": change.before, "after": change.after or None}


def _damage(plan: EnvironmentPlan) -> dict[str, Any]:
    installed = plan.world.installed
    if installed is None or installed.damage is None:
        return {}
    return {"damage": [_damage_entry(one) for one in installed.damage]}


def _damage_entry(one: Damage) -> dict[str, Any]:
    return {
        "package": one.package.name,
        "version": one.package.version,
        "missing": list(one.missing[:_MOST]),
        "missing_count": len(one.missing),
        "changed": list(one.changed[:_MOST]),
        "changed_count": len(one.changed),
        "unchecked": one.unchecked or None,
        "leftovers": list(one.partial[:_MOST]),
    }


def _hops(chain: Chain) -> list[dict[str, str]]:
    return [{"link": hop.link, "text": hop.link_text} for hop in chain.hops]


def _python(plan: EnvironmentPlan) -> dict[str, Any]:
    interpreter = plan.world.interpreter
    chain = interpreter.chain
    facts = interpreter.facts if isinstance(interpreter, Interpreter) else None
    return {
        "declared": interpreter.declared,
        "link": interpreter.link,
        "end": chain.end if chain else None,
        "hops": _hops(chain) if chain else [],
        "version": facts.version if facts else None,
        "implementation": facts.implementation if facts else None,
    }


def _conflict(conflict: Conflict) -> dict[str, Any]:
    told = {"code": conflict.code, "message": conflict.message, "hint": conflict.hint}
    return told | {"remedy": [list(command) for command in conflict.remedy]}


def problem_entry(problem: Problem) -> dict[str, Any]:
    """Give the entry of one problem."""
    return {
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "key": problem.key,
    }
