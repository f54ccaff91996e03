"""Tell what was examined about one environment, and what was found, one thing at a time. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from envsync.observed import Interpreter, InterpreterProblem, Side
from envsync.plan.actions import Action, Drift, EnvironmentPlan, Install, Link, Rebuild, State

__all__ = ["Examined", "Finding", "examined", "reasons"]


class Finding(Enum):
    """How one thing stands to what it should be."""

    FITS = "in sync"
    DIFFERS = "differs"
    CONFLICT = "conflict"
    UNSEEN = "not looked at"


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing that was examined."""

    subject: str
    finding: Finding
    found: tuple[str, ...]
    """What was found; each difference, where there are any."""


_LINKS = frozenset({"link-missing", "alias-missing", "expose-missing"})
"""Drift that a symlink to the environment removes."""
_PLACE = frozenset(
    {
        *("missing", "link-missing", "link-loop", "link-elsewhere", "not-a-link", "not-readable", "not-a-directory"),
        *("unsafe-path", "not-a-venv", "not-writable", "path-shared", "path-nested"),
    }
)


def examined(plan: EnvironmentPlan) -> tuple[Examined, ...]:
    """List everything that was examined, in the order in which it matters; every drift and conflict is in it."""
    if plan.state is State.WAITING:
        return (Examined("everything", Finding.UNSEEN, plan.notes),)
    distrust = tuple(one.message for one in plan.conflicts if one.code == "untrusted")
    if distrust:
        return (Examined("everything", Finding.CONFLICT, distrust),)
    told = [(one.code, one.message, Finding.CONFLICT) for one in plan.conflicts]
    told += [(one.code, one.message, Finding.DIFFERS) for one in plan.drift]
    listed = []
    unseen: dict[str, list[str]] = {}
    for subject, codes, describe in _SUBJECTS:
        mine = [(message, finding) for code, message, finding in told if code in codes]
        told = [one for one in told if one[0] not in codes]
        if mine:
            worst = Finding.CONFLICT if any(finding is Finding.CONFLICT for _, finding in mine) else Finding.DIFFERS
            listed.append(Examined(subject, worst, tuple(message for message, _ in mine)))
        elif why := _unseen(plan, subject):
            unseen.setdefault(why, []).append(subject)
        elif found := describe(plan):
            listed.append(Examined(subject, Finding.FITS, (found,)))
    if plan.interrupted:
        listed.append(Examined("leftovers", Finding.DIFFERS, ("an interrupted pass left something to clear away",)))
    listed += [Examined("more", finding, (message,)) for _, message, finding in told]
    return (*listed, *(Examined(", ".join(subjects), Finding.UNSEEN, (why,)) for why, subjects in unseen.items()))


def reasons(action: Action, drift: tuple[Drift, ...]) -> tuple[str, ...]:
    """Say why an action is to be taken: the drift that it removes."""
    match action:
        case Link():
            return tuple(one.message for one in drift if one.code in _LINKS and one.message.endswith(action.link))
        case Install():
            return tuple(one.message for one in drift if one.code == "packages")
        case _:
            return tuple(one.message for one in drift if one.code not in {*_LINKS, "packages"})


def _unseen(plan: EnvironmentPlan, subject: str) -> str:
    """Say why something was not looked at; nothing if it was."""
    if subject in {"path", "aliases", "commands", "interpreter", "contents"}:
        return ""
    if plan.world.folder.environment is None:
        return "there is no environment yet"
    if plan.conflicts:
        return "not compared while there is a conflict"
    if subject != "built for" and any(isinstance(action, Rebuild) for action in plan.actions):
        return "the rebuild makes it anew"
    return ""


def _path(plan: EnvironmentPlan) -> str:
    folder = plan.world.folder
    if folder.environment is not None:
        return f"leads to the virtual environment {folder.chain.end}"
    return f"leads to {folder.chain.end}, where nothing is yet"


def _aliases(plan: EnvironmentPlan) -> str:
    return _sides(plan.world.aliases)


def _commands(plan: EnvironmentPlan) -> str:
    return _sides(plan.world.exposed)


def _sides(sides: tuple[Side, ...]) -> str:
    return f"{sum(side.leads_there for side in sides)} of {len(sides)} lead there" if sides else ""


def _interpreter(plan: EnvironmentPlan) -> str:
    found, within = plan.world.interpreter, plan.environment.requires_python
    if isinstance(found, InterpreterProblem):
        return found.message
    return f"it runs: Python {found.facts.version}" + (f", within requires-python {within}" if within else "")


def _built_for(plan: EnvironmentPlan) -> str:
    found = plan.world.interpreter
    return f"{found.facts.implementation} {found.facts.minor}, as the link is" if isinstance(found, Interpreter) else ""


def _python(plan: EnvironmentPlan) -> str:
    return f"leads to {plan.world.interpreter.link}"


def _settings(plan: EnvironmentPlan) -> str:
    found = plan.world.folder.environment
    return f"{len(dict(found.cfg))} keys, none of them stale" if found else ""


def _scripts(plan: EnvironmentPlan) -> str:
    return f"name {plan.environment.path}"


def _packages(plan: EnvironmentPlan) -> str:
    stock = plan.world.stock
    if plan.world.declared is None or stock is None:
        return "none are declared"
    return f"all that is declared is installed, among {len(stock.distributions)} in all"


_SUBJECTS: tuple[tuple[str, frozenset[str], Callable[[EnvironmentPlan], str]], ...] = (
    ("path", _PLACE, _path),
    ("aliases", frozenset({"alias-missing"}), _aliases),
    ("commands", frozenset({"expose-missing", "expose-taken"}), _commands),
    ("interpreter", frozenset({"interpreter-missing", "interpreter-cycle", "interpreter-held"}), _interpreter),
    ("built for", frozenset({"python-minor", "python-implementation", "layout"}), _built_for),
    ("bin/python", frozenset({"python-link", "python-dangling"}), _python),
    ("pyvenv.cfg", frozenset({"python-home", "python-patch", "prompt", "system-site-packages"}), _settings),
    ("scripts", frozenset({"moved", "scripts"}), _scripts),
    ("packages", frozenset({"packages", "inputs-unreadable", "origin-unknown"}), _packages),
    ("contents", frozenset({"mounted-inside", "linked-inside", "unowned-files"}), lambda _: ""),
)
"""What is examined: a name for it, the codes of what may be wrong with it, and what to say of it where nothing is."""
