"""What a command came to, ready to be shown as lines or as one JSON document."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from envsync.model.dataclass import dataclass

if TYPE_CHECKING:
    from envsync.model.plan import EnvironmentPlan
    from envsync.model.report import EnvironmentReport
    from envsync.report.terminal import Paint

DONE, TROUBLE, DRIFT = 0, 1, 3
"""Exit statuses."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a command ended."""

    status: str
    """``in-sync``, ``drift``, ``conflict``, ``applied``, ``failed`` or ``error``."""
    exit_code: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to."""

    manifest: str | None
    verdict: Verdict
    environments: "tuple[EnvironmentPlan, ...] | tuple[EnvironmentReport, ...]"
    lines: "Callable[[Paint], Iterable[str]]"
    kept: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The entries of each environment's generations, where the command looked at them."""
    more: dict[str, Any] = field(default_factory=dict)
    """What else stands in the JSON document."""

    def entries(self) -> list[dict[str, Any]]:
        """Return the entries of the environments in the JSON document."""
        found = []
        for one in self.environments:
            entry = one.to_dict()
            kept = self.kept.get(entry["name"])
            found.append(entry if kept is None else entry | {"kept": kept})
        return found
