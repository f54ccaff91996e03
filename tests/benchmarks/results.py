"""What was measured: plain values, to be shown and to be kept."""

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from timing import Series


@dataclass(frozen=True)
class Ratio:
    """How envsync's time relates to another's: of the medians, and the range of the rounds' own ratios."""

    value: float
    least: float
    most: float


@dataclass(frozen=True)
class Contest:
    """The same work, done by envsync and by others in the same minutes."""

    row: str
    work: str
    ours: Series
    others: tuple[Series, ...]

    def ratio(self, other: Series) -> Ratio | None:
        """Compare with one of the others in the rounds of both; ``None`` where either was not timed."""
        pairs = list(zip(self.ours.seconds, other.seconds, strict=False))
        if not pairs:
            return None
        mine, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
        single = [one / another for one, another in pairs]
        return Ratio(mine / theirs, min(single), max(single))

    @property
    def failed(self) -> bool:
        """Check whether somebody could not do the work; not being installed is no failure."""
        return any(one.failed for one in (self.ours, *self.others))

    def document(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        against = []
        for other in self.others:
            ratio = self.ratio(other)
            entry = _series(other) | {"goal": other.goal, "ratio": asdict(ratio) if ratio else None}
            against.append(entry | {"met": is_met(ratio.value if ratio else None, other.goal)})
        head = {"row": self.row, "kind": "contest", "work": self.work, "envsync": _series(self.ours)}
        return head | {"against": against}


@dataclass(frozen=True)
class Figure:
    """A quantity that is compared with a limit at most."""

    row: str
    work: str
    unit: str = ""
    values: tuple[float, ...] = ()
    limit: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    """What else belongs to it, each with its unit or name."""
    skipped: str = ""
    failed: str = ""

    @property
    def value(self) -> float | None:
        """Return the median."""
        return statistics.median(self.values) if self.values else None

    def document(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        more = {"kind": "figure", "value": self.value, "met": is_met(self.value, self.limit)}
        return asdict(self) | more


Result = Contest | Figure


def is_met(value: float | None, goal: float | None) -> bool | None:
    """Check whether a goal is met; ``None`` where there is none, or nothing was measured."""
    return None if value is None or goal is None else value <= goal


def _series(series: Series) -> dict[str, Any]:
    return {
        "name": series.name,
        "median": series.median if series.samples else None,
        "samples": [asdict(sample) for sample in series.samples],
        "skipped": series.skipped,
        "failed": series.failed,
    }
