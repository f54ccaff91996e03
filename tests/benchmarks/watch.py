"""How long from a broken environment to a repaired one, and what idling costs: prints figures, judges nothing.

PYTHONPATH=src python tests/benchmarks/watch.py [ENVIRONMENTS [ROUNDS]]
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_SETTLE = 0.5
_IDLE = 20.0
_Watcher = subprocess.Popen[str]


def main() -> None:
    """Watch so many environments, break one again and again, then all of them at once."""
    count, rounds = (*map(int, sys.argv[1:]), *(1, 20)[len(sys.argv[1:]) :])
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _declare(root, count)
        watcher = stack.enter_context(_watch(root))
        stack.callback(watcher.terminate)
        _until(watcher, "started")
        print(f"{count} created in one pass: {_until(watcher, 'pass')['seconds']:.2f} s")
        delays = sorted(_repair(root, watcher, number) for number in range(rounds))
        print(
            f"from broken to repaired, beyond the settle time: median {statistics.median(delays):.0f} ms,"
            f" {delays[0]:.0f} to {delays[-1]:.0f} ms in {rounds} rounds"
        )
        print(f"all {count} broken at once, repaired in one pass: {_repair_all(root, watcher, count):.2f} s")
        time.sleep(3)
        used, began = _processor_time(watcher.pid), time.monotonic()
        time.sleep(_IDLE)
        share = (_processor_time(watcher.pid) - used) / (time.monotonic() - began)
        print(f"idle: {share:.3%} of a processor, {_memory(watcher.pid):.0f} MB")


def _declare(root: Path, count: int) -> None:
    python = os.path.realpath(sys.executable)
    tables = (
        f'[envs.e{one}]\npath = "src/e{one}/.venv"\ntarget = "e{one}"\npython = "{python}"\n' for one in range(count)
    )
    (root / "envs.toml").write_text('version = 1\nstate-dir = "state"\n' + "".join(tables))
    (root / "home").mkdir()


def _watch(root: Path) -> _Watcher:
    command = [sys.executable, "-m", "envsync", "watch", "--json", f"--settle={_SETTLE}", f"--file={root}/envs.toml"]
    variables = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables | {"HOME": f"{root}/home"})


def _until(watcher: _Watcher, name: str) -> dict[str, Any]:
    assert watcher.stdout is not None
    for line in watcher.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == name:
            return event
    raise SystemExit("the watcher has ended")


def _repair(root: Path, watcher: _Watcher, number: int) -> float:
    time.sleep(1.5 + number % 7 / 50)  # at any moment of its waiting
    link = root / "state/e0/bin/python"
    link.unlink()
    began = time.monotonic()
    while not os.path.lexists(link):
        time.sleep(0.001)
    delay = time.monotonic() - began - _SETTLE
    _until(watcher, "pass")
    return delay * 1000


def _repair_all(root: Path, watcher: _Watcher, count: int) -> float:
    time.sleep(2)
    for one in range(count):
        (root / f"state/e{one}/bin/python").unlink()
    done = _until(watcher, "pass")
    assert done["outcomes"] == {"repaired": count}, done
    return float(done["seconds"])


def _processor_time(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    if not os.path.exists("/proc/self/stat"):
        raise SystemExit("this needs /proc")
    main()
