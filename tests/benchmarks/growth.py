"""How time and memory grow with the number of environments."""

import statistics
from collections.abc import Iterator

from contenders import Bench, report
from results import Figure, Result
from timing import Sample, run

_MEGABYTE = 1_000_000


def growth(bench: Bench) -> Iterator[Result]:
    """Measure creating, and having nothing to do, from one environment up to very many."""
    many, most = bench.scale.many, bench.scale.most
    for kind, measure in (("create", _created), ("nothing to do", _stayed)):
        each = {}
        samples: list[Sample] = []
        for count in (1, bench.scale.some, many, most):
            report("growth", f"{kind}, {count:,}")
            samples = measure(bench, count)
            times = tuple(sample.seconds for sample in samples)
            each[count] = statistics.median(times) / count
            parts = {"us each": each[count] * 1e6, "MB": _peak(samples), "bytes printed": samples[-1].printed}
            yield Figure("growth", f"{kind}, {count:,}", "s", times, parts=parts)
        work = f"{kind}, time of each: at {most:,} / at {many:,}"
        yield Figure("growth", work, "x", (each[most] / each[many],), limit=1.2)
        yield Figure("growth", f"{kind}, peak memory at {most:,}", "MB", (_peak(samples),), limit=100)


def _created(bench: Bench, count: int) -> list[Sample]:
    standing = bench.standing(count)
    if count == bench.scale.most:
        return [standing.made]  # takes minutes
    rounds = bench.scale.slow if count <= bench.scale.some else bench.scale.slowest
    return [run(bench.creates(count)) for _ in range(rounds)]


def _stayed(bench: Bench, count: int) -> list[Sample]:
    run(bench.stays(count))
    return [run(bench.stays(count)) for _ in range(bench.scale.quick)]


def _peak(samples: list[Sample]) -> float:
    return max(sample.peak for sample in samples) / _MEGABYTE
