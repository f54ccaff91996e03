"""Passes at once end as one would, and whoever uses an environment while it is rebuilt does not notice."""

import subprocess
import sys
import threading
from typing import Self

import pytest

from harness.crash_kinds import prepared
from harness.crash_scenario import ALL, Scenario
from harness.pythons import PYTHONS

pytestmark = pytest.mark.sampled(3)

REBUILDS = 50 if ALL else 8


class Reader:
    """Imports a module with an environment's Python, over and over, and keeps what went wrong."""

    def __init__(self, scenario: Scenario) -> None:
        self.failures: list[str] = []
        self.count = 0
        self._command = [str(scenario.path / "bin/python"), "-B", "-c", "import marker"]
        self._variables = {key: value for key, value in scenario.variables.items() if key != "PYTHONPATH"}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        while not self._stop.is_set():
            self.count += 1
            try:
                done = subprocess.run(
                    self._command, check=False, env=self._variables, capture_output=True, text=True, timeout=60
                )
            except OSError as error:
                self.failures.append(str(error))
            else:
                if done.returncode:
                    self.failures.append(done.stderr)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.parametrize("count", [2, 4, 8])
def test_passes_at_once_end_as_one_would(count: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    scenario = prepared("rebuild", tmp_path_factory)
    scenario.restore()
    with (scenario.place / "envs.toml").open("a") as manifest:
        manifest.write('[envs.two]\npath = "deep/two"\ntarget = "two"\npython = "pythons/3/bin/python"\n')
    processes = [
        subprocess.Popen(
            [sys.executable, "-B", "-m", "envsync", "apply"],
            cwd=scenario.place,
            env=scenario.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    outputs = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0] * count, outputs
    scenario.assert_next_pass_finishes({})
    assert (scenario.place / "deep/two/bin/python").exists()


def test_a_reader_does_not_notice_rebuilds_for_the_same_python(tmp_path_factory: pytest.TempPathFactory) -> None:
    scenario = prepared("rollback", tmp_path_factory)
    scenario.restore()
    with Reader(scenario) as one, Reader(scenario) as other:
        for _ in range(REBUILDS):
            done = scenario.run("apply", "--force-rebuild", "one")
            assert done.status == 0, done.out + done.err
    print(f"{one.count + other.count} starts during {REBUILDS} rebuilds: {one.failures + other.failures}")  # noqa: T201  # the figure
    assert min(one.count, other.count) > REBUILDS
    assert one.failures + other.failures == []


def test_across_a_minor_version_only_the_start_at_the_swap_may_fail(tmp_path_factory: pytest.TempPathFactory) -> None:
    scenario = prepared("rollback", tmp_path_factory)
    scenario.restore()
    manifest = scenario.place / "envs.toml"
    text = manifest.read_text()
    with Reader(scenario) as reader:
        for number in range(REBUILDS):
            python = PYTHONS["3.11" if number % 2 else "3.12"]
            manifest.write_text(text.replace("pythons/3/bin/python", python))
            before = len(reader.failures)
            done = scenario.run("apply")
            assert done.status == 0, done.out + done.err
            assert len(reader.failures) <= before + 1, reader.failures[before:]
    print(f"{reader.count} starts during {REBUILDS} rebuilds: {len(reader.failures)} failed")  # noqa: T201  # the figure
