"""Make text fit for a terminal: escape what came from outside, shorten the home folder, and colour if asked to."""

import os
import re
import shlex
from collections.abc import Iterable, Iterator

__all__ = ["Paint", "copyable", "escape", "homely", "tilde", "wrapped"]

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


def homely(text: str) -> str:
    """Shorten the home folder wherever a path in a sentence begins with it, and escape the rest."""
    home = os.environ.get("HOME", "")
    if len(home) > 1:
        text = re.sub(rf"(?<![^\s('\"=]){re.escape(home)}(?=[/\s,:;)]|$)", "~", text)
    return escape(text)


def tilde(path: str) -> str:
    """Shorten the home folder at the beginning of a path to ``~``, and escape the rest."""
    home = os.environ.get("HOME", "")
    if len(home) > 1 and (path == home or path.startswith(f"{home}/")):
        path = f"~{path[len(home) :]}"
    return escape(path)


def copyable(command: Iterable[str]) -> str:
    """Write a command as a shell takes it; a word that cannot be printed as it is, in the way of bash, zsh and ksh."""
    return " ".join(shlex.quote(word) if word.isprintable() else _ansi_quoted(word) for word in command)


def _ansi_quoted(word: str) -> str:
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    octal = (
        one if one.isprintable() else "".join(f"\\{byte:03o}" for byte in one.encode(errors="surrogateescape"))
        for one in plain
    )
    return f"$'{''.join(octal)}'"
