"""What keeps events from coming: limits, permissions, names, other names of a file. And what a calm watcher does."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from envsync.model.desired import Inputs
from envsync.model.problems import Problem
from envsync.watch.scope import scope_of
from envsync.watch.signals import Flag
from envsync.watch.source import Listening
from harness.place import Place
from harness.processes import unprivileged
from harness.syscalls import mutations
from harness.watching import Watching, watching

pytestmark = pytest.mark.sampled(8)

ONE = '[envs.one]\npath = "one"\n'
SETTLE = 0.2
WAITING = {
    *("clock_nanosleep", "nanosleep", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "futex"),
    *("restart_syscall", "select", "pselect6"),
}
EXHAUST = """
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
while libc.inotify_init() >= 0:  # they stay open in the program that takes the place of this one
    pass
assert ctypes.get_errno() == errno.EMFILE
os.execv(sys.argv[1], sys.argv[1:])
"""
POWERLESS = """
import ctypes, os, sys
for capability in (1, 2) if os.geteuid() == 0 else ():  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
os.execv(sys.argv[1], sys.argv[1:])
"""


def limited(name: str, value: int) -> tuple[str, ...]:
    """Return a command that runs another in a user namespace of its own, with a limit that holds there alone."""
    script = f'echo {value} > /proc/sys/user/{name} && exec "$@"'
    command = ("unshare", "--user", "--map-root-user", "sh", "-c", script, "sh")
    if (
        shutil.which("unshare") is None
        or subprocess.run([*command, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("needs user namespaces")
    return command


def degraded(watcher: Watching) -> list[dict[str, Any]]:
    return [event for event in watcher.events if event["event"] == "degraded"]


def assert_limit_told(watcher: Watching, what: str, name: str) -> None:
    (event,) = degraded(watcher)
    assert event["code"] == f"inotify-{what}"
    assert f"fs.inotify.{name}" in event["message"]
    assert re.search(rf"sudo sysctl fs\.inotify\.{name}=\d+", event["hint"])
    started = next(event for event in watcher.events if event["event"] == "started")
    assert started["mode"] == "polling"


def assert_repairs(place: Place, watcher: Watching) -> None:
    """Whatever was reported so far, changes are noticed."""
    (place.root / "one/bin/python").unlink()
    watcher.applied("one", "repaired")


def test_without_a_further_inotify_instance_it_says_how_to_raise_the_limit_and_polls(place: Place) -> None:
    place.write(ONE)
    # In a namespace, since an exhausted limit of this user's would let the watchers of other tests down.
    before = (*limited("max_inotify_instances", 7), sys.executable, "-c", EXHAUST)
    with watching(place, settle=SETTLE, before=before) as watcher:
        watcher.applied("one", "created")
        assert_repairs(place, watcher)
        place.write(f'{ONE}[envs.two]\npath = "two"\n')
        watcher.applied("two", "created")
        assert_limit_told(watcher, "instances", "max_user_instances")


def test_without_a_further_inotify_watch_it_says_how_to_raise_the_limit_and_polls(place: Place) -> None:
    place.write(ONE)
    with watching(place, settle=SETTLE, before=limited("max_inotify_watches", 5)) as watcher:
        watcher.applied("one", "created")
        assert_repairs(place, watcher)
        assert_limit_told(watcher, "watches", "max_user_watches")


def test_a_limit_that_is_reached_later_is_told_then(place: Place) -> None:
    place.write(ONE)
    place.apply()
    limit = directories_of(place) + 5
    deep = "/".join(["folder"] * 20)
    with watching(place, settle=SETTLE, before=limited("max_inotify_watches", limit)) as watcher:
        watcher.until("pass")
        assert degraded(watcher) == []
        place.write(f'{ONE}[envs.deep]\npath = "{deep}"\n')
        watcher.applied("deep", "created")
        assert_repairs(place, watcher)
        assert [event["code"] for event in degraded(watcher)] == ["inotify-watches"]


def directories_of(place: Place) -> int:
    """Return how many directories are watched for an environment that is there."""
    with watching(place) as watcher:
        return int(watcher.events[0]["folders"])


@pytest.mark.parametrize("name", ["max_inotify_instances", "max_inotify_watches"])
def test_a_limit_that_just_suffices_does_so_however_often_it_works(place: Place, name: str) -> None:
    place.write(ONE)
    place.apply()
    enough = 1 if name == "max_inotify_instances" else directories_of(place)
    with watching(place, settle=SETTLE, before=limited(name, enough)) as watcher:
        watcher.until("pass")
        for _ in range(2):
            assert_repairs(place, watcher)
            watcher.until("pass")
        assert degraded(watcher) == []


@pytest.mark.parametrize("count", [1, 10])
def test_names_that_are_no_text_do_not_keep_it_from_its_work(place: Place, count: int) -> None:
    place.write(ONE)
    with watching(place, settle=SETTLE) as watcher:
        watcher.applied("one", "created")
        for number in range(count):
            file = os.fsencode(place.root) + b"/\xff\xfe%d" % number
            with open(file, "wb"):
                time.sleep(0.02)
            os.rename(file, file + b"\x80")
        watcher.rest(0.5)
        assert_repairs(place, watcher)
        assert watcher.stop() == 0
        assert len(degraded(watcher)) <= int(count > 1)


@contextmanager
def powerless(place: Place, *arguments: str) -> Iterator[Watching]:
    """Run a watcher as somebody who must mind permissions."""
    if unprivileged(place, "--version") is None:
        pytest.skip("root cannot give up its powers here")
    with watching(place, *arguments, settle=SETTLE, before=(sys.executable, "-c", POWERLESS)) as watcher:
        yield watcher


@pytest.fixture
def closed(place: Place) -> Iterator[Path]:
    """Yield a directory that may be searched and written to, but not read."""
    directory = place.root / "closed"
    (directory / "open").mkdir(parents=True)
    directory.chmod(0o311)
    yield directory
    directory.chmod(0o755)


def test_a_directory_that_may_not_be_read_is_named_and_what_is_in_it_polled(place: Place, closed: Path) -> None:
    place.write('[envs.one]\npath = "closed/one"\n')
    place.apply()  # with root's powers, if need be
    with powerless(place) as watcher:
        (closed / "one/bin/python").unlink()
        watcher.applied("one", "repaired")
    (event,) = degraded(watcher)
    assert (event["code"], str(closed) in event["message"]) == ("events-refused", True)


def test_a_directory_farther_up_that_may_not_be_read_costs_nothing(place: Place, closed: Path) -> None:
    place.write('[envs.one]\npath = "closed/open/one"\n')
    with powerless(place) as watcher:
        watcher.applied("one", "created")
        (closed / "open/one/bin/python").unlink()
        watcher.applied("one", "repaired")
        watcher.until("pass")
        assert degraded(watcher) == []


def test_changes_of_which_no_event_tells_are_found_at_the_interval_and_polled_from_then_on(place: Place) -> None:
    place.write(ONE)
    other = aside(place) / "other-name"
    os.link(place.manifest, other)
    with watching(place, "--interval=1", settle=SETTLE) as watcher:
        watcher.applied("one", "created")
        watcher.until("pass", lambda event: event["reason"] == "interval")
        assert degraded(watcher) == []
        for number in range(5):  # one that comes in the middle of a pass is found by it, and nothing is amiss
            watcher.rest(0.3)
            declare(other, f"e{number}")
            watcher.applied(f"e{number}", "created")
            if degraded(watcher):
                break
        declare(other, "last")
        watcher.applied("last", "created")
        watcher.until("pass", lambda event: event["reason"] == "interval")
    assert [event["code"] for event in degraded(watcher)] == ["events-lost"]


def declare(manifest: Path, name: str) -> None:
    with manifest.open("a") as file:
        file.write(f'[envs.{name}]\npath = "{name}"\n')


def aside(place: Place) -> Path:
    """Return a directory that is not watched: what is written there is no changes."""
    directory = place.root.parent / "aside"
    directory.mkdir(exist_ok=True)
    return directory


def test_what_has_changed_unheard_is_missed_once(tmp_path: Path) -> None:
    file, other = tmp_path / "watched/file", tmp_path / "elsewhere/file"
    for one in (file, other):
        one.parent.mkdir()
    file.write_text("one")
    os.link(file, other)
    source = Listening(Flag(), 0.01, polling=False)
    scope = scope_of((), [Inputs((str(file),))])
    assert source.arm(scope) is None
    assert not source.missed()
    other.write_text("three")
    assert not source.wait(0.5, expectant=True).changed
    assert source.missed()
    assert not source.missed()
    problem = Problem("events-lost", "why")
    assert source.poll(problem) is problem
    assert source.poll(problem) is None
    other.write_text("seventeen")
    assert source.wait(30, expectant=False).changed


def test_a_change_whose_event_the_kernel_has_dropped_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    source = Listening(Flag(), 0.01, polling=False)
    assert source.arm(scope_of((), [Inputs((str(file),))])) is None
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for _ in range(limit // 2 + 1):  # two events each, of names that do not matter
        os.close(os.open(tmp_path / "other", os.O_CREAT | os.O_WRONLY))
        os.unlink(tmp_path / "other")
    file.touch()
    assert source.wait(30, expectant=False).changed
    assert not source.wait(0.1, expectant=False).changed
    file.unlink()
    assert source.wait(30, expectant=False).changed


def test_what_comes_and_goes_beside_what_matters_is_no_changes(tmp_path: Path) -> None:
    source = Listening(Flag(), 0.01, polling=False)
    assert source.arm(scope_of((), [Inputs((str(tmp_path / "file"),))])) is None
    (tmp_path / "other").touch()
    assert not source.wait(0.3, expectant=False).changed
    (tmp_path / "file").touch()
    assert source.wait(30, expectant=False).changed


def test_a_calm_watcher_is_not_woken_by_the_clock(place: Place) -> None:
    place.write("".join(f'[envs.e{number}]\npath = "e{number}"\n' for number in range(20)))
    trace = aside(place) / "trace"
    with watching(place, settle=SETTLE) as watcher:
        watcher.until("pass")
        watcher.calm(1)
        with traced(watcher.process.pid, trace):
            assert watcher.rest(3) == []
    assert len(re.findall(r"= 0 \(Timeout\)|nanosleep\(.*= 0", trace.read_text())) <= 3


@contextmanager
def traced(process: int, trace: Path, *options: str) -> Iterator[None]:
    """Look at the system calls of a process that runs."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace")
    command = [strace, "-f", *options, "-o", str(trace), "-p", str(process)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    try:
        if "attached" not in tracer.stderr.readline():
            pytest.skip("strace may not trace here")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=30)


