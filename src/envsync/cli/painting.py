"""Whether to colour, and how much room there is."""

import os
import shutil
import sys

from envsync.cli.options import Options
from envsync.report.paint import Paint
from envsync.report.tree import Layout

__all__ = ["layout", "paint"]


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


def layout() -> Layout:
    """Tell how wide standard output is, which only a terminal is, and whether it can show lines of trees."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    encoding = getattr(sys.stdout, "encoding", None) or ""
    return Layout(width, lines=encoding.lower().startswith("utf"))
