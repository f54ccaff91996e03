"""Show what a command is doing, on standard error: as lines that live on a terminal, else as plain ones, or not."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from envsync.apply.progress import Progress
from envsync.model.dataclass import dataclass
from envsync.model.report import EnvironmentReport
from envsync.report.terminal import escape

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_DELAY = 0.3
"""Seconds of work before anything is shown."""
_REFRESHES = 8.0
"""A second."""
_NAMED = 3
"""The most names in one sentence."""


def named(names: Iterable[str]) -> str:
    """Return names as a sentence holds them, escaped: ``ml, blog, api and 4 more``."""
    given = [escape(name) for name in names]
    more = f" and {len(given) - _NAMED} more" if len(given) > _NAMED else ""
    return f"{', '.join(given[:_NAMED])}{more}"


class Display(Progress):
    """Shows nothing, except that an interruption was heard."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing of it on a terminal."""

    def busy(self, text: str) -> None:
        """Show what is being done to no environment in particular, such as ``searching ~/src``."""

    def interrupted(self, names: tuple[str, ...]) -> None:
        """Report what is still being completed."""
        if names:
            self._say(f"finishing {named(names)}; again to stop now")

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be what has gone
            sys.stderr.write(f"envsync: {text}\n")
            sys.stderr.flush()


class Lines(Display):
    """Prints a line for each step of each environment, for a log."""

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self._began: dict[str, float] = {}

    def started(self, name: str, what: str) -> None:
        """Print what is being done."""
        self._began[name] = time.monotonic()
        self._print(name, what)

    def step(self, name: str, text: str) -> None:
        """Print the step."""
        self._print(name, text)

    def done(self, report: EnvironmentReport) -> None:
        """Print how it ended, and after how long."""
        name = report.plan.environment.name
        word = "done" if report.error is None else report.outcome.value
        self._print(name, f"{word} in {_seconds(self._began.pop(name, time.monotonic()))} s")

    def _print(self, name: str, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            sys.stderr.write(f"{escape(name)}: {escape(text)}\n")
            sys.stderr.flush()


@dataclass(slots=True)
class _UnderWay:
    what: str
    began: float
    text: str = ""


@dataclass(slots=True)
class Board:
    """What there is to show, and how it is laid out."""

    total: int = 0
    """Environments to work on; 0 where that is not what takes time."""
    busy: str = ""
    """What is being done to no environment in particular."""
    began: float = field(default_factory=time.monotonic)
    finished: int = 0
    under_way: dict[str, _UnderWay] = field(default_factory=dict)
    """By name, in the order in which they were begun."""

    def lines(self, height: int) -> list[str]:
        """Return at most ``height`` lines, all escaped: what was begun first comes first, the whole comes last."""
        shown = [
            f"{one.what} {escape(name)} ({_seconds(one.began)} s){f': {escape(one.text)}' if one.text else ''}"
            for name, one in [*self.under_way.items()]
        ]
        last = [self._last()] if self.total > 1 or not shown else []
        room = max(0, height - len(last))
        if len(shown) > room:
            more = [f"and {len(shown) - max(0, room - 1)} more under way"] if room else []
            shown = [*shown[: max(0, room - 1)], *more]
        return [*shown, *last]

    def _last(self) -> str:
        done = f"{self.finished} of {self.total} done" if self.total else ""
        return f"{', '.join(filter(None, (done, escape(self.busy)))) or 'working'} ({_seconds(self.began)} s)"


def _seconds(began: float) -> int:
    return int(time.monotonic() - began)


class Live(Display):
    """Draws a line for each environment under way and one for the whole; they are erased at the end."""

    def __init__(self, total: int, busy: str, *, colours: bool) -> None:
        """Take the number of environments, what else is being done, and whether to colour."""
        self._board = Board(total, busy)
        self._colours = colours
        self._ended = threading.Event()
        self._drawing = threading.Thread(target=self._draw, name="envsync progress", daemon=True)
        self._lock = threading.RLock()
        self._above: Callable[[str], None] | None = None
        """Prints a line above what is drawn."""

    def __enter__(self) -> Self:
        if self._board.busy:
            self._begin()
        return self

    def _begin(self) -> None:
        """Begin to draw, when there is something to tell: until then the process may be forked."""
        with self._lock:
            if self._drawing.ident is None:
                self._drawing.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._drawing.ident is None:
            return
        try:
            self._drawing.join()
        except KeyboardInterrupt:
            self._drawing.join(1.0)  # the cursor must not stay hidden
            raise

    def started(self, name: str, what: str) -> None:
        """Begin a line."""
        self._board.under_way[name] = _UnderWay(what, time.monotonic())
        self._begin()

    def step(self, name: str, text: str) -> None:
        """Change its text."""
        if one := self._board.under_way.get(name):
            one.text = text

    def line(self, name: str, text: str) -> None:
        """Change its text to the last thing that is visible in a line, which may hold a progress bar's states."""
        shown = next((part for part in reversed(text.splitlines()) if part.strip()), "")
        if shown:
            self.step(name, " ".join(shown.split()))

    def done(self, report: EnvironmentReport) -> None:
        """Remove its line, and count it."""
        self._board.under_way.pop(report.plan.environment.name, None)
        self._board.finished += 1

    def busy(self, text: str) -> None:
        """Change what the last line says."""
        self._board.busy = text
        self._begin()

    def _say(self, text: str) -> None:
        with self._lock:
            if self._above is not None:
                self._above(f"envsync: {text}")
                return
        super()._say(text)

    def _draw(self) -> None:
        if self._ended.wait(_DELAY):
            return
        from rich.console import Console  # noqa: PLC0415  # only on a terminal, and only for long work
        from rich.live import Live as Drawing  # noqa: PLC0415

        console = Console(file=sys.stderr, force_terminal=True, no_color=not self._colours, highlight=False)
        with contextlib.suppress(OSError, ValueError):  # the terminal has gone
            drawing = Drawing(
                get_renderable=lambda: self._text(console),
                console=console,
                refresh_per_second=_REFRESHES,
                transient=True,
                redirect_stdout=False,
            )
            with drawing:
                with self._lock:
                    self._above = lambda text: console.print(escape(text), markup=False, soft_wrap=True)
                self._ended.wait()
                with self._lock:
                    self._above = None

    def _text(self, console: "Console") -> "Text":
        from rich.text import Text  # noqa: PLC0415

        size, encoding = _terminal_size(), console.encoding
        height, width = min(size.lines, console.height), min(size.columns, console.width)
        lines = [
            Text(line.encode(encoding, "backslashreplace").decode(encoding))
            for line in self._board.lines(max(1, height - 1))
        ]
        for line in lines:
            line.truncate(max(1, width - 1), overflow="crop")
        return Text("\n", no_wrap=True, overflow="crop").join(lines)


def _terminal_size() -> os.terminal_size:
    with contextlib.suppress(OSError, ValueError):
        size = os.get_terminal_size(2)
        if size.lines and size.columns:
            return size
    return os.terminal_size((80, 24))
