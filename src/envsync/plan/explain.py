"""Explain what was examined about one environment. Pure."""

from collections.abc import Callable
from enum import Enum

from envsync.model.dataclass import dataclass
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.plan import Action, Conflict, Drift, EnvironmentPlan, Install, Link, Rebuild, State
from envsync.model.world import SideLink
from envsync.plan.links import taken_aliases, taken_commands


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
    findings = [(one.code, one.message, Finding.CONFLICT) for one in plan.conflicts]
    findings += [(one.code, one.message, Finding.DIFFERS) for one in plan.drift]
    listed = []
    unseen: dict[str, list[str]] = {}
    for subject, codes, describe in _SUBJECTS:
        mine = [(message, finding) for code, message, finding in findings if code in codes]
        findings = [one for one in findings if one[0] not in codes]
        if mine:
            worst = Finding.CONFLICT if any(finding is Finding.CONFLICT for _, finding in mine) else Finding.DIFFERS
            listed.append(Examined(subject, worst, tuple(message for message, _ in mine)))
        elif why := _unseen(plan, subject):
            unseen.setdefault(why, []).append(subject)
        elif found := describe(plan):
            finding = Finding.UNSEEN if subject in _later(plan) else Finding.FITS
            listed.append(Examined(subject, finding, (found,)))
    if plan.interrupted:
        listed.append(Examined("leftovers", Finding.DIFFERS, ("an interrupted pass left something to clear away",)))
    listed += [Examined("more", finding, (message,)) for _, message, finding in findings]
    return (*listed, *(Examined(", ".join(subjects), Finding.UNSEEN, (why,)) for why, subjects in unseen.items()))


_CHAINED = frozenset({"link-loop", "link-elsewhere", "not-a-link", "not-a-directory", "not-a-venv"})
_OF_PYTHON = frozenset({"interpreter-missing", "interpreter-cycle", "interpreter-held"})


def shows_more(plan: EnvironmentPlan, conflict: Conflict) -> bool:
    """Check whether explaining an environment shows more of a conflict: the links that lead to it."""
    if conflict.code in _OF_PYTHON:
        chain = plan.world.interpreter.chain
        return chain is not None and bool(chain.hops)
    return conflict.code in _CHAINED and bool(plan.world.path.hops)


def reasons(action: Action, drift: tuple[Drift, ...]) -> tuple[str, ...]:
    """Return why an action is to be taken: the drift that it removes."""
    match action:
        case Link():
            return tuple(one.message for one in drift if one.link == action.link)
        case Install():
            return tuple(one.message for one in drift if one.code == "packages")
        case _:
            return tuple(one.message for one in drift if one.code not in {*_LINKS, "packages"})


def _unseen(plan: EnvironmentPlan, subject: str) -> str:
    """Return why something was not looked at; nothing if it was."""
    if subject in {"path", "aliases", "commands", "interpreter", "contents"}:
        return ""
    if plan.world.directory.environment is None:
        return "there is no environment yet"
    if plan.conflicts:
        return "not compared while there is a conflict"
    if subject != "built for" and any(isinstance(action, Rebuild) for action in plan.actions):
        return "the rebuild makes it again"
    return ""


def _path(plan: EnvironmentPlan) -> str:
    directory = plan.world.directory
    if directory.environment is not None:
        return f"leads to the virtual environment {directory.chain.end}"
    return f"leads to {directory.chain.end}, where nothing is yet"


def _later(plan: EnvironmentPlan) -> set[str]:
    """Return which links cannot be made yet: what they are of, or where they are to be, is not there."""
    sides = {"aliases": plan.world.aliases, "commands": plan.world.exposed}
    return {subject for subject, links in sides.items() if not all(side.leads_there for side in links)}


def _aliases(plan: EnvironmentPlan) -> str:
    taken = next(taken_aliases(plan.world), None)
    waiting = "the others wait for the directories that they are to be in"
    return taken.message if taken is not None else _sides(plan.world.aliases, waiting)


def _commands(plan: EnvironmentPlan) -> str:
    taken = next(taken_commands(plan.environment.name, plan.world), None)
    waiting = "the others wait for the commands that they lead to"
    return taken.message if taken is not None else _sides(plan.world.exposed, waiting)


def _sides(sides: tuple[SideLink, ...], waiting: str) -> str:
    there = sum(side.leads_there for side in sides)
    if not sides:
        return ""
    return f"{there} of {len(sides)} lead there" + (f"; {waiting}" if there < len(sides) else "")


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
    found = plan.world.directory.environment
    return f"{len(dict(found.cfg))} keys, none of them stale" if found else ""


def _scripts(plan: EnvironmentPlan) -> str:
    return f"name {plan.environment.path}"


def _packages(plan: EnvironmentPlan) -> str:
    installed = plan.world.installed
    if plan.world.declared is None or installed is None:
        return "none are declared"
    return f"all that is declared is installed, among {len(installed.distributions)} in all"


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
