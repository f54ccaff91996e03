"""What matters of an installer's output, for people."""

import re

from envsync.redact import redacted

__all__ = ["gist"]

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
