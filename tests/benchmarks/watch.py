"""How long the watcher takes from a broken environment to a repaired one, and what idling costs."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contenders import Bench, report
from results import Figure, Result
from timing import Failed
from worlds import make_manifest

_PROCESSES = Path("/proc")
_Watcher = subprocess.Popen[str]


def watch(bench: Bench) -> Iterator[Result]:
    """Watch one environment, then some: break one again and again, then all at once, then nothing."""
    if not (_PROCESSES / "self/stat").exists():
        yield Figure("watch", "watch", skipped="needs /proc")
        return
    for count in (1, bench.scale.some):
        report("watch", f"{count} watched")
        yield from _watched(bench, count)


def _watched(bench: Bench, count: int) -> Iterator[Figure]:
    directory = bench.world.fresh()
    make_manifest(directory, count, bench.tools.python)
    about = f"watch, {count}"
    with contextlib.ExitStack() as stack:
        watcher = stack.enter_context(_started(bench, directory))
        stack.callback(watcher.terminate)
        _until(watcher, "created")
        delays = tuple(_repair(bench, directory, watcher, number) for number in range(bench.scale.quick))
        yield Figure("watch", f"{about}: repaired after the settle time", "ms", delays, limit=100)
        if count > 1:
            yield Figure(
                "watch", f"{about}: all repaired in one pass", "s", (_repair_all(bench, directory, watcher, count),)
            )
        time.sleep(6 * bench.scale.timeout)
        used, began = _processor_time(watcher.pid), time.monotonic()
        time.sleep(bench.scale.idle)
        share = (_processor_time(watcher.pid) - used) / (time.monotonic() - began)
        yield Figure("watch", f"{about}: processor while idle", "%", (share * 100,), limit=0.1)
        yield Figure("watch", f"{about}: memory", "MB", (_memory(watcher.pid),), limit=60)


def _started(bench: Bench, directory: Path) -> _Watcher:
    options = ("--json", f"--settle={bench.scale.timeout}", f"--file={directory}/envs.toml")
    return subprocess.Popen(
        [*bench.tools.envsync, "watch", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=bench.world.variables(),
    )


def _until(watcher: _Watcher, outcome: str) -> dict[str, Any]:
    """Wait for the end of a pass with an outcome."""
    for line in watcher.stdout or ():
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "pass" and outcome in event["outcomes"]:
            return event
    raise Failed("the watcher has ended")


def _repair(bench: Bench, directory: Path, watcher: _Watcher, number: int) -> float:
    """Return the milliseconds from breaking an environment, at any moment of the watcher's waiting, to its repair."""
    time.sleep(bench.scale.timeout * 3 + number % 7 / 50)
    link = directory / "src/e0/.venv/bin/python"
    link.unlink()
    began = time.monotonic()
    while not os.path.lexists(link) and watcher.poll() is None:
        time.sleep(0.001)
    delay = time.monotonic() - began - bench.scale.timeout
    _until(watcher, "repaired")
    return delay * 1000


def _repair_all(bench: Bench, directory: Path, watcher: _Watcher, count: int) -> float:
    """Return the seconds of the pass that repairs all environments."""
    time.sleep(bench.scale.timeout * 4)
    for number in range(count):
        (directory / f"src/e{number}/.venv/bin/python").unlink()
    done = _until(watcher, "repaired")
    if done["outcomes"] != {"repaired": count}:
        raise Failed(f"not all in one pass: {done['outcomes']}")
    return float(done["seconds"])


def _processor_time(process: int) -> float:
    """Return the seconds of all threads, by ``clock_getcpuclockid``: /proc counts in whole ticks."""
    return time.clock_gettime(~process << 3 | 2)


def _memory(process: int) -> float:
    lines = (_PROCESSES / f"{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024 / 1_000_000
