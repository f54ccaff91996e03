"""The benchmarks run, and say what they should: on few environments and in one round; no time is judged."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.place import ROOT
from harness.pythons import PYTHONS

pytestmark = pytest.mark.sampled(5)

BENCHMARKS = ROOT / "tests/benchmarks"
PARTS = ("noop-one,noop-many,growth,calls", "create,create-many,watch,start,cold", "rebuild", "upgrade")
"""All rows, in parts that run side by side."""


def measure(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS), "--small", "--in", str(directory), *options]
    path = os.pathsep.join([os.environ["PATH"], *{os.path.dirname(python) for python in PYTHONS.values()}])
    variables = os.environ | {"PATH": path}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=variables)


def check_contest(contest: dict[str, Any]) -> None:
    assert contest["envsync"]["samples"]
    assert contest["against"]
    for series in (contest["envsync"], *contest["against"]):
        assert series["failed"] == ""
        assert bool(series["samples"]) == (series["skipped"] != "not installed")
        for sample in series["samples"]:
            assert sample["seconds"] > 0
            assert sample["peak"] > 1_000_000
            assert sample["printed"] >= 0
    for rival in contest["against"]:
        assert (rival["ratio"] is None) == bool(rival["skipped"])
        assert (rival["met"] is None) == (rival["goal"] is None or rival["ratio"] is None)


def check_figure(figure: dict[str, Any]) -> None:
    assert figure["failed"] == ""
    assert bool(figure["values"]) != bool(figure["skipped"])
    assert (figure["met"] is None) == (figure["limit"] is None or not figure["values"])


@pytest.mark.parametrize("rows", PARTS)
def test_all_contenders_do_the_work(rows: str, tmp_path: Path) -> None:
    file = tmp_path / "times.json"
    done = measure(tmp_path, "--only", rows, "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(file.read_text())
    assert document["machine"]["envsync"]
    assert {result["row"] for result in document["rows"]} == set(rows.split(","))
    for result in document["rows"]:
        assert result["work"] in done.stdout
        (check_contest if result["kind"] == "contest" else check_figure)(result)
    assert list(tmp_path.iterdir()) == [file], "something is left behind"


def test_a_row_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    done = measure(tmp_path, "--only", "create,speed")
    assert done.returncode == 2
    reported, _, known = done.stderr.strip().partition("; there are ")
    assert "no such row: speed" in reported
    assert sorted(known.split(", ")) == sorted(",".join(PARTS).split(","))


def test_who_fails_is_told_and_has_no_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from timing import Contender, Job, race  # noqa: PLC0415  # not on the path of the other tests

    directory = tmp_path / "folder"
    directory.mkdir()

    def contender(name: str, code: str, tool: str = sys.executable) -> Contender:
        return Contender(name, lambda _: Job([(sys.executable, "-c", code)], directory, {}), tool=tool)

    contenders = (contender("once", "open('made', 'x')"), contender("steady", "pass"), contender("absent", "", ""))
    failing, steady, absent = race(contenders, 2, rehearsed=False)
    assert "FileExistsError" in failing.failed
    assert (len(failing.samples), len(steady.samples), len(absent.samples)) == (0, 2, 0)
    assert (steady.failed, absent.failed, absent.skipped) == ("", "", "not installed")


def test_the_comparison_says_what_tools_do(tmp_path: Path) -> None:
    done = measure(tmp_path, "--situations")
    assert done.returncode == 0, done.stderr
    page = (ROOT / "docs/comparison.md").read_text().splitlines()
    tables = [part.splitlines() for part in re.split(r"\n(?=Run with)", done.stdout)]
    assert [len([row for row in table if "envsync" in row]) for table in tables] == [6, 1]
    for run_with, *rows in tables:
        own = [row.partition("envsync")[0] for row in rows if "envsync" in row and row not in page]
        for row in rows if run_with in page else own:
            assert any(line.startswith(row) for line in page), row
    assert "| envsync: `apply` | the next Python, the package at 1.0 |" in tables[1]


def test_a_rebuild_that_is_killed_leaves_a_working_environment(tmp_path: Path) -> None:
    done = measure(tmp_path, "--kills", "1")
    assert done.returncode == 0, done.stderr
    assert "| envsync: `apply` | 1 | 0 |" in done.stdout.splitlines()
