"""Take secrets out of text: credentials in URLs."""

import re

__all__ = ["redacted"]

_CREDENTIALS = re.compile(r"(?<=://)(?!git@)[^/\s@'\"<>]+(?=@)")


def redacted(text: str) -> str:
    """Return a text in which no URL has credentials; the bare user ``git`` is none."""
    return _CREDENTIALS.sub("****", text)
