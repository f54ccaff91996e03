"""Explain one environment: its chains hop by hop, each check with its finding, and the actions that follow."""

from collections.abc import Callable, Iterator

from envsync.model.dataclass import dataclass
from envsync.model.environment import Environment
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.links import Chain
from envsync.model.plan import EnvironmentPlan, State
from envsync.observe.discover import VersionManager
from envsync.plan.explain import Finding, examined, reasons
from envsync.plan.undeclared import undeclared_line
from envsync.report.table import STATES
from envsync.report.terminal import (
    Layout,
    Node,
    Paint,
    abbreviate_home,
    abbreviate_in_commands,
    escape,
    shell_quoted,
    tilde,
    tree_lines,
)

_FOUND = {
    Finding.FITS: ("ok", "green"),
    Finding.DIFFERS: ("differs", "yellow"),
    Finding.CONFLICT: ("conflict", "red"),
    Finding.UNSEEN: ("unseen", "dim"),
}


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of this machine's interpreters besides the plan."""

    version_manager_of: Callable[[str], VersionManager | None] = lambda _: None
    undeclared: Callable[[EnvironmentPlan], tuple[str, ...]] = lambda _: ()
    """Return the installed packages that nothing declares."""


def explain_lines(
    one: EnvironmentPlan, paint: Paint, layout: Layout, hints: Hints, *, verbose: bool = True
) -> Iterator[str]:
    """Yield a tree: the verdict, what differs, the links, what was observed; then the commands that resolve conflicts.

    Unless ``verbose``, what is in the environment and the checks that passed are left out.
    """
    parts = [*_outcome(one, hints)]
    if not any(conflict.code == "untrusted" for conflict in one.conflicts):  # of which nothing was looked at
        parts += [*_checks(one, verbose=verbose), *_chains(one, hints)]
        parts += [_environment(one)] if verbose else []
    word, style = STATES[one.state]
    root = Node(f"{escape(one.environment.name)}: {word}", "", style, tuple(parts))
    yield from tree_lines(root, paint, layout)
    remedy = [command for conflict in one.conflicts for command in conflict.remedy]
    if remedy:
        yield ""
        yield "Commands to resolve it; review each before running it:"
        yield from (f"  {shell_quoted(command)}" for command in dict.fromkeys(remedy))


def _chains(one: EnvironmentPlan, hints: Hints) -> Iterator[Node]:
    """Yield the chain of every path that leads to the environment or to its interpreter."""
    world = one.world
    yield _chain("path", world.path, hints)
    if world.target is not None:
        yield _chain("target", world.target, hints)
    yield from (_chain("alias", side.chain, hints) for side in world.aliases)
    yield from (_chain("command", side.chain, hints) for side in world.exposed)
    yield _interpreter(world.interpreter, hints)


def _chain(word: str, chain: Chain, hints: Hints) -> Node:
    return Node(word, tilde(chain.start), "bold", tuple(_hops(chain, hints)))


def _hops(chain: Chain, hints: Hints) -> Iterator[Node]:
    for hop in chain.once:
        yield Node("link", f"{tilde(hop.link)} -> {escape(hop.link_text)}{_manager(hop.link, hints)}")
    reason = f": {abbreviate_home(chain.reason)}" if chain.reason else ""
    yield Node("end", f"{tilde(chain.end)}, {chain.kind.value}{reason}{_manager(chain.end, hints)}")
    yield from (Node("missing", tilde(directory)) for directory in chain.to_make)


def _manager(path: str, hints: Hints) -> str:
    manager = hints.version_manager_of(path)
    if manager is None:
        return ""
    return f" ({manager.tool}, {'stable path' if manager.stable else 'path of one patch release'})"


def _interpreter(found: Interpreter | InterpreterProblem, hints: Hints) -> Node:
    below = [Node("through", tilde(link)) for link in (found.through if isinstance(found, Interpreter) else ())]
    chain = found.chain
    if chain is not None:
        if chain.start not in {chain.end, *(hop.link for hop in chain.hops)}:
            below.append(Node("name", f"{tilde(chain.start)}{_manager(chain.start, hints)}"))
        below += _hops(chain, hints)
    if isinstance(found, Interpreter):
        facts = found.facts
        below.append(Node("is", escape(f"{facts.implementation} {facts.version}, {facts.abi}")))
        below.append(Node("home", f"{tilde(found.home)}, standard library {tilde(facts.stdlib)}"))
    return Node("python", escape(found.declared) or "none declared", "bold", tuple(below))


def _environment(one: EnvironmentPlan) -> Node:
    directory = one.world.directory
    found = directory.environment
    below = [
        *(_contents(found) if found else ()),
        *(Node("kept", tilde(staging_dir)) for staging_dir in directory.generations),
    ]
    text = tilde(directory.chain.end) if found else f"none at {tilde(directory.chain.end)}"
    return Node("environment", text, "bold", tuple(below))


def _contents(found: Environment) -> Iterator[Node]:
    settings = tuple(Node(escape(key), f"= {tilde(value)}") for key, value in found.cfg)
    yield Node("pyvenv.cfg", "", "", settings)
    for link in found.pythons:
        to = "a copy, no link" if link.link_text is None else f"-> {tilde(link.link_text)}"
        yield Node(f"bin/{escape(link.name)}", to if link.works else f"{to}, leads nowhere")
    if found.lib64 is not None:
        yield Node("lib64", "a directory" if found.lib64.link_text is None else f"-> {escape(found.lib64.link_text)}")
    yield from (Node(f"bin/{escape(script.name)}", f"names {tilde(script.named)}") for script in found.scripts)
    yield Node("packages", f"{len(found.contents.packages)} entries in {_libraries(found)}")
    yield from (Node("your link", escape(link)) for link in found.contents.links)


def _libraries(found: Environment) -> str:
    return ", ".join(f"{escape(library)}/site-packages" for library in found.libraries) or "no site-packages"


def _checks(one: EnvironmentPlan, *, verbose: bool) -> Iterator[Node]:
    """Yield what was checked; unless ``verbose``, what is not shown already as a conflict or a reason."""
    found = examined(one)
    shown = [item for item in found if verbose or item.finding is Finding.UNSEEN]
    nodes = []
    for item in shown:
        word, style = _FOUND[item.finding]
        first, *more = (abbreviate_home(text) for text in item.found)
        nodes.append(Node(word, f"{item.subject}: {first}", style, tuple(Node("and", text) for text in more)))
    passed = sum(item.finding is Finding.FITS for item in found)
    if passed and not verbose:
        nodes.append(Node("ok", f"{passed} passed; -v lists them", "green"))
    if nodes:
        yield Node("checks", "", "bold", tuple(nodes))


def _outcome(one: EnvironmentPlan, hints: Hints) -> Iterator[Node]:
    """Yield what would be done, and why, or why nothing is."""
    for conflict in one.conflicts:
        hint = (Node("hint", abbreviate_in_commands(conflict.hint)),) if conflict.hint else ()
        yield Node("conflict", f"{conflict.code}: {abbreviate_home(conflict.message)}", "red", hint)
    for action in one.actions:
        why = tuple(Node("because", abbreviate_home(reason)) for reason in reasons(action, one.drift))
        yield Node("would", abbreviate_home(action.message), "yellow", why)
    if one.state is not State.WAITING:  # whose note is what was found
        yield from (Node("note", abbreviate_home(note)) for note in one.notes)
    undeclared = hints.undeclared(one)
    if undeclared:
        yield Node("note", escape(undeclared_line(undeclared)))
    if one.state is State.IN_SYNC:
        yield Node("nothing", "to do", "green")
