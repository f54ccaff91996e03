"""Read and edit the text of ``pyvenv.cfg`` (PEP 405; PEP 838 for ``python-version``).

Pure: text in, text out. CPython reads the file line by line, splits at the first
``=``, folds the key's case and strips both sides; so does this.
"""

from collections.abc import Mapping
from sys import intern

__all__ = ["parse", "unquote", "update"]


def parse(text: str) -> tuple[tuple[str, str], ...]:
    """List the settings in file order, keys in lower case, values stripped but otherwise as written."""
    settings = []
    for line in _lines(text):
        key, equals, value = line.partition("=")
        if equals and not key.lstrip().startswith("#"):
            settings.append((intern(key.strip().lower()), intern(value.strip())))  # alike in all of one interpreter
    return tuple(settings)


def unquote(value: str) -> str:
    """Take off the quotes that venv and virtualenv put around a prompt."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def update(text: str, wanted: Mapping[str, str], *, drop: frozenset[str] = frozenset()) -> str:
    """Set the ``wanted`` settings in place, append those that are not there, and keep every other line.

    ``drop`` names settings to remove. A setting that is repeated keeps its last place, the one that counts.
    """
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
