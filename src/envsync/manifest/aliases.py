"""Aliases with globs: a link in each directory that is there and matches, such as ``~/wt/*/.venv``."""

import glob
import os
import re
from collections.abc import Collection, Iterator

from envsync.manifest.find import absolute
from envsync.manifest.paths import Recorder, expand
from envsync.manifest.wording import Unfit, quoted
from envsync.model.dataclass import dataclass

_ESCAPED = re.compile(r"\[([*?[])\]")
"""``[*]``, as ``glob.escape`` writes it."""
_MOST = 1000
"""Links that one pattern may make."""


@dataclass(frozen=True, slots=True)
class AliasPattern:
    """An alias with a glob in its directory."""

    written: str
    directories: str
    """The pattern of the directories, absolute and expanded; what is no pattern of it is escaped."""
    name: str
    """Of the link in each."""

    def links(self, recorder: Recorder, taken: Collection[str]) -> Iterator[str]:
        """Yield the links, except those in ``taken``, and record what was looked at. Raises ``Unfit``."""
        from envsync.manifest.globs import TooManyError, matches  # noqa: PLC0415  # `add` loads little

        try:
            found = matches(self.directories, "/", recorder=recorder)
        except TooManyError as error:
            raise Unfit(f"{quoted(self.written)} {error}", "name the directory that the links belong in") from None
        if len(found) > _MOST:
            raise Unfit(f"{quoted(self.written)} matches more than {_MOST:,} directories", "write a narrower pattern")
        for directory in found:
            link = f"{directory}/{self.name}"
            if link not in taken and ":" not in link and link.isprintable() and os.path.isdir(directory):
                yield link


def unescaped(text: str) -> str | None:
    """Return the path that ``glob.escape`` makes a text of; ``None`` for a pattern."""
    path = _ESCAPED.sub(r"\1", text)
    return path if glob.escape(path) == text else None


def pattern_of(text: str, directory: str, recorder: Recorder) -> AliasPattern:
    """Return the alias in ``text``, which has a glob, relative to ``directory``. Raises ``Unfit``."""
    parent, _, last = text.rpartition("/")
    name = unescaped(last)
    if not name:
        hint = "write a pattern for the directories and the name of the links, such as ~/wt/*/.venv"
        raise Unfit(f"{quoted(text)} does not name the link itself", hint)
    if "**" in text:
        raise Unfit(
            f"{quoted(text)} means directories of any depth", "write a `*` for each level, such as ~/wt/*/.venv"
        )
    expanded = expand(parent, recorder, glob.escape)
    return AliasPattern(text, absolute(expanded, glob.escape(directory)), name)
