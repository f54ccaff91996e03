"""What makes a watcher end, or look at once: signals, another watcher, a manifest it cannot read, no reader."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.bench import Held, held
from harness.place import Place, Run
from harness.processes import OFFLINE, eventually
from harness.watching import Watching, watching
from harness.wheels import make_project

pytestmark = pytest.mark.sampled(5)

ONE = '[envs.one]\npath = "one"\n'
WAIT_LIMIT = 30.0
"""Seconds until something counts as hanging."""


def is_signal(event: dict[str, Any]) -> bool:
    return bool(event["reason"] == "signal")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_a_watcher_with_its_status_and_it_says_which(
    place: Place, number: signal.Signals, status: int
) -> None:
    place.write(ONE)
    with watching(place) as watcher:
        watcher.until("pass")
        assert watcher.stop(number) == status
        event = watcher.until("stopped")
    assert (event["exit_code"], event["signal"], event["at_once"]) == (status, number.name, False)
    assert event["errors"] == []


def test_a_hangup_makes_a_pass_at_once_however_long_settling_takes(place: Place) -> None:
    place.write(ONE)
    with watching(place, settle=10_000) as watcher:
        assert watcher.rest(0.5) == []
        watcher.process.send_signal(signal.SIGHUP)
        assert watcher.applied("one", "created")["retry_in"] is None
        assert watcher.until("pass")["reason"] == "signal"
        assert watcher.stop() == 0


def test_a_hangup_retries_what_has_failed_and_is_patient_from_the_start_again(place: Place) -> None:
    place.write(f'installer = "uv"\n{ONE}packages = ["of-no-index"]\n')
    with watching(place, "--jobs=1", settle=0.1, before=("env", *pairs(OFFLINE))) as watcher:
        assert watcher.applied("one", "failed")["retry_in"] == 1
        watcher.until("applied", lambda event: event["retry_in"] == 2)
        watcher.until("pass")
        watcher.process.send_signal(signal.SIGHUP)
        assert watcher.until("pass", is_signal)["outcomes"] == {"failed": 1}
        assert watcher.events[-2]["retry_in"] == 1


def pairs(variables: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in variables.items()]


def slow_project(place: Place) -> Path:
    """Make a project whose installation takes a minute, in a process below its backend; gives what tells of it."""
    begun = place.root.parent / "begun"
    project = make_project(place.root / "blog", "blog")
    child = f"echo $$ > {shlex.quote(str(begun))}; exec sleep 60"
    code = f"import subprocess\nsubprocess.run(['sh', '-c', {child!r}])\n"
    (project / "backend.py").write_text(code + (project / "backend.py").read_text())
    return begun


def sleeping(begun: Path) -> bool:
    """Check whether the process below the backend, which has written down its number, is there still."""
    process = begun.read_text().strip()
    row = subprocess.run(["ps", "-o", "stat=,args=", "-p", process], check=False, capture_output=True, text=True).stdout
    return "sleep 60" in row and not row.startswith("Z")


@contextmanager
def installing(place: Place, *before: str) -> Iterator[Watching]:
    """Yield a watcher in the middle of a long installation into an environment that was there."""
    place.write(ONE)
    place.apply()
    begun = slow_project(place)
    place.write(f'installer = "uv"\n{ONE}project = "blog"\n')
    with watching(place, settle=0.1, before=("env", *pairs(OFFLINE), *before)) as watcher:
        eventually(lambda: begun.exists() and begun.read_text().endswith("\n"))
        assert sleeping(begun)
        yield watcher


def assert_mended(place: Place, before: Held) -> None:
    """Nothing that the watcher has started is left, the environment is what it was, and an apply ends the work."""
    eventually(lambda: not sleeping(place.root.parent / "begun"))
    after = held(place.root / "one")
    assert {name: after.get(name) for name in before} == before
    make_project(place.root / "blog", "blog")
    run = place.envsync("apply", "--json", **OFFLINE)
    assert (run.status, run.environments["one"]["outcome"]) == (0, "installed")
    (kept,) = place.root.rglob(".envsync-*")
    assert json.loads((kept / "envsync.json").read_text())["kind"] == "generation"
    assert place.python("one", "import blog; print(blog.version)") == "1.0"
    assert place.envsync("check").status == 0


def test_an_installation_that_takes_too_long_is_cut_off_and_harms_nothing(place: Place) -> None:
    with installing(place) as watcher:
        before = held(place.root / "one")
        watcher.process.send_signal(signal.SIGTERM)
        assert watcher.process.wait(WAIT_LIMIT) == 0
        event = watcher.until("stopped")
        assert (event["signal"], event["exit_code"], event["at_once"]) == ("SIGTERM", 0, True)
        assert_mended(place, before)


def test_a_second_signal_ends_it_at_once(place: Place) -> None:
    # The first one alone would not, within the timeout of this test.
    code = (
        "import runpy, sys; from envsync.apply import failure as work; from envsync.watch import signals as control;"
        "work.GRACE = control._LAST = 10_000; sys.argv[1:] = sys.argv[4:];"
        "runpy.run_module('envsync', run_name='__main__')"
    )
    with installing(place, sys.executable, "-c", code) as watcher:
        before = held(place.root / "one")
        watcher.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            watcher.process.wait(1)
        assert watcher.stop() == 0
        assert watcher.until("stopped")["at_once"]
        assert_mended(place, before)


def only(run: Run) -> dict[str, Any]:
    """Return the one event that a watcher tells which cannot begin."""
    (line,) = run.out.splitlines()
    event = json.loads(line)
    assert isinstance(event, dict)
    assert (event["event"], event["exit_code"], event["signal"]) == ("stopped", run.status, None)
    assert (event["at_once"], run.err) == (False, "")
    return event


@pytest.mark.parametrize(("first", "second"), [("own", "link"), ("link", "own")])
def test_a_manifest_has_one_watcher_whichever_of_its_names_is_given(place: Place, first: str, second: str) -> None:
    place.write(ONE)
    link = place.root.parent / "link.toml"
    link.symlink_to(place.manifest)
    names = {"own": str(place.manifest), "link": str(link)}
    with watching(place, "--file", names[first]) as watcher:
        run = place.envsync("watch", "--file", names[second])
        assert (run.status, run.out) == (1, "")
        assert f"process {watcher.process.pid}" in run.err
        assert names[second] in run.err
        run = place.envsync("watch", "--json", "--file", names[second])
        assert (run.status, only(run)["errors"][0]["code"]) == (1, "already-watched")
        watcher.process.kill()
        watcher.process.wait()
        with watching(place, "--file", names[second]):
            pass


def test_two_manifests_are_watched_side_by_side(place: Place) -> None:
    place.write(ONE)
    (place.root / "other.toml").write_text(place.manifest.read_text().replace("one", "two"))
    with watching(place) as watcher, watching(place, "--file", "other.toml") as other:
        watcher.applied("one", "created")
        other.applied("two", "created")


def test_a_manifest_that_cannot_be_read_to_begin_with_is_told_with_its_place(place: Place) -> None:
    place.write('[envs.one]\npth = "one"\n')
    run = place.envsync("watch")
    assert (run.status, run.out) == (2, "")
    assert f"{place.manifest}:5:1" in run.err
    run = place.envsync("watch", "--json")
    places = [(error["file"], error["line"]) for error in only(run)["errors"]]
    assert run.status == 2
    assert (str(place.manifest), 5) in places


def test_a_name_that_is_none_is_wrong_usage(place: Place) -> None:
    place.write(ONE)
    run = place.envsync("watch", "one", "onn")
    assert (run.status, run.out) == (2, "")
    assert "no environment is called onn" in run.err
    run = place.envsync("watch", "--json", "onn")
    assert (run.status, only(run)["errors"][0]["code"]) == (2, "unknown-name")
    assert not (place.root / "one").exists()


@contextmanager
def telling(place: Place, *arguments: str, out: str = "", **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """Run ``envsync watch`` for people; what it writes goes to files, or to the file ``out``."""
    place.write(ONE)
    to_out, err = out or str(place.root.parent / "out"), place.root.parent / "err"
    with open(to_out, "w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "envsync", "watch", "--settle=0.1", *arguments],
            cwd=place.root,
            env=place.variables | variables,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in err.read_text()


def reported(place: Place) -> tuple[list[str], list[str]]:
    out, err = ((place.root.parent / name).read_text().splitlines() for name in ("out", "err"))
    return out, err


@pytest.mark.parametrize("form", ["--json", "--verbose"])
def test_it_ends_in_peace_when_nobody_reads_any_more(place: Place, form: str) -> None:
    fifo = place.root.parent / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with telling(place, form, out=str(fifo)) as process:
        eventually((place.root / "one/bin/python").is_symlink)
        os.close(reader)
        process.send_signal(signal.SIGHUP)  # there will be something to tell
        assert process.wait(WAIT_LIMIT) == 0
    assert "Errno" not in (place.root.parent / "err").read_text()


@pytest.mark.parametrize("form", ["--json", "--verbose"])
def test_a_full_disk_below_the_log_is_no_reason_to_end(place: Place, form: str) -> None:
    python = place.root / "one/bin/python"
    with telling(place, form, out="/dev/full") as process:
        eventually(python.is_symlink)
        for _ in range(2):
            python.unlink()
            eventually(python.is_symlink)
        process.terminate()
        process.wait(WAIT_LIMIT)


def test_a_quiet_watcher_reports_problems_alone(place: Place) -> None:
    python = place.root / "one/bin/python"
    with telling(place, "--quiet") as process:
        manifest = place.manifest.read_text()
        for _ in range(2):
            eventually(lambda: place.envsync("check").status == 0)
            place.envsync("apply")  # waits for the watcher's lock: what goes while it verifies is a failure
            python.unlink()
        place.manifest.write_text("[envs\n")
        eventually(lambda: len(reported(place)[1]) == 2)
        place.manifest.write_text(manifest)
        eventually(lambda: place.envsync("check").status == 0)
        process.terminate()
        assert process.wait(WAIT_LIMIT) == 0
    out, err = reported(place)
    assert out == []
    assert [re.sub("^[0-9:]+ +| {9}", "", line)[:5] for line in err] == ["error", "  not"]


@pytest.mark.parametrize("variables", [{}, {"JOURNAL_STREAM": "8:1"}], ids=["timed", "journal"])
def test_people_get_a_line_for_each_change_and_messages_apart(place: Place, variables: dict[str, str]) -> None:
    python = place.root / "one/bin/python"
    with telling(place, **variables) as process:
        eventually(lambda: len(reported(place)[0]) == 1)
        python.unlink()
        eventually(lambda: len(reported(place)[0]) == 2)
        process.terminate()
        assert process.wait(WAIT_LIMIT) == 0
    stamp = "" if variables else r"\d\d:\d\d:\d\d "
    changes = [rf"{stamp}\+ created +one  .*Python.*", rf"{stamp}~ repaired +one  .*"]
    messages = [rf"{stamp}watching \d+ directories for 1 environment of .*envs\.toml", f"{stamp}terminated"]
    for lines, expected in zip(reported(place), (changes, messages), strict=True):
        assert len(lines) == len(expected), lines
        assert all(map(re.fullmatch, expected, lines))
