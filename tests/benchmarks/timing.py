"""Time contenders in turn, round after round."""

import marshal
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_STOPWATCH = str(Path(__file__).with_name("stopwatch.py"))
_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the system counts peak memory."""
_SHOWN = 300
"""Characters of what a program printed that are shown when it failed."""


class Failed(Exception):  # noqa: N818  # it is what became of a contender
    """A program ended with another exit status, or left something else behind, than was expected."""


@dataclass(frozen=True)
class Job:
    """What one run executes: programs, one after the other, in a directory, with these variables and no others."""

    commands: Sequence[Sequence[str]]
    directory: Path
    variables: Mapping[str, str]
    is_right: Callable[[str], bool] = lambda _printed: True
    """Checks by what was printed, and from the disk, whether the work was done."""


@dataclass(frozen=True)
class Sample:
    """One timed run: how long it took, the peak memory of its largest process, how much it printed, in bytes."""

    seconds: float
    peak: int
    printed: int


@dataclass(frozen=True)
class Contender:
    """Someone who does the work; ``fresh`` prepares a run for a number of environments, which is not timed."""

    name: str
    fresh: Callable[[int], Job]
    count: int = 1
    rehearsal: int | None = None
    """For how many it is run untimed at first, which warms the caches; as many as later if not said."""
    goal: float | None = None
    """The ratio to it that envsync is to stay below."""
    at_most: int = sys.maxsize
    """Rounds in which it takes part: fewer for the slow."""
    tool: str = sys.executable
    """The program that it is; empty where that is not installed."""


@dataclass(frozen=True)
class Series:
    """All timed runs of a contender, or why there are none."""

    name: str
    samples: tuple[Sample, ...]
    goal: float | None = None
    skipped: str = ""
    failed: str = ""

    @property
    def seconds(self) -> tuple[float, ...]:
        """The times alone."""
        return tuple(sample.seconds for sample in self.samples)

    @property
    def median(self) -> float:
        """The median of the times."""
        return statistics.median(self.seconds)

    @property
    def peak(self) -> int:
        """The highest of all runs, in bytes."""
        return max(sample.peak for sample in self.samples)


def run(job: Job) -> Sample:
    """Run a job once, flushed disks first. Raises ``Failed``."""
    output = job.directory.parent / "output.txt"
    done = subprocess.run(
        [sys.executable, "-I", "-S", _STOPWATCH],
        check=False,
        input=marshal.dumps(([list(map(str, command)) for command in job.commands], str(output))),
        capture_output=True,
        cwd=job.directory,
        env=dict(job.variables),
    )
    if done.returncode:
        raise Failed(done.stderr.decode(errors="replace").strip()[-_SHOWN:])
    seconds, peak, status = marshal.loads(done.stdout)  # noqa: S302  # from our own stopwatch
    printed = output.read_text(errors="replace")
    if status or not job.is_right(printed):
        what = f"exit status {status}" if status else "the work was not done"
        raise Failed(f"{what}: {' '.join(printed.split())[-_SHOWN:]}")
    return Sample(seconds, peak * _UNIT, os.stat(output).st_size)


def race(contenders: Sequence[Contender], rounds: int, *, rehearsed: bool = True) -> tuple[Series, ...]:
    """Run contenders in turn in each round, untimed in the first; who fails once is out, and its times with it."""
    samples: dict[str, list[Sample]] = {one.name: [] for one in contenders}
    failed: dict[str, str] = {}
    for number in range(-1 if rehearsed else 0, rounds):
        for one in contenders:
            if not one.tool or one.name in failed or number >= one.at_most:
                continue
            try:
                if number < 0:
                    run(one.fresh(one.rehearsal or one.count))
                else:
                    samples[one.name].append(run(one.fresh(one.count)))
            except Failed as failure:
                failed[one.name] = str(failure) or "it said nothing"
                samples[one.name].clear()
    return tuple(
        Series(
            name=one.name,
            samples=tuple(samples[one.name]),
            goal=one.goal,
            skipped="" if one.tool else "not installed",
            failed=failed.get(one.name, ""),
        )
        for one in contenders
    )
