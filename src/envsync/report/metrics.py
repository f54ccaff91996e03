"""Render what was found as metrics that OpenMetrics 1.0 and the Prometheus text format 0.0.4 both read.

Gauges alone, without timestamps: the older format has no other type for these, and node_exporter's textfile collector
refuses samples with a time. Each sample has the manifest as a label, so that several files may lie side by side.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from envsync import __version__
from envsync.formats.redact import redacted
from envsync.model.dataclass import dataclass
from envsync.model.plan import Plan, State

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
Sample = tuple[Mapping[str, str], int]
"""Labels, and the value."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a watcher knows besides its last look."""

    last_success: int = 0
    """Seconds since the epoch; 0 before the first success."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """The code of each environment that its last attempt failed on, by name."""
    is_manifest_valid: bool = True
    """Whether the manifest could be read; otherwise the last valid one is in force."""


def is_success(plan: Plan) -> bool:
    """Check whether each environment is as declared, or waits for what it was declared to wait for."""
    return all(one.state in {State.IN_SYNC, State.WAITING} for one in plan.environments)


def metric_lines(plan: Plan, record: Record | None = None) -> Iterator[str]:
    """Yield the lines for a look at the environments, with a watcher's record where there is one.

    Without a record nothing was attempted: success is that all is as declared, and failures are unknown.
    """
    states = Counter(one.state for one in plan.environments)
    there = (one.world for one in plan.environments if one.world.directory.environment is not None)
    pythons = Counter(world.python_version for world in there)
    problems = dict.fromkeys(_problems(plan, record.failures if record else {}))
    families: dict[str, tuple[str, Iterable[Sample]]] = {
        "build_info": ("The version of envsync that wrote this.", [({"version": __version__}, 1)]),
        "environments": ("Environments by state.", [({"state": one.value}, states[one]) for one in State]),
        "pythons": (
            "Environments by the version of their Python.",
            [({"version": version}, count) for version, count in sorted(pythons.items()) if version],
        ),
        "problem": (
            "Environments in conflict or failed, by code.",
            [({"environment": name, "code": code}, 1) for name, code in problems],
        ),
    }
    if record:
        families["failures"] = ("Environments whose last attempt failed.", [({}, len(record.failures))])
        valid = int(record.is_manifest_valid)
        families["manifest_valid"] = ("Whether the manifest can be read; else the last valid one holds.", [({}, valid)])
    if record or is_success(plan):
        last = record.last_success if record else int(time.time())
        families["last_success_timestamp_seconds"] = ("When all was last as declared.", [({}, last)])
    for name, (text, samples) in families.items():
        yield f"# HELP envsync_{name} {text}"
        yield f"# TYPE envsync_{name} gauge"
        for labels, value in samples:
            yield f"envsync_{name}{{{_labels({'manifest': plan.manifest.file, **labels})}}} {value}"
    yield "# EOF"


def _problems(plan: Plan, failures: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for one in plan.environments:
        name = one.environment.name
        yield from ((name, conflict.code) for conflict in one.conflicts)
        if name in failures:
            yield name, failures[name]


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())


def _escaped(text: str) -> str:
    """Return a label's value; bytes that are not UTF-8, which collectors refuse, as escapes."""
    return redacted(text).encode(errors="backslashreplace").decode().translate(_ESCAPES)
