"""Judge interpreters, and report what depends on one. Pure."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from enum import Enum

from envsync.cli.doctor.checks import Check, Health
from envsync.cli.doctor.values import Installed
from envsync.model.dataclass import dataclass
from envsync.model.desired import PythonVersion
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.plan import EnvironmentPlan, Plan, Rebuild, State
from envsync.report.terminal import listed

END_OF_LIFE = {
    "3.8": (2024, 10),
    "3.9": (2025, 10),
    "3.10": (2026, 10),
    "3.11": (2027, 10),
    "3.12": (2028, 10),
    "3.13": (2029, 10),
    "3.14": (2030, 10),
}
"""The month in which CPython's maintenance of a minor version ends (PEP 569, 596, 619, 664, 693, 719, 745)."""
_RELEASE = re.compile(r"==\d+\.\d+\.\d+")
"""A request for one patch release, such as ``==3.12.1``."""
_LINKLESS = frozenset({"pyenv", "asdf"})
"""Tools that make no link for a minor version, such as ``3.12``."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How environments use interpreters."""

    users: Mapping[str, tuple[str, ...]]
    """Names of environments by interpreter link."""
    pinned: frozenset[str] = frozenset()
    """Links that environments request for one patch release."""
    builders: tuple[str, ...] = ()


def usage_of(plans: Iterable[EnvironmentPlan], builders: tuple[str, ...]) -> Usage:
    """Return how environments use interpreters."""
    users: dict[str, tuple[str, ...]] = {}
    pinned: set[str] = set()
    for plan in plans:
        found, request = plan.world.interpreter, plan.environment.python
        if isinstance(found, Interpreter):
            users[found.link] = (*users.get(found.link, ()), plan.environment.name)
            if isinstance(request, PythonVersion) and _RELEASE.fullmatch(request.specifier):
                pinned.add(found.link)
    return Usage(users, frozenset(pinned), builders)


def check_missing(plans: Iterable[EnvironmentPlan]) -> Iterator[Check]:
    """Report environments whose interpreter is missing, or does not work."""
    for plan in plans:
        found = plan.world.interpreter
        if isinstance(found, InterpreterProblem) and plan.state is not State.WAITING:
            yield Check(found.code, Health.PROBLEM, found.message, found.hint, plan.environment.name)


def check_interpreters(installed: Iterable[Installed], usage: Usage, today: date) -> Iterator[Check]:
    """Judge each interpreter; one that no environment uses is only described, unless it does not work."""
    for one in installed:
        using = usage.users.get(one.link, ())
        if one.problem:
            health = Health.PROBLEM if using else Health.WARNING
            yield Check("interpreter", health, f"{one.link}: {one.problem}", "Install it again, or remove it.")
            continue
        traits = (
            _ends(one, today),
            "can be moved as a whole" if one.relocatable else "",
            "" if one.has_venv else "without the module venv",
        )
        line = ", ".join(filter(None, (f"{_named(one)} {one.link} ({_kept(one)})", *traits)))
        yield Check("interpreter", Health.OK, f"{line}; for {listed(using)}" if using else line)
        if using:
            yield from _warnings(one, usage, today)


def check_venv(installed: Iterable[Installed]) -> Check:
    """Report which interpreters have the module venv."""
    found = [one for one in installed if not one.problem]
    lacking = [_named(one) for one in found if not one.has_venv]
    rest = f"; not {', '.join(lacking)}" if lacking else ""
    return Check("tool-venv", Health.OK, f"{len(found) - len(lacking)} of {len(found)} interpreters have venv{rest}")


def _warnings(one: Installed, usage: Usage, today: date) -> Iterator[Check]:
    """Warn about an interpreter that environments use."""
    using = listed(usage.users[one.link])
    if not one.stable and one.link not in usage.pinned:
        message = f"{one.link} names one patch release, and is used for {using}"
        yield Check("interpreter-patch-path", Health.WARNING, message, _lasting(one))
    if _is_over(one, today):
        message = f"{_named(one)} no longer gets fixes, and is used for {using}"
        hint = f"Move on to a newer one. What depends on it: envsync doctor {shlex.quote(one.link)}"
        yield Check("interpreter-end-of-life", Health.WARNING, message, hint)
    if not one.has_venv and usage.builders[:1] == ("venv",):
        message = f"{_named(one)} at {one.link} lacks the module venv, the builder that the manifest names"
        hint = f"Install it (Debian has it in python{one.minor}-venv), or set `builder` to virtualenv."
        yield Check("interpreter-venv", Health.WARNING, message, hint)


