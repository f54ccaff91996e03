"""Environments that are created as one: what stops one stops only that one, and nothing of a pass is left about."""

import errno
import gc
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial, reduce
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import envsync
from envsync.apply import batch, build, builders, links, verify
from envsync.cache.store import state_directories
from envsync.model.desired import Environment
from envsync.model.report import EnvironmentReport
from envsync.observe.world import Observer
from envsync.write.flush import flush
from envsync.write.locks import hold
from harness.bench import run
from harness.crash_disk import TRACED, Disk, under
from harness.crash_scenario import chosen
from harness.crash_server import Done
from harness.crash_trace import RENAMING, strace
from harness.place import Place, server
from harness.processes import start, unprivileged

pytestmark = pytest.mark.sampled(6)

TABLES = {
    "a1": 'path = "a/one"',
    "a2": 'path = "a/two"\naliases = ["alias-two"]\nexpose = ["activate:two"]',
    "a3": 'path = "a/deep/three/own"\naliases = ["alias-three"]',
    "a4": 'path = "a/four"',
    "b1": 'path = "b/one/own"\ntarget = "one"\nexpose = ["activate:one", "nothing:none"]',
    "b2": 'path = "b/two"\ntarget = "two"\naliases = ["alias-b"]',
}
ENDS = {"a1": "a/one", "a2": "a/two", "a3": "a/deep/three/own", "a4": "a/four", "b1": "state/one", "b2": "state/two"}
LINKS = {"alias-two": "a/two", "alias-three": "a/deep/three/own", "alias-b": "b/two", "b/one/own": "state/one"}
LINKS |= {"b/two": "state/two", "exposed/two": "a/two/bin/activate", "exposed/one": "b/one/own/bin/activate"}
SEVENTY = "".join(f'[envs.e{number:02}]\npath = "e{number:02}"\n' for number in range(70))


@dataclass
class Group:
    """Six environments in three directories, with links."""

    place: Place
    capsys: pytest.CaptureFixture[str]

    def expect(self, usual: str, names: Iterable[str] = (), other: str = "", code: str = "", *options: str) -> None:
        """Hold that a pass does the usual, but to some another thing, with a code; and that it leaves nothing."""
        check(run(self.place, self.capsys, "apply", *options)["environments"], usual, names, other, code)
        assert left_of(self.place) == []
        if not code:
            assert_complete(self.place, *TABLES)
            links = {link: os.readlink(self.place.root / link) for link in LINKS}
            assert links == {link: f"{self.place.root}/{to}" for link, to in LINKS.items()}
            assert self.place.envsync("check").status == 0


def check(entries: Iterable[Any], usual: str, names: Iterable[str], other: str, code: str) -> None:
    found = {
        one["name"]: (one["outcome"], (one["error"] or one["conflict"] or {"code": ""})["code"]) for one in entries
    }
    assert found == dict.fromkeys(TABLES, (usual, "")) | dict.fromkeys(names, (other, code))


