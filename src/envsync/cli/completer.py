"""The answer to a Tab: argcomplete asks the parser what may stand at the cursor, and this module what it cannot know.

A shell waits for it: no command's module is loaded, nothing is asked, run or written, and no failure is reported.
"""

import argparse
import os
import re
from collections.abc import Iterable
from typing import NoReturn

from argcomplete.completers import BaseCompleter
from argcomplete.finders import CompletionFinder
from argcomplete.lexers import split_line

from envsync.cli.options import parser, split_run
from envsync.manifest.names import names

_FILES = frozenset({"FILE", "PATH", "PYTHON", "CMD"})
_COMMAND_END = re.compile(r"""\\.|[<>]&|'[^']*(?:'|\Z)|"(?:\\.|[^"\\])*(?:"|\Z)|([;&|(`\n])""", re.DOTALL)
"""Matches what is quoted and, as its group, a sign behind which another command begins: ``;`` in ``cd ~; envsync``."""
_MOST_FILES = 1000


def complete() -> NoReturn:
    """Write what a shell may offer, as its script asks by the environment, and end the process.

    The exit status is 1 where nothing can be offered: a shell has no place for messages.
    """
    try:
        line = _command(os.environ["COMP_LINE"], os.environ.get("COMP_POINT", ""))
        words = split_line(line)[3]
        start = next((at for at, word in enumerate(words, 1) if os.path.basename(word) == "envsync"), 1)
        os.environ |= {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE": str(start)}
        finder = _Finder()
        finder.options_ended = "--" in words or bool(split_run(words[start:])[1])
        finder(parser(words), always_complete_options=False, validator=_begins, default_completer=_Values())
    except Exception:  # a strange line, a pipe that is closed
        if "_ARC_DEBUG" in os.environ:
            raise
    os._exit(1)


def _command(line: str, at: str) -> str:
    """Return the command in which the cursor stands, up to the cursor: zsh and tcsh pass the whole line."""
    point = int(at) if at.isdecimal() else len(line)
    if point > len(line) and os.environ.get("_ARGCOMPLETE_SHELL") == "powershell":
        line += " "  # it passes none, and the cursor is behind it
    elif point > len(line):  # bash 3.2 counts bytes
        line = line.encode()[:point].decode(errors="ignore")
    line = line[:point]
    begin = max((match.end() for match in _COMMAND_END.finditer(line) if match[1]), default=0)
    return line[begin:].lstrip()


class _Finder(CompletionFinder):
    """Argcomplete's own, except that nothing behind ``--`` is an option, and bash gets what it would misread quoted."""

    options_ended: bool

    def collect_completions(
        self, active_parsers: list[argparse.ArgumentParser], parsed_args: argparse.Namespace, cword_prefix: str
    ) -> list[str]:
        found = super().collect_completions(active_parsers, parsed_args, cword_prefix)
        return [one for one in found if not one.startswith("-")] if self.options_ended else found

    def quote_completions(
        self, completions: list[str], cword_prequote: str, last_wordbreak_pos: int | None
    ) -> list[str]:
        shell = os.environ.get("_ARGCOMPLETE_SHELL")
        if shell == "tcsh":  # it takes what is offered apart at blanks
            completions = [one for one in completions if not set(one) & set(" \t")]
        found = super().quote_completions(completions, cword_prequote, last_wordbreak_pos)
        if shell != "bash":
            return found
        if (
            cword_prequote
        ):  # readline closes a quote, except where the last sign is a quote already, even an escaped one
            return [one + cword_prequote if one.endswith(cword_prequote) else one for one in found]
        # A comment, or another user's home.
        return [f"\\{one}" if one.startswith(("#", "~")) and not one.startswith("~/") else one for one in found]


class _Values(BaseCompleter):
    """What may be written for an argument whose choices the parser does not know."""

    def __call__(
        self, *, prefix: str, action: argparse.Action, parser: argparse.ArgumentParser, parsed_args: argparse.Namespace
    ) -> Iterable[str]:
        del parser
        if action.metavar == "NAME":
            is_path = "/" in prefix or prefix.startswith((".", "~"))
            directories = [one for one in _files(prefix) if one.endswith("/")] if is_path else []
            return [*names(getattr(parsed_args, "file", None)), *directories]
        return _files(prefix) if action.metavar in _FILES else ()


def _files(prefix: str) -> Iterable[str]:
    """Return the files and directories, these with a slash behind them, that begin as ``prefix`` does."""
    directory, slash, beginning = os.path.expandvars(prefix).rpartition("/")
    place = os.path.expanduser(directory + slash) or "."
    fitting = [name for name in os.listdir(place) if name.startswith(beginning) and name.isprintable()]
    for name in sorted(fitting)[:_MOST_FILES]:
        if beginning or not name.startswith("."):
            yield f"{directory}{slash}{name}{'/' if os.path.isdir(os.path.join(place, name)) else ''}"


def _begins(offer: str, prefix: str) -> bool:
    return offer.startswith((prefix, os.path.expandvars(prefix)))
