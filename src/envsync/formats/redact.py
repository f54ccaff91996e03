"""Keep secrets out of what is shown: the credentials in URLs."""

import re
from typing import Any

_CREDENTIALS = re.compile(
    r"(?:(?<=://)|(?<=https:/)|(?<=http:/))"  # a single slash: an address that was taken for a path
    r"(?!git@|\$\{\w+\}(?::\$\{\w+\})?@)"  # nobody's secret: a user of that name, and variables as pip expands them
    r"[^\s/?#]*@"
)
"""Such as ``me:secret@`` in ``https://me:secret@host/path``, and ``token@`` in ``git+https://token@host/path``."""


_SECRETS = re.compile(
    r"(?P<name>[?&][\w.-]*(?:token|key|secret|passw|pwd|sig|credential|auth)[\w.-]*=)[^&#\s'\"`<>]+", re.IGNORECASE
)
"""Such as ``?access_token=secret`` in an address."""


def redacted(text: str) -> str:
    """Return a text with asterisks for the credentials of the URLs in it; a bare user ``git`` stays."""
    if ":/" not in text:
        return text
    return _SECRETS.sub(r"\g<name>****", _CREDENTIALS.sub("****@", text))


def redacted_in(value: Any) -> Any:
    """Return a value as JSON has them, with asterisks for the credentials in each text."""
    match value:
        case str():
            return redacted(value)
        case dict():
            return {key: redacted_in(one) for key, one in value.items()}
        case list() | tuple():
            return [redacted_in(one) for one in value]
        case _:
            return value