@pytest.fixture
def group(cold_place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Group:
    monkeypatch.chdir(cold_place.root)
    declare(cold_place)
    return Group(cold_place, capsys)


def declare(place: Place, *names: str) -> None:
    place.write("".join(f"[envs.{name}]\n{TABLES[name]}\n" for name in names or TABLES))


def left_of(place: Place) -> list[Path]:
    return list(place.root.rglob(".envsync-*"))


def assert_complete(place: Place, *names: str) -> None:
    """Hold that environments are all there, and that each names the path that is declared."""
    for name in names:
        end, path = place.root / ENDS[name], TABLES[name].split('"')[1]
        assert {"activate", "activate.fish", "python", "python3"} <= {*os.listdir(end / "bin")}
        assert f"{place.root}/{path}\n" in (end / "bin/activate").read_text()
        assert f"envsync-name = {name}\n" in (end / "pyvenv.cfg").read_text()


@pytest.mark.parametrize(
    "sharing", [{"state": 6}, {"state": 5, "a/deep/three": 1}, {"a": 3, "a/deep/three": 1, "state": 0}]
)
def test_directories_that_are_alike_share_a_staging_dir(group: Group, sharing: dict[str, int]) -> None:
    held: dict[str, int] = {}
    for directory, mode in {"a/deep/three": 0o2755, "state": 0o775 if "a" in sharing else 0o755}.items():
        if (
            directory in sharing
        ):  # what is made in it has its group, or others may write in it: there each is built by itself
            (group.place.root / directory).mkdir(parents=True)
            (group.place.root / directory).chmod(mode)

    def look(staging_dirs: dict[str, str]) -> None:
        flush(staging_dirs)
        held.update(
            {
                os.path.relpath(staging_dir, group.place.root): len([*Path(staging_dir).glob("env*/bin")])
                for staging_dir in staging_dirs
            }
        )
        assert sorted(map(str, left_of(group.place))) == sorted(staging_dirs)

    with mock.patch.object(batch, "flush", look):
        group.expect("created")
    assert {os.path.dirname(staging_dir): count for staging_dir, count in held.items()} == {
        name: count for name, count in sharing.items() if count
    }
    assert group.place.python("b/one/own", "import sys; print(sys.prefix)") == f"{group.place.root}/b/one/own"


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
DENIED = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
FAILURES: dict[str, tuple[str, str, Exception, Iterable[str], str, range]] = {
    "a disk that is full while one is written": ("render", "name='a2'", FULL, ["a2"], "disk-full", range(1)),
    "a builder that fails": ("build_bare", "name='a1'", DENIED, ["a1"], "not-writable", range(1)),
    "one that does not run": ("runs_as", "name='a1'", DENIED, ["a1"], "not-writable", range(1)),
    "a mistake in building one": ("render", "name='a2'", ZeroDivisionError(), ["a2"], "internal-error", range(1)),
    "a link that cannot be made": ("make_link", "/alias-two'", DENIED, ["a2"], "not-writable", range(1)),
    "a directory that cannot be made": ("make_directory", "/a/deep'", DENIED, ["a3"], "not-writable", range(1)),
    "a lock that cannot be opened": ("hold", "/state/two'", DENIED, ["b2"], "not-writable", range(1)),
    "nothing, as the generations directory takes no staging directory": (
        "make_brief_staging_dir",
        "place/state'",
        DENIED,
        [],
        "",
        range(1),
    ),
    "nothing, as one is on another disk": ("move_in", "/state/two'", OSError(errno.EXDEV, ""), [], "", range(1)),
    "a disk that is full at first": ("flush", "", FULL, TABLES, "disk-full", range(1)),
    "a disk that is full at last": ("flush", "", FULL, TABLES, "disk-full", range(1, 2)),
}
"""A step, what is in its arguments where it fails, and how; whom that stops, what they are reported, and how often."""


OWNERS = {"make_link": links, "render": build, "build_bare": builders, "runs_as": verify}


@pytest.mark.parametrize("failure", FAILURES)
def test_those_that_meet_it_are_stopped_by(group: Group, failure: str) -> None:
    name, where, error, names, code, times = FAILURES[failure]
    owner = OWNERS.get(name, batch)
    step, met = getattr(owner, name), itertools.count()

    def failing(*arguments: Any, **options: Any) -> object:
        if where in repr(arguments) and next(met) in times:
            raise error
        return step(*arguments, **options)

    with mock.patch.object(owner, name, failing):
        group.expect("created", names, "failed", code)
    group.expect("unchanged", names, "linked" if name == "make_link" else "created")


def test_what_comes_to_an_end_meanwhile_stays(group: Group) -> None:
    def late(staging_dirs: dict[str, str]) -> None:
        Path("a/two").write_text("mine")
        flush(staging_dirs)

    with mock.patch.object(batch, "flush", late):
        group.expect("created", ["a2"], "failed", "system-error")
    assert Path("a/two").read_text() == "mine"
    Path("a/two").unlink()
    group.expect("unchanged", ["a2"], "created")


def test_a_directory_that_may_not_be_written_stops_only_those_in_it(group: Group) -> None:
    (group.place.root / "a/deep").mkdir(mode=0o500, parents=True)
    done = unprivileged(group.place, "apply", "--json") or pytest.skip("this root cannot give up its power")
    check(done.environments.values(), "created", ["a3"], "conflict", "not-writable")
    (group.place.root / "a/deep").chmod(0o700)
    group.expect("unchanged", ["a3"], "created")


def test_one_that_is_locked_is_told_and_the_others_are_created(group: Group) -> None:
    with hold(state_directories()[0], f"{group.place.root}/a/one", 0):
        group.expect("created", ["a1"], "failed", "locked", "--lock-timeout", "0.1")
    group.expect("unchanged", ["a1"], "created")


def test_one_that_is_locked_is_waited_for_when_the_others_are_created(group: Group) -> None:
    others = [group.place.root / end for name, end in ENDS.items() if name != "b1"]
    seen: list[bool] = []

    def release() -> None:
        deadline = time.monotonic() + 30
        while not all(map(os.path.exists, others)) and time.monotonic() < deadline:
            time.sleep(0.01)
        seen.extend(map(os.path.exists, others))
        lock.close()

    with ExitStack() as lock:
        lock.enter_context(hold(state_directories()[0], f"{group.place.root}/state/one", 0))
        threading.Thread(target=release).start()
        group.expect("created")
    assert seen == [True] * len(others)


def killed(directory: Path, variables: dict[str, str], kill: int) -> tuple[Place, Done]:
    """Let a pass be killed before one of its mutating calls, in a place and with a home of its own."""
    place = Place(directory / "place", variables | {"HOME": str(directory)})
    place.root.mkdir(parents=True)
    declare(place)
    return place, server(place.variables).run(place.root, ("apply",), place.variables, kill)


@pytest.mark.parametrize("cache", ["with a template", "without"])
@pytest.mark.parametrize("then", [tuple(TABLES), ("a3", "a4", "b2"), ("a3", "b2")])
def test_a_group_that_is_killed_is_finished_by_the_next_pass(
    place: Place, tmp_path: Path, then: tuple[str, ...], cache: str
) -> None:
    variables = place.variables
    if cache == "with a template":
        variables |= {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        killed(tmp_path / "first", variables, 0)
    count = len(killed(tmp_path / "0", variables, 0)[1].calls)
    for number in chosen(count, 1 + count // 4):
        place, done = killed(tmp_path / str(number), variables, number)
        assert done.status == -signal.SIGKILL
        assert_complete(place, *(name for name in TABLES if (place.root / ENDS[name]).exists()))
        assert not [link for link in map(place.root.joinpath, LINKS) if link.is_symlink() and not link.exists()]
        declare(place, *then)
        assert place.envsync("apply").status == 0
        assert left_of(place) == []
        assert_complete(place, *then)
        assert place.envsync("check").status == 0


def test_two_passes_at_once_create_each_environment_once(place: Place) -> None:
    names = [f"e{number}" for number in range(40)]
    place.write("".join(f'[envs.{name}]\npath = "{name[-1]}/{name}"\ntarget = "{name}"\n' for name in names))
    created: list[str] = []
    for one in [start(place, "apply", "--json") for _ in range(2)]:
        out, err = one.communicate(timeout=120)
        assert (one.returncode, err) == (0, "")
        created += [entry["name"] for entry in json.loads(out)["environments"] if entry["outcome"] == "created"]
    assert sorted(created) == sorted(names)
    assert left_of(place) == []
    assert place.envsync("check").status == 0


@pytest.mark.parametrize("made", [True, False])
def test_all_that_is_brought_in_was_flushed_before(place: Place, *, made: bool) -> None:
    declare(place)
    (place.root / ("exposed" if made else "a")).mkdir()
    ends, trace = {f"{place.root}/{end}" for end in ENDS.values()}, place.root.parent / "trace"
    tracer = [strace(), "-f", "--seccomp-bpf", "-y", "-o", str(trace), "-e", "trace=?" + ",?".join(TRACED)]
    command = [*tracer, sys.executable, "-B", "-m", "envsync", "apply"]
    subprocess.run(command, check=True, cwd=place.root, env=place.variables, capture_output=True)
    disk = Disk(str(place.root))
    for call, places in disk.follow(trace.read_text(errors="replace")):
        if call in RENAMING and (met := ends & {*places}):
            (built,) = {*places} - met
            assert {"pyvenv.cfg", "activate"} <= {Path(one).name for one in under(built, disk.written)}
            assert disk.unflushed(built) == set()
            ends -= met
    assert ends == set()
    assert {one for one in disk.unflushed(str(place.root)) if Path(one).exists()} == set()


def held(things: Iterable[object]) -> int:
    """Return the bytes of everything that things lead to, each once; classes are not counted."""
    met: dict[int, object] = {}
    left = list(things)
    while left:
        one = left.pop()
        if id(one) not in met and not isinstance(one, type):
            met[id(one)] = one
            left += gc.get_referents(one)
    return sum(map(sys.getsizeof, met.values()))


def test_progress_is_told_for_each_in_the_thread_that_asked_and_little_is_held(place: Place) -> None:
    place.write(SEVENTY)
    reconciler = envsync.Reconciler(envsync.load(str(place.manifest)), envsync.FactsCache(None))
    reported: list[tuple[str, bool]] = []

    def note(report: EnvironmentReport) -> None:
        reported.append((report.plan.environment.name, threading.current_thread() is threading.main_thread()))

    report = reconciler.apply(reconciler.plan(), envsync.Settings(jobs=4, lock_timeout=1.0), note)
    assert sorted(reported) == [(f"e{number:02}", True) for number in range(70)]
    assert (held(report.environments[-40:]) - held(report.environments[-10:])) / 30 < 5500


class Counted(tuple[Environment, ...]):
    """A manifest's environments, and how often one went through all of them."""

    __slots__ = ()
    times = 0

    def __iter__(self) -> Iterator[Environment]:
        type(self).times += 1
        return super().__iter__()


def test_no_environment_has_to_go_through_all_others(place: Place) -> None:
    found = []
    for count in (3, 30):
        place.write("".join(f'[envs.e{number}]\npath = "{count}/e{number}"\n' for number in range(count)))
        manifest = envsync.load(str(place.manifest))
        manifest, Counted.times = replace(manifest, environments=Counted(manifest.environments)), 0
        reconciler = envsync.Reconciler(manifest, envsync.FactsCache(None))
        assert reconciler.apply(reconciler.plan(), envsync.Settings()).status == "applied"
        found.append(Counted.times)
    assert found[0] == found[1]


def test_what_is_as_it_was_planned_is_looked_at_once_more_only_when_it_is_there(place: Place) -> None:
    moved = {'"e': '"there/e', "there/e07": "aside/e07", "there/e08": "deep/led/e08"}
    place.write(reduce(lambda text, one: text.replace(*one), moved.items(), SEVENTY))
    (place.root / "aside").mkdir()
    (place.root / "elsewhere").mkdir()
    place.apply("e69")  # makes directories in the home directory, on which the plan rests as well
    reconciler = envsync.Reconciler(envsync.load(str(place.manifest)), envsync.FactsCache(None))
    time.sleep(0.03)  # so that what the plan rests on is older than the clock's tick
    plan = reconciler.plan()
    (place.root / "aside/e07").symlink_to("nowhere")
    (place.root / "deep").mkdir()
    (place.root / "deep/led").symlink_to(place.root / "elsewhere")
    with mock.patch.object(Observer, "observe", autospec=True, side_effect=Observer.observe) as observe:
        reports = {one.plan.environment.name: one for one in reconciler.apply(plan, envsync.Settings()).environments}
    assert observe.call_count <= 69 + 6 + 6  # the second group in a directory that has changed, and those two
    assert os.readlink(place.root / "aside/e07") == "nowhere"
    assert [one.code for one in [reports["e08"].error] if one] == ["changed-meanwhile"]
    assert list((place.root / "elsewhere").iterdir()) == []
    assert {one.outcome.value for name, one in reports.items() if name not in {"e07", "e08", "e69"}} == {"created"}


def test_while_one_group_waits_another_works(place: Place) -> None:
    place.write(SEVENTY)
    reconciler = envsync.Reconciler(envsync.load(str(place.manifest)), envsync.FactsCache(None))
    both = threading.Barrier(2)
    with mock.patch.object(batch, "outwait_slack", partial(both.wait, 30)):
        report = reconciler.apply(reconciler.plan(), envsync.Settings(jobs=2))
    assert {one.outcome.value for one in report.environments} == {"created"}
    assert left_of(place) == []


_INTERRUPTED = """
import os, signal, sys, time
from envsync.apply import batch
from envsync.cli.main import main
left = [signal.SIGINT]
batch.outwait_slack = lambda: left and (os.kill(os.getpid(), left.pop()), time.sleep(1))  # until it is minded
sys.exit(main(sys.argv[1:]))
"""


def test_an_interruption_lets_the_group_end_and_begins_no_other(place: Place) -> None:
    place.write(SEVENTY)
    command = [sys.executable, "-c", _INTERRUPTED, "apply", "--json", "--jobs", "1"]
    done = subprocess.run(command, check=False, cwd=place.root, env=place.variables, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        130,
        (
            "envsync: finishing e00, e01, e02 and 61 more; again to stop now\n"
            "envsync: interrupted; left as they were: e64, e65, e66 and 3 more; apply again to continue\n"
        ),
    )
    assert (done.stdout.count('"created"'), done.stdout.count('"interrupted"')) == (64, 6)
    assert left_of(place) == []
    assert Counter(entry["outcome"] for entry in place.apply().values()) == {"created": 6, "unchanged": 64}
