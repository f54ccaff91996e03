"""Read and edit the text of ``pyvenv.cfg`` (PEP 405; PEP 838 for ``python-version``).

As CPython does: line by line, split at the first ``=``, keys in lower case, both sides stripped.
"""

import ast
import re
import warnings
from collections.abc import Mapping

from envsync.model.shared import shared

_REPR = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
"""A string literal as ``repr`` writes it: ``'it\\'s "so"'``."""


def parse(text: str) -> tuple[tuple[str, str], ...]:
    """Return the settings in file order, keys in lower case, values stripped but otherwise as written.

    A line with a NUL, which neither a path nor a prompt can have, is none.
    """
    settings = []
    for line in _lines(text):
        key, equals, value = line.partition("=")
        if equals and not key.lstrip().startswith("#") and "\0" not in line:
            settings.append(shared((key.strip().lower(), value.strip())))
    return tuple(settings)


def quote(text: str) -> str:
    """Return a prompt as the value of a setting: verbatim where that reads back, otherwise its ``repr``, as venv."""
    if parse(f"prompt = {text}") == (("prompt", text),) and unquote(text) == text:
        return text
    return repr(text)


def unquote(value: str) -> str:
    """Return the prompt in the value of a setting: venv writes its ``repr``, others write it verbatim."""
    if len(value) < 2 or value[0] != value[-1] or value[0] not in "'\"":  # noqa: PLR2004  # a pair of quotes
        return value
    plain = value[1:-1]
    if "\\" not in plain or not _REPR.fullmatch(value):
        return plain
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about unknown escapes
        try:
            return str(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            return plain


def update(text: str, wanted: Mapping[str, str], *, drop: frozenset[str] = frozenset()) -> str:
    """Return the text with the ``wanted`` settings in place, missing ones appended, and every other line unchanged.

    ``drop`` names settings to remove. A repeated setting keeps its last place, the one that counts. Raises
    ``ValueError`` for a value of more than one line: the rest of it would be read as settings.
    """
    if any(len(_lines(value)) > 1 for value in wanted.values()):
        raise ValueError("a setting of pyvenv.cfg is one line")
    lines: list[str] = []
    places: dict[str, int] = {}
    for line in _lines(text):
        key, equals, _ = line.partition("=")
        name = key.strip().lower() if equals and not key.lstrip().startswith("#") else ""
        if name in drop:
            continue
        if name in wanted:
            if name in places:
                lines[places[name]] = ""
            places[name] = len(lines)
            lines.append(f"{key.strip()} = {wanted[name]}")
        else:
            lines.append(line)
    lines = [line for line in lines if line.strip()]
    lines += [f"{key} = {value}" for key, value in wanted.items() if key not in places]
    return "".join(f"{line}\n" for line in lines)


def _lines(text: str) -> list[str]:
    """Return the lines of a text file: unlike ``splitlines``, only newlines end one."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