def calls(trace: Path) -> list[str]:
    """Return the names of the system calls, but those that take what others do in a directory that is watched."""
    found = (re.match(r"\d+ +(\w+)\((?!\d+<(?:anon_inode:)?inotify>)", line) for line in trace.read_text().splitlines())
    return [call[1] for call in found if call]


def test_a_calm_watcher_waits_and_does_nothing_else(place: Place) -> None:
    place.write(ONE)
    trace = aside(place) / "trace"
    with watching(place, settle=SETTLE) as watcher:
        watcher.applied("one", "created")
        watcher.calm(1)
        with traced(watcher.process.pid, trace, "-y"):
            assert watcher.rest(3) == []
    assert calls(trace)
    assert set(calls(trace)) <= WAITING


def test_a_pass_of_a_watcher_that_finds_nothing_to_do_writes_nothing(place: Place) -> None:
    place.write(ONE)
    trace = aside(place) / "trace"
    with watching(place, settle=SETTLE) as watcher:
        watcher.applied("one", "created")
        watcher.calm(1)
        with traced(watcher.process.pid, trace, "-y"):
            for _ in range(2):
                watcher.process.send_signal(signal.SIGHUP)
                watcher.until("pass", lambda event: event["reason"] == "signal")
            os.utime(place.manifest)
            watcher.until("pass", lambda event: event["reason"] == "change")
            watcher.rest(0.5)
        assert "lstat" in calls(trace) or "newfstatat" in calls(trace)
        assert mutations(trace.read_text()) == []
        with traced(watcher.process.pid, trace):  # so that the tracer is known to see them
            assert_repairs(place, watcher)
        assert mutations(trace.read_text())
