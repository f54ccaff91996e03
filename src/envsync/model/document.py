"""The JSON document: one for every command, also on failure. Fields may be added; those that are here stay."""

from collections.abc import Collection, Iterable
from typing import Any

from envsync import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envsync.model.contract.documents import Document
    from envsync.model.contract.environments import EnvironmentEntry, ReportEntry, StatusEntry
    from envsync.model.contract.values import Status

Entry = dict[str, Any]
"""An object of the document: texts, numbers, booleans, lists and further objects by their keys."""


def document(
    command: str,
    manifest: str | None,
    status: "Status",
    environments: "Iterable[EnvironmentEntry | ReportEntry | StatusEntry]" = (),
    exit_code: int | None = None,
) -> "Document":
    """Return a whole document; ``exit_code`` is what belongs to the status where it is left out."""
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


def status_of(states: Collection[str]) -> "Status":
    """Return the status of a document of environments in these states."""
    if "conflict" in states:
        return "conflict"
    return "drift" if {"drift", "missing"} & {*states} else "in-sync"
