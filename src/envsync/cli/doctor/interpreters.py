"""Judge interpreters, and tell what depends on one. Pure."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum

from envsync.cli.doctor.checks import Check, Health
from envsync.cli.doctor.values import Installed
from envsync.model.desired import PythonVersion
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.plan import EnvironmentPlan, Plan, Rebuild, State

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
"""A request for one patch release."""
_PLACE = {True: "relocatable", False: "not relocatable", None: ""}
_LINKLESS = frozenset({"pyenv", "asdf"})
"""Tools that make no link for a minor version by themselves."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What environments want of interpreters."""

    users: Mapping[str, tuple[str, ...]]
    """The names of environments by their interpreter link."""
    pinned: frozenset[str] = frozenset()
    """Links that are wanted just as they are: to one patch release."""
    builders: tuple[str, ...] = ()


def usage_of(plans: Iterable[EnvironmentPlan], builders: tuple[str, ...]) -> Usage:
    """Tell what some environments want of interpreters."""
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
    """Tell of environments whose interpreter is missing, or does not work."""
    for plan in plans:
        found = plan.world.interpreter
        if isinstance(found, InterpreterProblem) and plan.state is not State.WAITING:
            yield Check(found.code, Health.PROBLEM, f"{plan.environment.name}: {found.message}", found.hint)


def check_interpreters(installed: Iterable[Installed], usage: Usage, today: date) -> Iterator[Check]:
    """Judge each interpreter; only one that an environment uses can be in need of something."""
    for one in installed:
        using = usage.users.get(one.link, ())
        if one.problem:
            health = Health.PROBLEM if using else Health.WARNING
            yield Check("interpreter", health, f"{one.link}: {one.problem}", "Install it again, or remove it.")
            continue
        traits = (_ends(one, today), _PLACE[one.relocatable], "" if one.has_venv else "without the module venv")
        told = ", ".join(filter(None, (f"{_named(one)} {one.link} ({_kept(one)})", *traits)))
        yield Check("interpreter", Health.OK, f"{told}; for {_listed(using)}" if using else told)
        if using:
            yield from _wanting(one, usage, today)


def check_venv(installed: Iterable[Installed]) -> Check:
    """Tell which interpreters have the builder of the standard library."""
    found = [one for one in installed if not one.problem]
    lacking = [_named(one) for one in found if not one.has_venv]
    rest = f"; not in {', '.join(lacking)}" if lacking else ""
    return Check("tool-venv", Health.OK, f"venv is in {len(found) - len(lacking)} of {len(found)} interpreters{rest}")


def _wanting(one: Installed, usage: Usage, today: date) -> Iterator[Check]:
    """Say what an interpreter that environments use lacks."""
    using = _listed(usage.users[one.link])
    if not one.stable and one.link not in usage.pinned:
        message = f"{one.link} names one patch release, and is used for {using}"
        yield Check("interpreter-patch-path", Health.WARNING, message, _lasting(one))
    if _is_over(one, today):
        message = f"{_named(one)} gets no more fixes, and is used for {using}"
        hint = f"Move on to a newer one; this shows what depends on it: envsync doctor {shlex.quote(one.link)}"
        yield Check("interpreter-end-of-life", Health.WARNING, message, hint)
    if not one.has_venv and usage.builders[:1] == ("venv",):
        message = f"{_named(one)} at {one.link} lacks the module venv, which the manifest wants as the builder"
        hint = f"Install it (Debian has it in python{one.minor}-venv), or set `builder` to virtualenv."
        yield Check("interpreter-venv", Health.WARNING, message, hint)


def _lasting(one: Installed) -> str:
    """Say how to get a link that survives an upgrade."""
    if one.twin is not None:
        return f"Name {one.twin} instead: it leads to the same tree, and follows upgrades."
    head, slash, _ = one.link.partition(f"/{one.version}/")
    if slash and one.manager in _LINKLESS:
        return f"Make one that you move on with each upgrade: ln -s {one.version} {shlex.quote(f'{head}/{one.minor}')}"
    return "An upgrade takes it away: name a path without the patch release, or make a link of your own to it."


def _named(one: Installed) -> str:
    return f"{'Python' if one.implementation == 'cpython' else one.implementation} {one.version}"


def _kept(one: Installed) -> str:
    path = "stable path" if one.stable else "path of one patch release"
    return f"{one.manager}, {path}" if one.manager else path


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004


def _ends(one: Installed, today: date) -> str:
    ends = END_OF_LIFE.get(one.minor) if one.implementation == "cpython" else None
    if ends is None:
        return "past its end of life" if _is_over(one, today) else ""
    return f"end of life {'was' if _is_over(one, today) else 'in'} {ends[0]}-{ends[1]:02}"


def _is_over(one: Installed, today: date) -> bool:
    """Check whether a CPython is maintained no more: from the month after its last on."""
    if one.implementation != "cpython":
        return False
    ends = END_OF_LIFE.get(one.minor)
    if ends is not None:
        return (today.year, today.month) > ends
    return _numbers(one.minor) < min(map(_numbers, END_OF_LIFE))


def _numbers(minor: str) -> list[int]:
    return [int(part) for part in minor.split(".")]


class Effect(Enum):
    """What would become of an environment."""

    UNTOUCHED = "untouched"
    MOVES = "moves"
    REBUILDS = "rebuilds"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Dependent:
    """An environment, and what would become of it."""

    environment: str
    effect: Effect
    link: str | None
    """The interpreter link that it uses now."""
    next_link: str | None
    """The one that it would use."""
    message: str


def dependents(before: Plan, after: Plan, gone: str) -> tuple[Dependent, ...]:
    """Compare the plan as things are with the one for when what is at the real path ``gone``, or below it, is not."""
    return tuple(_compare(*pair, gone) for pair in zip(before.environments, after.environments, strict=True))


def _compare(before: EnvironmentPlan, after: EnvironmentPlan, gone: str) -> Dependent:
    effect, message = _fate(before, after) if _depends(before, after, gone) else (Effect.UNTOUCHED, "")
    now, then = before.world.interpreter, after.world.interpreter
    next_link = then.link if isinstance(then, Interpreter) else None
    return Dependent(before.environment.name, effect, now.link, next_link, message or "it uses another interpreter")


def _depends(before: EnvironmentPlan, after: EnvironmentPlan, gone: str) -> bool:
    now = before.world.interpreter
    if isinstance(now, Interpreter):
        return now != after.world.interpreter
    return now.chain is not None and f"{now.chain.end}/".startswith(f"{gone}/")


def _fate(before: EnvironmentPlan, after: EnvironmentPlan) -> tuple[Effect, str]:
    then = after.world.interpreter
    if not isinstance(then, Interpreter):
        return Effect.CONFLICT, f"{then.code}: {then.message}; the environment is left as it is"
    if after.conflicts:
        new = [one for one in after.conflicts if one not in before.conflicts] or list(after.conflicts)
        return Effect.CONFLICT, "; ".join(f"{one.code}: {one.message}" for one in new)
    version = f"Python {then.facts.version} by {then.link}"
    if any(isinstance(action, Rebuild) for action in after.actions):
        return Effect.REBUILDS, f"built again for {version}"
    return Effect.MOVES, f"moved to {version}"
