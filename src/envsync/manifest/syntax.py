"""Text to a plain TOML table: bounded in depth, each error with its place and in plain words."""

import ast
import re
import tomllib
from typing import Any

from envsync.errors import ManifestError, Problem
from envsync.manifest.lexing import COMMENT, DOTTED, MULTILINE, PART
from envsync.manifest.wording import dotted, escaped

__all__ = ["parse"]

_MAX_PARTS = 200
_LONG = 16
# tomllib's time grows with the square of a key's parts: together they may cost about a second.
_BUDGET = 4_000_000

_MAX_DIGITS = 4300

_BRACKET = re.compile(r"[\[\]{}]")
_DIGITS = re.compile(r"[0-9_]++")
_DOTTY_LINE = re.compile(rf"^(?:[^.\n]*+\.){{{_LONG}}}", re.MULTILINE)
_RUN = re.compile(rf"{COMMENT}|{MULTILINE}|({DOTTED})|(?P<open>[\"'])")
_PART = re.compile(PART)
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")
_NAMESPACE = re.compile(r"\(.*\)", re.DOTALL)

_PLAIN = {
    "Invalid statement": ("no key, no table and no comment", "a line is `key = value`, `[table]` or `# comment`"),
    "Invalid value": ("no value that TOML knows", 'text stands in quotes: key = "value"'),
    "Unterminated string": ("a string without its closing quote", ""),
    "Expected '=' after a key in a key/value pair": ("a key without `=` after it", "key = value"),
    "Unclosed array": ("a list without its closing `]`", ""),
    "Unclosed inline table": ("an inline table without its closing `}`", ""),
    "Expected newline or end of document after a statement": ("more text after the end of a value", "one key a line"),
    "Unescaped '\\' in a string": (
        "a backslash that begins no escape",
        "write \\\\, or put the text in 'single quotes'",
    ),
}


def parse(text: str, file: str) -> dict[str, Any]:
    """Return the TOML table in ``text``; raises ManifestError that points into ``file``."""
    _bound_keys(text, file)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifestError((_problem(str(error), text, file),)) from None
    except RecursionError:
        message = "lists or tables are nested too deeply"
        raise _error("manifest-too-deep", message, text, _deepest(text), file) from None
    except ValueError:
        # Python reads no number of so many digits.
        message = f"a number with more than {_MAX_DIGITS} digits"
        raise _error("manifest-value", message, text, _longest(text), file) from None


def _bound_keys(text: str, file: str) -> None:
    """Refuse keys that tomllib would need seconds for."""
    if not _DOTTY_LINE.search(text):
        return
    cost = 0
    for run in _RUN.finditer(text):
        if run["open"]:
            # An unclosed string: tomllib gets no further than here either.
            return
        if run[1] and run[1].count(".") >= _LONG:
            parts = len(_PART.findall(run[1]))
            cost += parts * parts
            if parts > _MAX_PARTS or cost > _BUDGET:
                message = f"dotted keys are too deep; a key may have {_MAX_PARTS} parts, and few keys that many"
                raise _error("manifest-too-deep", message, text, run.start(), file)


def _error(code: str, message: str, text: str, offset: int, file: str) -> ManifestError:
    line, column = _place(text, offset)
    return ManifestError((Problem(code, message, "", file, line, column),))


def _deepest(text: str) -> int:
    """Where brackets are too deep, roughly: those in strings are counted too."""
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > _MAX_PARTS:
            return bracket.start()
    return 0


def _longest(text: str) -> int:
    return next((run.start() for run in _DIGITS.finditer(text) if len(run[0]) > _MAX_DIGITS), 0)


def _place(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _problem(message: str, text: str, file: str) -> Problem:
    place = _PLACE.search(message)
    if place and place[1]:
        line, column = int(place[1]), int(place[2])
    else:
        line, column = _place(text, len(text.rstrip("\n")))
    said = message[: place.start()] if place else message
    if said == "Cannot overwrite a value" or said.endswith(" twice") or said.startswith("Duplicate"):
        # tomllib notices behind the value: the beginning of the line is nearer to the key.
        column = _indent(text, line) + 1
        return Problem(
            "manifest-duplicate", f"{_named(said)} is declared twice", "keep one of them", file, line, column
        )
    if said.startswith(("Cannot mutate", "Cannot redefine")):
        said = f"{_named(said)} is complete already; nothing can be added to it here"
    if said == r"Illegal character '\n'":
        said = "a string is not closed before the line ends"
    plain, hint = _PLAIN.get(said, (said, ""))
    return Problem("manifest-syntax", escaped(plain), hint, file, line, column)


def _indent(text: str, line: int) -> int:
    row = text.split("\n", line)[line - 1]
    return len(row) - len(row.lstrip(" \t"))


def _named(said: str) -> str:
    """Return the key that tomllib names by the ``repr`` of a tuple, as one would write it."""
    found = _NAMESPACE.search(said)
    try:
        parts = ast.literal_eval(found[0]) if found else ()
    except (ValueError, SyntaxError):
        parts = ()
    return f"`{dotted(parts)}`" if parts else "a key"
