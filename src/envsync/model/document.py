"""The JSON document: one for every command, also on failure. Fields may be added; those that are here stay."""

from collections.abc import Collection, Iterable
from typing import Any

from envsync import __version__

Entry = dict[str, Any]
"""An object of the document: texts, numbers, booleans, lists and further objects by their keys."""


def document(
    command: str, manifest: str | None, status: str, environments: Iterable[Entry] = (), exit_code: int | None = None
) -> Entry:
    """Return a whole document.

    ``status`` is ``in-sync``, ``drift``, ``conflict``, ``applied``, ``failed`` or ``error``; ``exit_code`` is what
    belongs to it where that is left out.
    """
    return {
        "schema": 1,
        "envsync": __version__,
        "command": command,
        "manifest": manifest,
        "status": status,
        "exit_code": int(status in {"conflict", "failed", "error"}) if exit_code is None else exit_code,
        "environments": list(environments),
        "errors": [],
    }


def status_of(states: Collection[str]) -> str:
    """Return the status of a document of environments in these states."""
    if "conflict" in states:
        return "conflict"
    return "drift" if {"drift", "missing"} & {*states} else "in-sync"
