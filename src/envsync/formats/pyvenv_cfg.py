"""Read and edit the text of ``pyvenv.cfg`` (PEP 405; PEP 838 for ``python-version``).

Pure: text in, text out. CPython reads the file line by line, splits at the first
``=``, folds the key's case and strips both sides; so does this.
"""

import ast
import re
import warnings
from collections.abc import Mapping
from sys import intern

_REPR = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
"""A text as ``repr`` writes it: ``'it\\'s "so"'``."""


def parse(text: str) -> tuple[tuple[str, str], ...]:
    """Return the settings in file order, keys in lower case, values stripped but otherwise as written."""
    settings = []
    for line in _lines(text):
        key, equals, value = line.partition("=")
        if equals and not key.lstrip().startswith("#"):
            settings.append((intern(key.strip().lower()), intern(value.strip())))  # alike in all of one interpreter
    return tuple(settings)


def quote(text: str) -> str:
    """Return a prompt as it is written: as it is where it reads back so, else as venv does, by ``repr``."""
    if parse(f"prompt = {text}") == (("prompt", text),) and unquote(text) == text:
        return text
    return repr(text)


def unquote(value: str) -> str:
    """Return the prompt that a setting means: venv writes its ``repr``, others write it as it is."""
    if len(value) < 2 or value[0] != value[-1] or value[0] not in "'\"":  # noqa: PLR2004  # a pair of quotes
        return value
    plain = value[1:-1]
    if "\\" not in plain or not _REPR.fullmatch(value):
        return plain
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that Python does not know
        try:
            return str(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            return plain


def update(text: str, wanted: Mapping[str, str], *, drop: frozenset[str] = frozenset()) -> str:
    """Set the ``wanted`` settings in place, append those that are not there, and keep every other line.

    ``drop`` names settings to remove. A setting that is repeated keeps its last place, the one that counts. Raises
    ``ValueError`` for a value of more than one line: the rest of it would be settings.
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
    """Split at newlines only, as a text file is read; ``splitlines`` knows a dozen more ends of a line."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