def _lasting(one: Installed) -> str:
    """Return how to get a link that survives an upgrade."""
    if one.twin is not None:
        return f"Name {one.twin} instead: it leads to the same tree, and follows upgrades."
    head, slash, _ = one.link.partition(f"/{one.version}/")
    if slash and one.manager in _LINKLESS:
        made = f"ln -s {one.version} {shlex.quote(f'{head}/{one.minor}')}"
        return f"Name a link in the manifest that you change with each upgrade, made with: {made}"
    return "An upgrade removes it: name a path without the patch release, or make a link of your own."


def _named(one: Installed) -> str:
    return f"{'Python' if one.implementation == 'cpython' else one.implementation} {one.version}"


def _kept(one: Installed) -> str:
    path = "stable path" if one.stable else "path of one patch release"
    return f"{one.manager}, {path}" if one.manager else path


def _ends(one: Installed, today: date) -> str:
    ends = END_OF_LIFE.get(one.minor) if one.implementation == "cpython" else None
    if ends is None:
        return "past its end of life" if _is_over(one, today) else ""
    return f"end of life {'was' if _is_over(one, today) else 'in'} {ends[0]}-{ends[1]:02}"


def _is_over(one: Installed, today: date) -> bool:
    """Check whether a CPython is no longer maintained: from the month after its last."""
    if one.implementation != "cpython":
        return False
    ends = END_OF_LIFE.get(one.minor)
    if ends is not None:
        return (today.year, today.month) > ends
    return _numbers(one.minor) < min(map(_numbers, END_OF_LIFE))


def _numbers(minor: str) -> list[int]:
    return [int(part) for part in minor.split(".")]


class Effect(Enum):
    """What would happen to an environment without an interpreter."""

    UNTOUCHED = "untouched"
    MOVES = "moves"
    REBUILDS = "rebuilds"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Dependent:
    """An environment, and what would happen to it."""

    environment: str
    effect: Effect
    link: str | None
    """The interpreter link that it uses now."""
    next_link: str | None
    """The one that it would use instead."""
    message: str


def dependents(before: Plan, after: Plan, gone: str) -> tuple[Dependent, ...]:
    """Compare the plan as it is with the plan for when the real path ``gone``, and all below it, are removed."""
    return tuple(_compare(*pair, gone) for pair in zip(before.environments, after.environments, strict=True))


def _compare(before: EnvironmentPlan, after: EnvironmentPlan, gone: str) -> Dependent:
    effect, message = _effect(before, after) if _depends(before, after, gone) else (Effect.UNTOUCHED, "")
    now, then = before.world.interpreter, after.world.interpreter
    next_link = then.link if isinstance(then, Interpreter) else None
    return Dependent(before.environment.name, effect, now.link, next_link, message or "it uses another interpreter")


def _depends(before: EnvironmentPlan, after: EnvironmentPlan, gone: str) -> bool:
    now = before.world.interpreter
    if isinstance(now, Interpreter):
        return now != after.world.interpreter
    return now.chain is not None and f"{now.chain.end}/".startswith(f"{gone}/")


def _effect(before: EnvironmentPlan, after: EnvironmentPlan) -> tuple[Effect, str]:
    then = after.world.interpreter
    if not isinstance(then, Interpreter):
        return Effect.CONFLICT, f"{then.code}: {then.message}; the environment stays as it is"
    if after.conflicts:
        new = [one for one in after.conflicts if one not in before.conflicts] or list(after.conflicts)
        return Effect.CONFLICT, "; ".join(f"{one.code}: {one.message}" for one in new)
    version = f"Python {then.facts.version} by {then.link}"
    if any(isinstance(action, Rebuild) for action in after.actions):
        return Effect.REBUILDS, f"rebuilt for {version}"
    return Effect.MOVES, f"moved to {version}"
