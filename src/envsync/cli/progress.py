"""Choose how a command shows what it is doing."""

import contextlib
import sys
from collections.abc import Iterator

from envsync.cli.options import Options
from envsync.cli.output import paint
from envsync.model.system import VARIABLES
from envsync.report.progress import Display, Lines, Live

_shown: list[Display] = []
"""The display that is there, if one is: a terminal has room for one."""


@contextlib.contextmanager
def display(options: Options, busy: str = "", *, total: int = 0) -> Iterator[Display]:
    """Show during a block what is being done to ``total`` environments, or ``busy``; within another one, in that."""
    if _shown:
        _shown[0].busy(busy)
        yield _shown[0]
        return
    with _chosen(options, busy, total) as chosen:
        _shown.append(chosen)
        try:
            yield chosen
        finally:
            _shown.clear()


def _chosen(options: Options, busy: str, total: int) -> Display:
    if options.quiet or options.json:
        return Display()
    if sys.stderr.isatty() and VARIABLES.get("TERM") != "dumb":
        return Live(total, busy, colours=paint(options, sys.stderr).colours)
    return Lines() if options.verbose else Display()
