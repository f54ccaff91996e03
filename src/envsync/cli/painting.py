"""Whether to colour."""

import os

from envsync.cli.options import Options
from envsync.report.paint import Paint

__all__ = ["paint"]


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
