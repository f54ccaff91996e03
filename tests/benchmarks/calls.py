"""How many system calls a pass without work makes for each environment."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from contenders import Bench, report
from results import Figure, Result
from timing import Failed, Job, run

_LINE = re.compile(r" *[\d.]+ +[\d.]+ +\d+ +(?P<calls>\d+)(?: +\d+)? +(?P<name>(?!total)\w+)", re.ASCII)
"""A line of strace's table: share, seconds, microseconds of each, calls, errors if any, name."""
_NOTABLE = 0.05


def calls(bench: Bench) -> Iterator[Result]:
    """Count those of passes over more and over fewer environments: the difference is what each of them costs."""
    work = "nothing to do, system calls for each environment"
    report("calls", work)
    few, many = bench.scale.some, bench.scale.many
    if not _may_trace(bench):
        yield Figure("calls", work, skipped="strace is not there, or may not trace")
        return
    difference = _counted(bench, many)
    difference.subtract(_counted(bench, few))
    each = {name: number / (many - few) for name, number in difference.most_common()}
    notable = {name: number for name, number in each.items() if number >= _NOTABLE}
    yield Figure("calls", work, values=(sum(each.values()),), parts=notable)


def _may_trace(bench: Bench) -> bool:
    try:
        run(_traced(bench, bench.bare().fresh(1), bench.world.fresh() / "calls.txt"))
    except Failed:
        return False
    return True


def _counted(bench: Bench, count: int) -> Counter[str]:
    job = bench.stays(count)
    run(job)
    table = bench.world.fresh() / "calls.txt"
    run(_traced(bench, job, table))
    lines = map(_LINE.fullmatch, table.read_text().splitlines())
    return Counter({line["name"]: int(line["calls"]) for line in lines if line})


def _traced(bench: Bench, job: Job, table: Path) -> Job:
    return replace(job, commands=[(bench.tools.strace, "-f", "-c", "-o", str(table), *one) for one in job.commands])
