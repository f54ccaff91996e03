"""Whether to colour, and how much room there is."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator

from envsync.cli.options import Options
from envsync.report.paint import Paint, wrapped
from envsync.report.tree import Layout

__all__ = ["fitting", "layout", "paint"]


def paint(options: Options, terminal: bool) -> Paint:
    """Decide on colours: the option first, then NO_COLOR and FORCE_COLOR, then whether a terminal reads."""
    match options.color:
        case "always":
            return Paint(colours=True)
        case "never":
            return Paint(colours=False)
        case _:
            pass
    if os.environ.get("NO_COLOR"):
        return Paint(colours=False)
    return Paint(colours=bool(os.environ.get("FORCE_COLOR")) or (terminal and os.environ.get("TERM") != "dumb"))


def fitting(lines: Iterable[str]) -> Iterator[str]:
    """Break lines to the width of standard output, where that is a terminal."""
    width = layout().width
    for line in lines:
        yield from [line] if width is None else wrapped(line, width)


def layout() -> Layout:
    """Tell how wide standard output is, which only a terminal is, and whether it can show lines of trees."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    encoding = getattr(sys.stdout, "encoding", None) or ""
    return Layout(width, lines=encoding.lower().startswith("utf"))
