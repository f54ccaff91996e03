"""Which environments depend on which interpreter, as a tree: interpreters, the links to them, environments."""

from collections.abc import Iterator
from dataclasses import field

from envsync.model.dataclass import dataclass
from envsync.model.interpreter import Interpreter
from envsync.model.plan import EnvironmentPlan, Plan, State
from envsync.report.table import STATES
from envsync.report.terminal import Layout, Node, Paint, escape, listed, tilde, tree_lines
from envsync.report.totals import nothing_declared

_MOST = 6
"""Environments at one link that are shown each by itself; more that are in one state share a line."""
_Step = tuple[str, str, str]
"""A word, such as ``link``, a text, and the colour of the word."""


@dataclass(slots=True)
class _Branch:
    """A link, or an interpreter: what leads to it, and the environments that use it as it is."""

    below: dict[_Step, "_Branch"] = field(default_factory=dict)
    plans: list[EnvironmentPlan] = field(default_factory=list)


def graph_tree_lines(plan: Plan, paint: Paint, layout: Layout, *, verbose: bool = False) -> Iterator[str]:
    """Yield a tree for each interpreter; with ``verbose`` every environment by itself, else many as one line."""
    if not plan.environments:
        yield nothing_declared(plan)
    root = _Branch()
    for one in plan.environments:
        branch = root
        for step in _way(one):
            branch = branch.below.setdefault(step, _Branch())
        branch.plans.append(one)
    for number, node in enumerate(_links(root, verbose=verbose)):
        if number:
            yield ""
        yield from tree_lines(node, paint, layout)


def _way(plan: EnvironmentPlan) -> Iterator[_Step]:
    """Yield the steps from the real interpreter to the link that an environment uses."""
    found = plan.world.interpreter
    chain = found.chain
    end = tilde(chain.end) if chain is not None else escape(found.declared) or "none declared"
    if isinstance(found, Interpreter):
        yield escape(f"{found.facts.implementation} {found.facts.version}"), end, "bold"
    else:
        yield escape(found.code), end, "red"
    if chain is None:
        return
    hops = chain.once
    yield from (("link", f"{tilde(hop.link)} -> {escape(hop.link_text)}", "") for hop in reversed(hops))
    if chain.start not in {chain.end, *(hop.link for hop in hops[:1])}:
        yield "name", tilde(chain.start), ""


def _nodes(branch: _Branch, *, verbose: bool) -> tuple[Node, ...]:
    return (*_environments(branch.plans, verbose=verbose), *_links(branch, verbose=verbose))


def _links(branch: _Branch, *, verbose: bool) -> Iterator[Node]:
    for (word, text, style), inner in branch.below.items():
        yield Node(word, text, style, _nodes(inner, verbose=verbose))


def _environments(plans: list[EnvironmentPlan], *, verbose: bool) -> Iterator[Node]:
    by_state: dict[State, list[EnvironmentPlan]] = {}
    for plan in plans:
        by_state.setdefault(plan.state, []).append(plan)
    for state, alike in by_state.items():
        word, style = STATES[state]
        shown = f", {word}" if state is not State.IN_SYNC else ""
        if len(alike) <= _MOST or verbose:
            yield from (Node(escape(one.environment.name), f"{_place(one)}{shown}", style) for one in alike)
        else:
            names = listed([escape(one.environment.name) for one in alike], more=" (-v lists them)")
            yield Node(f"{len(alike)} environments{shown}", names, style)


def _place(one: EnvironmentPlan) -> str:
    path, end = one.environment.path, one.world.directory.chain.end
    return tilde(path) if path == end else f"{tilde(path)} -> {tilde(end)}"
