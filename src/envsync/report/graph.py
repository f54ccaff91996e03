"""Which environments hang on which interpreter, and through which links: nodes and edges, each once."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from envsync.observed import Chain, EndKind, Interpreter, InterpreterProblem
from envsync.plan.actions import EnvironmentPlan, State
from envsync.report.paint import escape, tilde

__all__ = ["Edge", "Graph", "Kind", "Node", "graph_entry", "graph_of"]

Kind = Literal["environment", "link", "folder", "interpreter", "nothing"]


@dataclass(frozen=True, slots=True)
class Node:
    """An environment, or a place on the disk that one hangs on."""

    id: str
    kind: Kind
    label: tuple[str, ...]
    """Its lines, fit for a terminal."""
    path: str | None = None
    state: str | None = None
    """Of an environment."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One step on the way from an environment to its interpreter."""

    source: str
    target: str
    label: str = ""
    """Fit for a terminal."""


@dataclass(frozen=True, slots=True)
class Graph:
    """All nodes and edges, in the order in which they were met."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def graph_of(plans: Iterable[EnvironmentPlan]) -> Graph:
    """Draw what some environments hang on: path, links, folder, bin/python, links, interpreter."""
    drawing = _Drawing()
    for plan in plans:
        drawing.add(plan)
    return Graph(tuple(drawing.nodes.values()), tuple(drawing.edges))


def graph_entry(graph: Graph) -> dict[str, Any]:
    """Give the graph for the JSON document."""
    nodes = [asdict(node) | {"label": list(node.label)} for node in graph.nodes]
    return {"nodes": nodes, "edges": [asdict(edge) for edge in graph.edges]}


class _Drawing:
    """Collects nodes by what they stand for, and edges without repetition."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[str, str], Node] = {}
        self.edges: dict[Edge, None] = {}

    def add(self, plan: EnvironmentPlan) -> None:
        name, state = plan.environment.name, plan.state
        shown = () if state is State.IN_SYNC else (state.value,)
        start = self._node("environment", name, (escape(name), *shown), path=plan.environment.path, state=state.value)
        chain = plan.world.folder.chain
        kind: Kind = "folder" if chain.kind is EndKind.DIRECTORY else "nothing"
        about = () if kind == "folder" else (chain.kind.value,)
        end = self._way(start, chain, self._node(kind, chain.end, (tilde(chain.end), *about), path=chain.end))
        self._interpreter(end, plan.world.interpreter)

    def _interpreter(self, folder: str, found: Interpreter | InterpreterProblem) -> None:
        chain = found.chain
        if isinstance(found, Interpreter):
            label = (escape(f"{found.facts.implementation} {found.facts.version}"), tilde(found.chain.end))
            end = self._node("interpreter", found.chain.end, label, path=found.chain.end)
        elif chain is not None:
            end = self._node("nothing", chain.end, (escape(found.code), tilde(chain.end)), path=chain.end)
        else:
            end = self._node("nothing", f"request {found.declared}", (escape(found.code), escape(found.declared)))
        if chain is None or chain.start in {chain.end, *(hop.link for hop in chain.hops[:1])}:
            self._way(folder, chain, end, "bin/python")
            return
        link = self._node("link", chain.start, (tilde(chain.start),), path=chain.start)
        self._join(folder, link, "bin/python")
        self._way(link, chain, end)

    def _way(self, start: str, chain: Chain | None, end: str, label: str = "") -> str:
        """Go from a node along the links of a chain to the node of its end."""
        here = start
        for hop in chain.hops if chain else ():
            link = self._node("link", hop.link, (tilde(hop.link),), path=hop.link)
            self._join(here, link, label)
            here, label = link, escape(hop.text)
        self._join(here, end, label)
        return end

    def _join(self, source: str, target: str, label: str) -> None:
        if source != target:
            self.edges[Edge(source, target, label)] = None

    def _node(
        self, kind: Kind, key: str, label: Sequence[str], *, path: str | None = None, state: str | None = None
    ) -> str:
        """Give the id of the node for a place; what is known of the place already stays."""
        place = ("environment" if kind == "environment" else "place", key)
        if place not in self.nodes:
            self.nodes[place] = Node(f"n{len(self.nodes)}", kind, tuple(label), path, state)
        return self.nodes[place].id
