"""Read the core metadata of a distribution: the headers of ``METADATA`` or ``PKG-INFO`` (PEP 566). Pure."""

from email import message_from_string
from functools import lru_cache

from envsync.model.dataclass import dataclass

_KNOWN = 2048
"""Texts whose fields are remembered: environments share most of their distributions."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What is read of it; each empty where it is not there."""

    name: str
    version: str
    requires: tuple[str, ...]


def parse(text: str) -> Fields:
    """Return the fields of a text, whose description, behind the headers, is not looked at."""
    return _parsed(text.partition("\n\n")[0])


@lru_cache(_KNOWN)
def _parsed(headers: str) -> Fields:
    message = message_from_string(headers)
    name, version = (str(message.get(field, "")).strip() for field in ("Name", "Version"))
    return Fields(name, version, tuple(message.get_all("Requires-Dist") or ()))
