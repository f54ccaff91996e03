"""One call of an installer: its words, variables and inputs, and what of its output matters to people."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from typing import Any, ClassVar, Protocol

from envsync.formats.redact import redacted
from envsync.model.dataclass import dataclass
from envsync.model.packages import Call, Sync
from envsync.model.system import VARIABLES

STDIN = "/dev/stdin"
"""How both read lines that stand in no file."""


class AnswerError(Exception):
    """An installer answered in a way that is not known."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run."""

    arguments: tuple[str, ...]
    directory: str
    environment: Mapping[str, str]
    lines: tuple[str, ...] = ()
    """What it reads from its standard input."""


@dataclass(frozen=True, slots=True)
class Job:
    """How a call is to be carried out."""

    constraints: tuple[str, ...] = ()
    """Lines of a constraints file; they do not go with a call that has lines of its own, or stands alone."""
    upgrade: bool = False
    """Whether to take the newest releases that the declarations allow."""
    only: tuple[str, ...] = ()
    """Names of the distributions to upgrade; empty for all."""
    reinstall: tuple[str, ...] = ()
    """Names of distributions to build and install again, even at the same version."""
    exact: bool = False
    """Whether what the call does not bring counts as extraneous."""
    index: tuple[str, ...] = ()
    """The index options of the declarations, as lines of a requirements file."""
    offline: bool = False
    cached: bool = True
    """Whether the installer may take files from its cache, with which environments share them."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an installer would do to one distribution."""

    name: str
    version: str | None
    """``None`` where the installer does not know it before it has built it."""
    installs: bool
    """Whether it would come; else it would go."""
    direct: Mapping[str, Any] | None = field(default=None, hash=False)
    """Where it would come from, as ``direct_url.json`` has it (PEP 610): nothing for an index.

    ``None`` where the installer does not say.
    """


class Installer(Protocol):
    """An installer works on the environment at ``place``, which it does not live in."""

    name: ClassVar[str]
    """As a manifest, and ``INSTALLER`` in the metadata of what it installed, have it."""
    oldest: ClassVar[tuple[int, int]]
    """The oldest Python that it works with."""
    reads_projects: ClassVar[bool]
    """Whether it reads projects by itself: their locks, groups and sources (``[tool.uv]``), and settings beside them.
    """
    tells_all: ClassVar[bool]
    """Whether it says of everything that is installed whether a call would keep, replace or remove it."""
    upgrades_some: ClassVar[bool]
    """Whether it can upgrade some packages by name and leave the others."""
    marks_all: ClassVar[bool]
    """Whether it marks everything that it installs as asked for (``REQUESTED``, PEP 376)."""

    def __init__(self, program: str) -> None:
        """Take the file, or the directory of unpacked files, that is run."""

    def install(self, place: str, call: Call | Sync, job: Job) -> Command:
        """Return what installs."""

    def ask(self, place: str, call: Call | Sync, job: Job) -> Command | None:
        """Return what says what an installation would change; ``None`` where this release cannot say."""

    def steps(self, output: str, messages: str) -> tuple[Step, ...]:
        """Read the answer to :meth:`ask`, from its two streams. Raises ``AnswerError``."""

    def older(self) -> "Installer | None":
        """Return the same as an older release that answers in another way; ``None`` where there is no such way."""

    def trial(self, place: str) -> Command | None:
        """Return what fails where it cannot work with the environment's Python at all; ``None`` where it always can."""

    @staticmethod
    def restated(options: Collection[tuple[str, str]]) -> Iterator[str]:
        """Return the words for options that it passes over in requirements files, by name and value."""

    def uninstall(self, place: str, names: tuple[str, ...]) -> Command:
        """Return what removes distributions."""

    def check(self, place: str) -> Command:
        """Return what fails where the requirements of installed packages are not met."""


def inherited(names: tuple[str, ...], prefixes: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the user's variables for an installer: indexes, proxies, caches, but nothing that says where or what.

    Left out are those with one of the ``names``, and those whose names begin with one of the ``prefixes``.
    """
    left_out = ("PYTHON", *prefixes)
    return {
        key: value
        for key, value in VARIABLES.items()
        if key != "VIRTUAL_ENV" and key not in names and not key.startswith(left_out)
    }


_SHOWN = 4
"""Lines that are shown of the beginning, and of the end, of a failed installer's output."""
_WIDEST = 300
"""Characters of each."""
_FAILURE = re.compile(r"\s*(?:error|failed|because|\N{MULTIPLICATION SIGN})", re.IGNORECASE)
_FRAME = re.compile(r"^[\s\N{MULTIPLICATION SIGN}\u2500-\u25ff]+")
"""What uv draws around its messages."""


def gist(output: str) -> str:
    """Keep what matters of an installer's output: from its first error on, without progress."""
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", redacted(output)).splitlines() if line.strip()]
    first = next((number for number, line in enumerate(lines) if _FAILURE.match(line)), None)
    chosen = [line for line in (lines[first:] if first is not None else lines) if "[end of output]" not in line]
    shown = [re.sub(r"^(?:ERROR|error): ", "", _FRAME.sub("", line))[:_WIDEST] for line in chosen]
    if len(shown) > 2 * _SHOWN:  # what failed stands at the beginning, why often at the end
        shown = [*shown[:_SHOWN], "...", *shown[-_SHOWN:]]
    return " / ".join(shown)
