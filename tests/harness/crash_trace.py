"""Run a scenario's command under strace: list its mutating system calls, and kill it at one or let one fail.

strace counts ``when=N`` for each thread and each name of a call, so a kill point is a name and a number, and meets the
first thread that gets so far. So that no process hides behind another, each program of the tree is traced by itself:
envsync's own process, or the uv that it runs.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

from harness.crash_scenario import Scenario
from harness.crash_server import Done

RENAMING = ("rename", "renameat", "renameat2")
MAKING = ("mkdir", "mkdirat", "symlink", "symlinkat", "link", "linkat", "unlink", "unlinkat", "rmdir")
WRITING = ("write", "pwrite64", "writev", "ftruncate", "fallocate", "copy_file_range", "sendfile")
FLUSHING = ("fsync", "fdatasync", "syncfs")
MODES = ("chmod", "fchmod", "fchmodat", "utimensat")
MUTATING = (*RENAMING, *MAKING, *WRITING, *FLUSHING, *MODES)
_CALL = re.compile(r"(\d+) +(\w+)\((.*)")
_WRAPPER = """#!/bin/sh
{strace} -f -o "{trace}.$$" -e trace={calls} {inject} {uv} "$@"
status=$?
# uv is in a session of its own, so envsync has to be named.
if [ $status -eq 137 ] && [ -n "{group}" ]; then kill -9 $PPID 0; fi
exit $status
"""
_WITH_STAND_IN = "import sys; sys.path.insert(0, {directory!r}); from envsync.__main__ import main; sys.exit(main())"


@dataclass(frozen=True)
class Point:
    """A system call to be met: the first thread that makes its ``number``-th call of that name."""

    call: str
    number: int
    line: str

    def __str__(self) -> str:
        return f"{self.call} {self.number}, {self.line[:150]}"


def strace() -> str:
    """Return the path of strace, or skip the test where it is not there or may not trace."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("needs strace")
    if subprocess.run([found, "-o", os.devnull, "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace may not trace here")
    return found


def was_met(done: Done) -> bool:
    """Check whether the point was reached: a process was killed there, or a call failed."""
    return any("killed by SIGKILL" in line or "(INJECTED)" in line for line in done.calls)


def points_of(trace: str) -> list[Point]:
    """List the calls of a trace that can be met by their name and number, in the order of time."""
    counts: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, int], Point] = {}
    for thread, call, line in (match.groups() for one in trace.splitlines() if (match := _CALL.match(one))):
        counts[thread, call] += 1
        number = counts[thread, call]
        first.setdefault((call, number), Point(call, number, line))
    return [one for one in first.values() if one.call in MUTATING]


class Tracer:
    """Traces one program while a scenario's command runs: ``envsync``, ``uv``, or the whole ``tree``."""

    def __init__(self, scenario: Scenario, victim: str) -> None:
        self.scenario, self.victim = scenario, victim
        self._strace = strace()
        self._directory = scenario.root.with_name(f"{victim}-trace")
        self._directory.mkdir(exist_ok=True)

    def record(self, calls: tuple[str, ...] = MUTATING, *options: str) -> str:
        """Run the command undisturbed, and give its trace."""
        self.scenario.restore()
        done = self._run(calls, "", list(options))
        assert done.status == 0, done.out + done.err
        return self._trace()

    def kill(self, point: Point, *, group: bool = True) -> Done:
        """Kill the program at a point; with ``group`` all others with it."""
        inject = f"{point.call}:signal=KILL:when={point.number}"
        return self._run((point.call,), inject, [], group="yes" if group else "")

    def fail(self, point: Point, error: str) -> Done:
        return self._run((point.call,), f"{point.call}:error={error}:when={point.number}", [])

    def _run(self, calls: tuple[str, ...], inject: str, options: list[str], group: str = "") -> Done:
        for path in self._directory.glob("trace*"):
            path.unlink()
        names = ",".join(f"?{call}" for call in calls)
        trace, command = str(self._directory / "trace"), [sys.executable, "-B", "-m", "envsync", *self.scenario.command]
        injected = ["-e", f"inject={inject}"] if inject else []
        variables = dict(self.scenario.variables)
        if self.victim == "uv":
            values = {
                "strace": shlex.quote(self._strace),
                "trace": trace,
                "calls": names,
                "uv": shlex.quote(find_uv_bin()),
                "group": group,
            }
            stand_in = self._stand_in(_WRAPPER.format(inject=" ".join(injected), **values))
            command[2:4] = ["-c", _WITH_STAND_IN.format(directory=str(stand_in))]
        else:
            alone = ["-b", "execve"] if self.victim == "envsync" else []
            if not inject and self.victim == "tree":
                alone = ["--seccomp-bpf"]  # quick, but with it strace 6.1 miscounts for ``when``
            command = [self._strace, "-f", *alone, *options, "-o", trace, "-e", f"trace={names}", *injected, *command]
        process = subprocess.Popen(
            command,
            cwd=self.scenario.place,
            env=variables,
            start_new_session=True,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = process.communicate(timeout=120)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return Done(process.returncode, out, err, self._trace().splitlines())

    def _trace(self) -> str:
        traces = sorted(self._directory.glob("trace*"), key=lambda path: path.stat().st_mtime_ns)
        return "".join(path.read_text(errors="replace") for path in traces)

    def _stand_in(self, script: str) -> Path:
        """Make a module ``uv`` that names a script as uv's program."""
        program = self._directory / "uv-traced"
        program.write_text(script)
        program.chmod(0o755)
        (self._directory / "uv.py").write_text(f"def find_uv_bin():\n    return {str(program)!r}\n")
        return self._directory
