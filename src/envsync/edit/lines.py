"""A manifest's text as lines, and which of them say one thing; what a change of them must come to."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from envsync.errors import EnvsyncError, Problem
from envsync.manifest.positions import statements

__all__ = [
    "ENVS",
    "Run",
    "checked",
    "failed",
    "inline_table",
    "lines_of",
    "newline_of",
    "parsed",
    "runs_in",
]

ENVS = "envs"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""What ``splitlines`` would also end a line at, such as U+2028, is text like any other."""
_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Run:
    """Lines of a manifest that say one thing."""

    key: tuple[str, ...]
    is_header: bool
    first: int
    last: int
    """Behind the last."""
    floor: int
    """Behind the last line of what is said before it: above that, what looks like a comment may be none."""


def lines_of(text: str) -> list[str]:
    """Return the lines with their ends, without a byte order mark."""
    return _LINE.findall(text.removeprefix(_MARK))


def newline_of(lines: list[str]) -> str:
    """Return what ends the lines."""
    return "\r\n" if any(line.endswith("\r\n") for line in lines) else "\n"


def parsed(text: str) -> dict[str, Any]:
    """Return what a manifest's text says. Raises ``EnvsyncError`` (``edit-failed``)."""
    try:
        return tomllib.loads(_plain(text))
    except tomllib.TOMLDecodeError as error:
        raise failed(str(error)) from error


def checked(text: str, lines: list[str], wanted: Mapping[str, Any]) -> str:
    """Give the new text, which begins and ends as the old one; it must say what it is to say, and nothing else."""
    mark = _MARK if text.startswith(_MARK) else ""
    new = mark + "".join(lines)
    if not text.endswith("\n"):
        new = new.removesuffix("\n").removesuffix("\r")
    found = parsed(new)
    if {**found, ENVS: found.get(ENVS) or {}} != {**wanted, ENVS: wanted.get(ENVS) or {}}:
        raise failed("more than the entry would change")
    return new


def failed(reason: str) -> EnvsyncError:
    """Return the error for a text that cannot be edited."""
    return EnvsyncError(Problem("edit-failed", f"the manifest cannot be edited: {reason}", "Edit it by hand."))


def runs_in(text: str) -> list[Run]:
    """List the statements of a manifest's text with their lines."""
    plain = _plain(text)
    runs: list[Run] = []
    offset = line = floor = 0
    for statement in statements(plain):
        first = line + plain.count("\n", offset, statement.start)
        line = first + plain.count("\n", statement.start, statement.end)
        offset = statement.end
        last = line if plain[offset - 1] == "\n" else line + 1
        runs.append(Run(statement.key, statement.is_header, first, last, floor))
        floor = last
    return runs


def inline_table(runs: list[Run]) -> Run | None:
    """Give the one inline table that all environments stand in, which nothing can be written under."""
    return next((run for run in runs if run.key == (ENVS,) and not run.is_header), None)


def _plain(text: str) -> str:
    return text.removeprefix(_MARK).replace("\r\n", "\n")
