"""Redact the credentials in URLs."""

import re
from typing import Any

_CREDENTIALS = re.compile(
    r"(?:(?<=://)|(?<=https:/)|(?<=http:/))"  # a single slash: a URL that was normalised as a path
    r"(?!git@|\$\{\w+\}(?::\$\{\w+\})?@)"  # not secret: the user `git`, and variables that pip expands
    r"[^\s/?#]*@"
)
"""``me:secret@`` in ``https://me:secret@host/path``, ``token@`` in ``git+https://token@host/path``."""
_SECRETS = re.compile(
    r"(?P<name>[?&][\w.-]*(?:token|key|secret|passw|pwd|sig|credential|auth)[\w.-]*=)[^&#\s'\"`<>]+", re.IGNORECASE
)
"""``?access_token=secret`` in a URL."""


def redacted(text: str) -> str:
    """Return a text with the credentials in its URLs replaced by asterisks, except a bare user ``git``."""
    if ":/" not in text:
        return text
    return _SECRETS.sub(r"\g<name>****", _CREDENTIALS.sub("****@", text))


def redacted_in(value: Any) -> Any:
    """Return a JSON value with :func:`redacted` applied to each string."""
    match value:
        case str():
            return redacted(value)
        case dict():
            return {key: redacted_in(inner) for key, inner in value.items()}
        case list() | tuple():
            return [redacted_in(item) for item in value]
        case _:
            return value
