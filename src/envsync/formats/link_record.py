"""What ``pyvenv.cfg`` records of the links that envsync made to an environment: the setting ``envsync-links``."""

import json
import os
from collections.abc import Mapping

KEY = "envsync-links"


def parse(value: str | None) -> dict[str, str]:
    """Return what each link was made to hold or to run, by its absolute path; nothing of what is no such record."""
    try:
        found = json.loads(value or "{}")
    except (ValueError, RecursionError):
        return {}
    entries = found.items() if isinstance(found, dict) else ()
    return {link: text for link, text in entries if isinstance(text, str) and _is_path(link) and _is_path(text)}


def _is_path(text: str) -> bool:
    """Check whether a text can be an absolute path: with no NUL, and encodable."""
    try:
        return text.startswith("/") and b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def render(links: Mapping[str, str]) -> str:
    """Return the value of the setting: JSON in one line of ASCII."""
    return json.dumps(dict(sorted(links.items())))
