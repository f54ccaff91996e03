"""Keep credentials out of what is shown."""

import re

__all__ = ["redacted"]

_CREDENTIALS = re.compile(r"(?<=://)(?!git@)[^/\s@]+@")
"""The ``user:password@`` or ``token@`` of a URL; the ``git@`` of an SSH address is no secret."""


def redacted(text: str) -> str:
    """Return a text with the credentials of its URLs replaced by ``****``."""
    return _CREDENTIALS.sub("****@", text)
