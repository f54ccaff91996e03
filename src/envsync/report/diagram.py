"""A graph as text for Mermaid or for Graphviz; what came from outside is only ever a quoted label."""

import re
from collections.abc import Iterator

from envsync.report.graph import Graph, Kind, Node

__all__ = ["dot_lines", "mermaid_lines"]

_COLOURS = {"drift": ("#ffe08a", "#8a6d00"), "conflict": ("#ffb3b3", "#a40000")}
"""Fill and border; the text on them is black, on dark pages too, and a node's label says its state as well."""
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
"""All else is written by number: Mermaid looks for its own syntax in quoted labels too."""


def mermaid_lines(graph: Graph) -> Iterator[str]:
    """Write a graph as a flowchart of Mermaid's."""
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
    """Write a graph in the DOT language."""
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
