"""Group environments that share a cause, by values: codes, versions and links, without a name or path of their own."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from envsync.model.dataclass import dataclass
from envsync.model.packages import Change
from envsync.model.plan import (
    Action,
    Create,
    Drift,
    EnvironmentPlan,
    Install,
    Link,
    Plan,
    Rebuild,
    Repair,
    Rollback,
    State,
)
from envsync.model.problems import Problem
from envsync.report.terminal import escape, listed

_FEWEST = 3
"""Environments that make a group: two lines are as soon read as one of two names."""
_OWN = {
    "missing": "",
    "link-missing": "the symlinks to them are missing",
    "alias-missing": "aliases are missing",
    "expose-missing": "exposed commands are missing",
    "moved": "moved: their scripts name former paths",
    "prompt": "their prompts differ",
    "scripts": "their scripts do not run with them",
    "packages": "their packages are not as declared",
}
"""Codes whose messages name what is an environment's own, with what is said of several; empty: the action says it."""

_LOGGED = frozenset({"install-failed", "package-missing"})
"""Codes of failures whose hints name a log of the environment's own; for several, the first is as good as any."""

Entry = tuple[EnvironmentPlan, str, tuple[Change, ...], Problem | None]
"""A plan, the word for what is or was done, the packages that change, and what went wrong."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What several environments have in common."""

    plan: EnvironmentPlan
    """The first of them."""
    names: tuple[str, ...]
    text: str
    """What is said of them; empty where only notes are shared, which follow."""


def grouped(entries: Iterable[Entry]) -> dict[str, Cause]:
    """Return the cause of each environment that shares it with at least two others, by name."""
    alike: dict[tuple[object, ...], list[Entry]] = defaultdict(list)
    for entry in entries:
        plan, word, packages, error = entry
        key = (word, _reasons(plan), tuple(map(_kind, plan.actions)), packages, _failure(error), _notes(plan))
        alike[key].append(entry)
    found: dict[str, Cause] = {}
    for group in alike.values():
        text = _text(group)
        if len(group) >= _FEWEST and (text or _is_in_sync(group[0][0])):
            names = tuple(plan.environment.name for plan, *_ in group)
            found |= dict.fromkeys(names, Cause(group[0][0], names, text))
    return found


def rebuild_text(action: Rebuild, *, done: bool) -> str:
    """Return for which Python an environment is or was rebuilt, and how many packages come back."""
    return _rebuilt(action, len(action.known), done=done)


def _rebuilt(action: Rebuild, count: int, *, done: bool) -> str:
    packages = f", {count} package{'s' if count != 1 else ''}" if count else ""
    return f"Python {_version(action)}{packages}{' came back' if packages and done else ''}"


def _version(action: Create | Rebuild) -> str:
    return dict(action.blueprint.settings)["version"]


def _reasons(plan: EnvironmentPlan) -> tuple[object, ...]:
    if plan.conflicts:
        return plan.conflicts
    return (plan.state is State.WAITING, *dict.fromkeys(map(_reason, plan.drift)))


def _reason(drift: Drift) -> tuple[str, str]:
    return drift.code, _OWN.get(drift.code, drift.message)


def _failure(error: Problem | None) -> Problem | None:
    """Return what went wrong, without the place of a log."""
    return replace(error, hint="") if error is not None and error.code in _LOGGED else error


def _notes(plan: EnvironmentPlan) -> object:
    """Return the notes; of one that only waits, how many: they name its own directory."""
    return len(plan.notes) if plan.state is State.WAITING else plan.notes


def _is_in_sync(plan: EnvironmentPlan) -> bool:
    """Check whether there is nothing to say of an environment except its notes, which are below the line."""
    return plan.state is State.IN_SYNC and not plan.actions


def _kind(action: Action) -> tuple[str, str]:
    match action:
        case Create() | Rebuild():
            return action.kind, _version(action)
        case Repair() | Link():
            return action.kind, ""
        case Install() | Rollback():
            return action.kind, action.message


def _text(group: list[Entry]) -> str:
    plan, word, _, error = group[0]
    if plan.conflicts:
        return "; ".join(conflict.message for conflict in plan.conflicts)
    if plan.state is State.WAITING:
        return "waiting for their directories" if len(plan.notes) == 1 else ""
    what = [_what(action, group, done=word == "rebuilt" and error is None) for action in plan.actions]
    is_new = any(isinstance(action, Create) for action in plan.actions)  # with all its links
    reasons = [] if is_new else list(dict.fromkeys(text for _, text in map(_reason, plan.drift) if text))
    more = f" and {len(reasons) - _FEWEST} more" if len(reasons) > _FEWEST else ""
    return ": ".join(filter(None, (", ".join(filter(None, what)), "; ".join(reasons[:_FEWEST]) + more)))


def _what(action: Action, group: list[Entry], *, done: bool) -> str:
    match action:
        case Create():
            return f"Python {_version(action)}"
        case Rebuild():
            rebuilds = [one for plan, *_ in group for one in plan.actions if isinstance(one, Rebuild)]
            return _rebuilt(action, sum(len(one.known) for one in rebuilds), done=done)
        case Repair() | Link() | Install() | Rollback():
            return ""


def question(plan: Plan) -> str:
    """Return what to ask before a plan is carried out: of rebuilds that nobody named, and of packages that go.

    Empty where it does neither.
    """
    work = [one for one in plan.environments if one.actions and one.environment.name not in plan.force_rebuild]
    rebuilt = [one.environment.name for one in work if any(isinstance(action, Rebuild) for action in one.actions)]
    removed = sum(change.after is None for one in work for change in one.packages)
    parts = []
    if rebuilt:
        count = f"{len(rebuilt)} environment{'s' if len(rebuilt) != 1 else ''}"
        parts.append(f"rebuild {count} ({listed([escape(name) for name in rebuilt])})")
    if removed:
        parts.append(f"remove {removed} package{'s' if removed != 1 else ''}")
    asked = " and ".join(parts)
    return f"{asked[0].upper()}{asked[1:]}?" if asked else ""
