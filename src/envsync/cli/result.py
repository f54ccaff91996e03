"""What a command came to, ready to be shown as lines or as one JSON document."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from envsync.model.dataclass import dataclass

if TYPE_CHECKING:
    from envsync.model.contract.environments import EnvironmentEntry, GenerationEntry, ReportEntry, StatusEntry
    from envsync.model.contract.values import Status
    from envsync.model.plan import EnvironmentPlan
    from envsync.model.report import EnvironmentReport
    from envsync.report.terminal import Paint

DONE, TROUBLE, DRIFT = 0, 1, 3
"""Exit statuses."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a command ended."""

    status: "Status"
    exit_code: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to."""

    manifest: str | None
    verdict: Verdict
    environments: "tuple[EnvironmentPlan, ...] | tuple[EnvironmentReport, ...]"
    lines: "Callable[[Paint], Iterable[str]]"
    kept: "Mapping[str, list[GenerationEntry]]" = field(default_factory=dict)
    """The entries of each environment's generations, where the command looked at them."""
    more: Mapping[str, object] = field(default_factory=dict)
    """What else stands in the JSON document."""

    def entries(self) -> "Iterator[EnvironmentEntry | ReportEntry | StatusEntry]":
        """Yield the entries of the environments in the JSON document."""
        for one in self.environments:
            entry = one.to_dict()
            kept = self.kept.get(entry["name"])
            yield entry if kept is None else {**entry, "kept": kept}
