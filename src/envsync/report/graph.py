"""Which environments depend on which interpreter, and through which links; as nodes and edges, Mermaid or Graphviz."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from envsync.model.dataclass import dataclass
from envsync.model.interpreter import Interpreter, InterpreterProblem
from envsync.model.links import Chain, EndKind
from envsync.model.plan import EnvironmentPlan, State
from envsync.report.terminal import escape, tilde

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.entries import EdgeEntry, GraphEntry, NodeEntry

Kind = Literal["environment", "link", "folder", "interpreter", "nothing"]


@dataclass(frozen=True, slots=True)
class Node:
    """An environment, or a path that one depends on."""

    id: str
    kind: Kind
    label: tuple[str, ...]
    """Its lines, escaped."""
    path: str | None = None
    state: str | None = None
    """An environment's state; ``None`` for a path."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One step on the way from an environment to its interpreter."""

    source: str
    target: str
    label: str = ""
    """Escaped."""


@dataclass(frozen=True, slots=True)
class Graph:
    """All nodes and edges, in the order in which they were found."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def graph_of(plans: Iterable[EnvironmentPlan]) -> Graph:
    """Return what environments depend on: path, links, directory, ``bin/python``, links, interpreter."""
    drawing = _Drawing()
    for plan in plans:
        drawing.add(plan)
    return Graph(tuple(drawing.nodes.values()), tuple(drawing.edges))


def graph_entry(graph: Graph) -> "GraphEntry":
    """Return the graph for the JSON document."""
    return {"nodes": [_node_entry(one) for one in graph.nodes], "edges": [_edge_entry(one) for one in graph.edges]}


def _node_entry(node: Node) -> "NodeEntry":
    return {"id": node.id, "kind": node.kind, "label": list(node.label), "path": node.path, "state": node.state}


def _edge_entry(edge: Edge) -> "EdgeEntry":
    return {"source": edge.source, "target": edge.target, "label": edge.label}


class _Drawing:
    """Collects nodes by the path or environment they stand for, and edges without repetition."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[str, str], Node] = {}
        self.edges: dict[Edge, None] = {}

    def add(self, plan: EnvironmentPlan) -> None:
        name, state = plan.environment.name, plan.state
        shown = () if state is State.IN_SYNC else (state.value,)
        start = self._node("environment", name, (escape(name), *shown), path=plan.environment.path, state=state.value)
        chain = plan.world.directory.chain
        kind: Kind = "folder" if chain.kind is EndKind.DIRECTORY else "nothing"
        about = () if kind == "folder" else (chain.kind.value,)
        end = self._way(start, chain, self._node(kind, chain.end, (tilde(chain.end), *about), path=chain.end))
        self._interpreter(end, plan.world.interpreter)

    def _interpreter(self, directory: str, found: Interpreter | InterpreterProblem) -> None:
        chain = found.chain
        if isinstance(found, Interpreter):
            label = (escape(f"{found.facts.implementation} {found.facts.version}"), tilde(found.chain.end))
            end = self._node("interpreter", found.chain.end, label, path=found.chain.end)
        elif chain is not None:
            end = self._node("nothing", chain.end, (escape(found.code), tilde(chain.end)), path=chain.end)
        else:
            end = self._node("nothing", f"request {found.declared}", (escape(found.code), escape(found.declared)))
        if chain is None or chain.start in {chain.end, *(hop.link for hop in chain.hops[:1])}:
            self._way(directory, chain, end, "bin/python")
            return
        link = self._node("link", chain.start, (tilde(chain.start),), path=chain.start)
        self._join(directory, link, "bin/python")
        self._way(link, chain, end)

    def _way(self, start: str, chain: Chain | None, end: str, label: str = "") -> str:
        """Add an edge for each link of a chain, from the node ``start`` to the node ``end``, and return ``end``."""
        here = start
        for hop in chain.hops if chain else ():
            link = self._node("link", hop.link, (tilde(hop.link),), path=hop.link)
            self._join(here, link, label)
            here, label = link, escape(hop.link_text)
        self._join(here, end, label)
        return end

    def _join(self, source: str, target: str, label: str) -> None:
        if source != target:
            self.edges[Edge(source, target, label)] = None

    def _node(
        self, kind: Kind, key: str, label: Sequence[str], *, path: str | None = None, state: str | None = None
    ) -> str:
        """Return the id of the node for a path or environment, adding the node if it is new."""
        place = ("environment" if kind == "environment" else "place", key)
        if place not in self.nodes:
            self.nodes[place] = Node(f"n{len(self.nodes)}", kind, tuple(label), path, state)
        return self.nodes[place].id


_COLOURS = {"drift": ("#ffe08a", "#8a6d00"), "conflict": ("#ffb3b3", "#a40000")}
"""Fill and border. Text is black, on dark pages too; colour adds nothing that the label does not say."""
_CLASSES = {"drift": "drift", "missing": "drift", "conflict": "conflict"}
_SHAPES: dict[Kind, tuple[str, str]] = {
    "environment": ("([", "])"),
    "link": ("(", ")"),
    "folder": ("[", "]"),
    "interpreter": ("[[", "]]"),
    "nothing": ("{{", "}}"),
}
_LOOKS: dict[Kind, str] = {
    "environment": 'shape=box, style="rounded,filled"',
    "link": 'shape=box, style="rounded"',
    "folder": "shape=folder",
    "interpreter": "shape=component",
    "nothing": 'shape=box, style="dashed"',
}
_PLAIN = re.compile(r"[^A-Za-z0-9 ./~_+=,@-]")
"""What Mermaid cannot take literally, even in quoted labels: ``#34;`` for ``"``."""


def mermaid_lines(graph: Graph) -> Iterator[str]:
    """Yield the lines of a Mermaid flowchart."""
    yield "flowchart LR"
    for node in graph.nodes:
        left, right = _SHAPES[node.kind]
        named = f":::{_class(node)}" if _class(node) else ""
        yield f'  {node.id}{left}"{"<br/>".join(map(_mermaid, node.label))}"{right}{named}'
    for edge in graph.edges:
        label = f'|"{_mermaid(edge.label)}"|' if edge.label else ""
        yield f"  {edge.source} -->{label} {edge.target}"
    for name, (fill, border) in _COLOURS.items():
        if any(_class(node) == name for node in graph.nodes):
            yield f"  classDef {name} fill:{fill},stroke:{border},color:#000000"


def dot_lines(graph: Graph) -> Iterator[str]:
    """Yield the lines of a graph in the DOT language."""
    yield "digraph envsync {"
    yield '  graph [rankdir=LR, charset="UTF-8"];'
    yield '  node [fontname="sans-serif", fillcolor="white"];'
    yield '  edge [fontname="sans-serif"];'
    for node in graph.nodes:
        label = "\\n".join(map(_dot, node.label))
        yield f'  {node.id} [label="{label}", {_LOOKS[node.kind]}{_filling(node)}];'
    for edge in graph.edges:
        label = f' [label="{_dot(edge.label)}"]' if edge.label else ""
        yield f"  {edge.source} -> {edge.target}{label};"
    yield "}"


def _class(node: Node) -> str:
    return _CLASSES.get(node.state or "", "")


def _filling(node: Node) -> str:
    if not _class(node):
        return ""
    fill, border = _COLOURS[_class(node)]
    return f', fillcolor="{fill}", color="{border}"'


def _mermaid(text: str) -> str:
    return _PLAIN.sub(lambda match: f"#{ord(match[0])};", text)


def _dot(text: str) -> str:
    """Escape a label: quotes end it, backslashes and ampersands begin something in it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
