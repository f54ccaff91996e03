"""Let the commands that are shown name the manifest that ``--file`` named: pasted, they are to mean the same one."""

import re
import shlex
from collections.abc import Iterable
from typing import Any

from envsync.cli.commands import MODULES
from envsync.cli.options import Options
from envsync.report.terminal import shell_quoted

_COMMAND = re.compile(
    rf"(?<![\w/.-])envsync (?:(?:un)?trust(?! [/~'])|(?:{'|'.join(sorted({*MODULES} - {'trust', 'untrust'}))})\b)"
    r"(?! --(?:help|file)\b)(?![\w-])"
)
"""A command of envsync's that says no manifest: ``envsync apply blog``, not ``envsync trust ~/envs.toml``."""
_AS_THEY_ARE = frozenset({"schema", "completion", "hook", "which", "activate"})
"""Commands whose output is for programs, not for people."""
_FORMATS = frozenset({"mermaid", "dot", "openmetrics"})
"""Formats that are for programs, likewise."""


def is_for_programs(options: Options) -> bool:
    """Check whether standard output is for programs, and stays as it is."""
    return options.command in _AS_THEY_ARE or options.action == "show" or options.format in _FORMATS


def pasted(lines: Iterable[str], options: Options) -> Iterable[str]:
    """Return lines in which each command has the ``--file`` of this one, where it has one."""
    if options.file is None:
        return lines
    option = shell_quoted(option_for(options))
    return (_named(line, option) for line in lines)


def pasted_in(content: Any, options: Options) -> Any:
    """Return what a JSON document holds, its hints and remedies as :func:`pasted` has them."""
    return content if options.file is None else _in(content, option_for(options))


def option_for(options: Options) -> tuple[str, ...]:
    """Return the words that name the manifest as a command has it; none where it has no ``--file``."""
    if options.file is None:
        return ()
    return (f"--file={options.file}",) if options.file.startswith("-") else ("--file", options.file)


def _in(content: Any, option: tuple[str, ...]) -> Any:
    match content:
        case dict():
            return {key: _value(key, value, option) for key, value in content.items()}
        case list():
            return [_in(one, option) for one in content]
        case _:
            return content


def _value(key: str, value: Any, option: tuple[str, ...]) -> Any:
    if key == "hint" and isinstance(value, str):
        return _named(value, shlex.join(option))
    if key == "remedy" and isinstance(value, list):
        return [[*words[:2], *option, *words[2:]] if _is_own(words) else words for words in value]
    return _in(value, option)


def _is_own(words: list[str]) -> bool:
    return words[:1] == ["envsync"] and _COMMAND.match(shlex.join(words)) is not None


def _named(text: str, option: str) -> str:
    return _COMMAND.sub(lambda found: f"{found[0]} {option}", text)
