"""Make text fit for a terminal: escaped, shortened, coloured, wrapped, as trees, and with progress."""

import os
import re
import shlex
import sys
import textwrap
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from envsync.model.report import EnvironmentReport


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CODES = {"green": "32", "yellow": "33", "red": "31", "blue": "34", "dim": "2", "bold": "1"}


class Paint:
    """Colours text, or leaves it as it is."""

    def __init__(self, *, colours: bool) -> None:
        """Say whether the reader is a terminal that wants colours."""
        self.colours = colours

    def __call__(self, style: str, text: str) -> str:
        """Give ``text`` in a style: a colour's name, ``dim`` or ``bold``."""
        return f"\033[{_CODES[style]}m{text}\033[0m" if self.colours and style and text else text


def wrapped(line: str, width: int) -> Iterator[str]:
    """Break a line at blanks so that it fits, with what follows indented; hints stay whole, for they hold commands."""
    if "hint:" in line or len(_COLOUR.sub("", line)) <= width:
        yield line
        return
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    room, kept = width, ""
    for word in re.findall(r" *[^ ]+ *$| *[^ ]+", line):
        if kept.strip() and len(_COLOUR.sub("", kept + word)) > room:
            yield kept
            kept = indent + word.lstrip()
        else:
            kept += word
    yield kept


def escape(text: str) -> str:
    """Write what is not printable as an escape sequence, so that no name or path can drive a terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def abbreviate_home(text: str) -> str:
    """Shorten the home directory wherever a path in a sentence begins with it, and escape the rest."""
    home = os.environ.get("HOME", "")
    if len(home) > 1:
        text = re.sub(rf"(?<![^\s('\"=]){re.escape(home)}(?=[/\s,:;)]|$)", "~", text)
    return escape(text)


def tilde(path: str) -> str:
    """Shorten the home directory at the beginning of a path to ``~``, and escape the rest."""
    home = os.environ.get("HOME", "")
    if len(home) > 1 and (path == home or path.startswith(f"{home}/")):
        path = f"~{path[len(home) :]}"
    return escape(path)


def shell_quoted(command: Iterable[str]) -> str:
    """Write a command as a shell takes it; a word that cannot be printed as it is, in the way of bash, zsh and ksh."""
    return " ".join(shlex.quote(word) if word.isprintable() else _ansi_quoted(word) for word in command)


def _ansi_quoted(word: str) -> str:
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    octal = (
        one if one.isprintable() else "".join(f"\\{byte:03o}" for byte in one.encode(errors="surrogateescape"))
        for one in plain
    )
    return f"$'{''.join(octal)}'"


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


_DELAY = 1.0
"""Seconds of work before anything is shown."""


class ProgressDisplay:
    """Counts the environments that are done; it goes to standard error and clears itself away."""

    def __init__(self, total: int, *, shown: bool) -> None:
        """Take how many environments there are to work on."""
        self._total = total
        self._shown = shown and sys.stderr.isatty()
        self._began = time.monotonic()
        self._done = 0
        self._display: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._display is not None:
            self._display[0].stop()

    def tick(self, report: "EnvironmentReport") -> None:
        """Count one environment."""
        self._done += 1
        if self._shown and self._display is None and time.monotonic() - self._began > _DELAY:
            self._display = self._begin()
        if self._display is not None:
            progress, task = self._display
            progress.update(task, completed=self._done, description=report.plan.environment.name)

    def _begin(self) -> tuple["Progress", "TaskID"]:
        from rich.console import Console  # noqa: PLC0415  # only on a terminal, and only for long work
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
        )
        progress = Progress(*columns, console=Console(stderr=True), transient=True)
        progress.start()
        return progress, progress.add_task("", total=self._total)
