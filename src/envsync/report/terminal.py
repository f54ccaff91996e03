"""Prepare text for a terminal: escaped, shortened, coloured, wrapped, and as trees."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from envsync.model.dataclass import dataclass
from envsync.model.system import VARIABLES

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""A colour's escape sequence, such as ``ESC[32m`` (ECMA-48, SGR)."""
_CODES = {"green": "32", "yellow": "33", "red": "31", "blue": "34", "dim": "2", "bold": "1"}


class Paint:
    """Colours text, or leaves it as it is."""

    def __init__(self, *, colours: bool, arrow: str = "->") -> None:
        """Take whether to colour at all, and what stands between two versions."""
        self.colours = colours
        self.arrow = arrow

    def __call__(self, style: str, text: str) -> str:
        """Return ``text`` in a style: a colour's name, ``dim`` or ``bold``."""
        return f"\033[{_CODES[style]}m{text}\033[0m" if self.colours and style and text else text


_LABEL = re.compile(r" *(?:\x1b\[[0-9;]*m)*(hint|more|note|error|yours|warning):(?:\x1b\[[0-9;]*m)* ")
_COMMAND = re.compile(r"(?:(?<=: )|^)(?=[a-z~/'])(?:'[^']*'|[^'])+?(?=[.;,](?: |$)| \(|$)|`[^`]+`")
"""A command in a hint: between a colon and the end of the clause, or within backticks."""
_WORD = re.compile(r"[^ ]+")


def wrapped(line: str, width: int) -> Iterator[str]:
    """Yield a line broken at blanks to ``width`` columns, the rest indented; a command in a hint is never broken."""
    if _columns(line) <= width:
        yield line
        return
    label = _LABEL.match(line)
    head = label[0] if label else line[: len(line) - len(line.lstrip())]
    indent = _columns(head) if label else len(head) + 4
    pieces = _pieces(line[len(head) :], commands=label is not None and label[1] in {"hint", "more"})
    yield from _filled(pieces, head, " " * indent, width)


def _columns(text: str) -> int:
    return len(_COLOUR.sub("", text))


def _pieces(text: str, *, commands: bool) -> Iterator[str]:
    """Yield what is not to be broken, each with the blanks before it: words, and whole commands."""
    at = 0
    while at < len(text):
        start = len(text) - len(text[at:].lstrip(" "))
        found = (commands and _COMMAND.match(text, start)) or _WORD.match(text, start)
        if not found:
            return
        closing = _WORD.match(text, found.end())  # a full stop, a bracket
        end = closing.end() if closing else found.end()
        yield text[at:end]
        at = end


def _filled(pieces: Iterable[str], first: str, indent: str, width: int) -> Iterator[str]:
    """Yield lines of pieces: the first behind ``first``, the others behind ``indent``."""
    current, is_empty = first, True
    for piece in pieces:
        if not is_empty and _columns(current + piece) > width:
            yield current
            current, is_empty = indent, True
        current += piece.lstrip(" ") if is_empty and current == indent else piece
        is_empty = False
    yield current


def escape(text: str) -> str:
    """Return text with what is not printable as escape sequences, so that no name or path can drive a terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def abbreviate_home(text: str) -> str:
    """Return a sentence with the home directory as ``~`` wherever a path begins with it, the rest escaped."""
    return _abbreviated(text, before=r"\s('\"=")


def abbreviate_in_commands(text: str) -> str:
    """Return a hint with the home directory as ``~`` where a shell expands that: not within quotes, nor after ``=``."""
    return _abbreviated(text, before=r"\s(")


def _abbreviated(text: str, before: str) -> str:
    home = VARIABLES.get("HOME", "")
    if len(home) > 1:
        # As in ``see ~/src/blog, or (~/.venv)``.
        text = re.sub(rf"(?<![^{before}]){re.escape(home)}(?=[/\s,:;)]|$)", "~", text)
    return escape(text)


def tilde(path: str) -> str:
    """Return a path with the home directory at its beginning as ``~``, the rest escaped."""
    home = VARIABLES.get("HOME", "")
    if len(home) > 1 and (path == home or path.startswith(f"{home}/")):
        path = f"~{path[len(home) :]}"
    return escape(path)


_LISTED = 3
"""Names that a line lists."""


def listed(names: Sequence[str], more: str = "") -> str:
    """Return the first few names, and how many more there are; ``more`` says where."""
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest} more{more}" if rest > 0 else "")


def shell_quoted(command: Iterable[str]) -> str:
    """Return a command as a shell reads it, paths in the home directory beginning with ``~`` where that is possible.

    Words that cannot be printed are in ANSI-C quotes (bash, zsh, ksh).
    """
    return " ".join(map(_shell_word, command))


def _shell_word(word: str) -> str:
    if not word.isprintable():
        return _ansi_quoted(word)
    home = VARIABLES.get("HOME", "")
    below = word.removeprefix(f"{home}/")
    return f"~/{below}" if len(home) > 1 and word != below == shlex.quote(below) else shlex.quote(word)


def _ansi_quoted(word: str) -> str:
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    octal = (
        one if one.isprintable() else "".join(f"\\{byte:03o}" for byte in one.encode(errors="surrogateescape"))
        for one in plain
    )
    return f"$'{''.join(octal)}'"


_NARROWEST = 24
"""Columns for a text; where there are fewer, the terminal breaks the line."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the reader's terminal can show."""

    width: int | None = None
    """Columns; ``None`` where lines are not to be broken, as in a pipe."""
    lines: bool = True
    """Whether it has box-drawing characters."""


@dataclass(frozen=True, slots=True)
class Node:
    """One line of a tree, and the lines below it; its texts are escaped."""

    word: str
    text: str = ""
    style: str = ""
    """The colour of the word: it says nothing that the word does not."""
    below: tuple["Node", ...] = ()


def tree_lines(root: Node, paint: Paint, layout: Layout) -> Iterator[str]:
    """Yield the lines of a tree, the words of siblings and the texts behind them aligned."""
    yield from _node(root, ("", ""), len(root.word), paint, layout)


def hanging(text: str, indent: int, layout: Layout) -> list[str]:
    """Return a text that begins in column ``indent``, broken at blanks to fit; a hint's command stays whole."""
    room = None if layout.width is None else layout.width - indent
    if room is None or room < _NARROWEST or len(text) <= room:
        return [text]
    return list(_filled(_pieces(text, commands=text.startswith("hint: ")), "", "", room))


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
    """Return the prefix of a node's first line, and of the lines below it."""
    if layout.lines:
        return rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  ")
    return rest + ("`- " if last else "|- "), rest + ("   " if last else "|  ")
