"""Draw trees of short words and longer texts, as wide as the reader's terminal."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from envsync.report.paint import Paint

__all__ = ["Layout", "Node", "hanging", "tree_lines"]

_NARROW = 24
"""Columns that a text has at least; where there are fewer, it is the terminal that breaks the line."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the reader's screen can show."""

    width: int | None = None
    """Columns; ``None`` where lines are not to be broken, as in a pipe."""
    lines: bool = True
    """Whether it has box-drawing characters."""


@dataclass(frozen=True, slots=True)
class Node:
    """One line of a tree, and what hangs below it; its texts are fit for a terminal."""

    word: str
    text: str = ""
    style: str = ""
    """The colour of the word: it says nothing that the word does not."""
    below: tuple["Node", ...] = ()


def tree_lines(root: Node, paint: Paint, layout: Layout) -> Iterator[str]:
    """Draw a tree; the words of siblings stand under each other, and so do the texts behind them."""
    yield from _node(root, ("", ""), len(root.word), paint, layout)


def hanging(text: str, indent: int, layout: Layout) -> list[str]:
    """Break a text that begins in column ``indent`` at blanks, so that it fits; never within a word."""
    room = None if layout.width is None else layout.width - indent
    if room is None or room < _NARROW or len(text) <= room:
        return [text]
    return textwrap.wrap(
        text, room, break_long_words=False, break_on_hyphens=False, replace_whitespace=False, expand_tabs=False
    )


def _node(node: Node, prefixes: tuple[str, str], column: int, paint: Paint, layout: Layout) -> Iterator[str]:
    first, rest = prefixes
    head = f"{paint(node.style, node.word)}{' ' * (column - len(node.word))}"
    further = (("│ " if layout.lines else "| ") if node.below else "  ").ljust(column + 2)
    indent = len(first) + column + 2
    lines = hanging(node.text, indent, layout)
    yield f"{paint('dim', first)}{head}  {lines[0]}".rstrip()
    for line in lines[1:]:
        yield f"{paint('dim', rest + further)}{line}"
    widest = max((len(one.word) for one in node.below), default=0)
    for one in node.below:
        last = one is node.below[-1]
        yield from _node(one, _prefixes(rest, last=last, layout=layout), widest, paint, layout)


def _prefixes(rest: str, *, last: bool, layout: Layout) -> tuple[str, str]:
    """Give what stands before a node's first line, and before the lines below it."""
    if layout.lines:
        return rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  ")
    return rest + ("`- " if last else "|- "), rest + ("   " if last else "|  ")
