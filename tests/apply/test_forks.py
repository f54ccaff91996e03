"""Many environments are created by forks of the command: whatever becomes of a fork, none of them is lost."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.place import Place
from harness.processes import OFFLINE, Watched, eventually

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no system but Linux tells of a process's threads"),
]
COUNT = 130
NAMES = [f"e{number:03}" for number in range(COUNT)]
_NOTED = """
import os, signal, sys, threading
from envsync.apply import batch, batches

MAIN, create_batch = os.getpid(), batches.create_batch
os.cpu_count = lambda: 2

def noted(plans, *more):
    with open("processes", "a") as file:
        file.write(f"{'main' if os.getpid() == MAIN else os.getpid()}\\n")
    return create_batch(plans, *more)

def first():
    try:
        return os.getpid() != MAIN and os.close(os.open("first", os.O_CREAT | os.O_EXCL)) is None
    except FileExistsError:
        return False

batches.create_batch = noted
"""
"""Notes which process creates a batch."""


@dataclass
class Many:
    """Many environments to create."""

    place: Place

    def command(self, code: str = "", *words: str) -> list[str]:
        main = "from envsync.cli.main import main; sys.exit(main(sys.argv[1:]))"
        return [sys.executable, "-c", f"{_NOTED}\n{code}\n{main}", "apply", *words]

    def apply(self, code: str = "", *words: str, status: int = 0) -> dict[str, Any]:
        command, variables = self.command(code, "--json", *words), self.place.variables
        # A group of its own: what a signal to the group does must not reach the tests.
        done = subprocess.run(
            command, check=False, cwd=self.place.root, env=variables, capture_output=True, text=True, process_group=0
        )
        assert done.returncode == status, done.stderr
        return {entry["name"]: entry for entry in json.loads(done.stdout)["environments"]}

    def processes(self) -> Counter[str]:
        """Return how many batches each process was given."""
        return Counter((self.place.root / "processes").read_text().splitlines())

    def assert_all_there(self) -> None:
        assert {one.parent.parent.parent.name for one in self.place.root.glob("*/.venv/bin/activate")} == {*NAMES}
        assert [*self.place.root.rglob(".envsync-*")] == []
        assert self.place.envsync("check").status == 0


@pytest.fixture
def many(place: Place) -> Many:
    return declared(place)


def declared(place: Place) -> Many:
    """Declare many environments, each in a directory of its own."""
    place.write("".join(f'[envs.{name}]\npath = "{name}/.venv"\n' for name in NAMES))
    place.trust()
    for name in NAMES:
        (place.root / name).mkdir()
    return Many(place)


def outcomes(entries: dict[str, Any]) -> Counter[str]:
    return Counter(entry["outcome"] for entry in entries.values())


def alive(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_several_processes_create_them_and_the_next_pass_has_nothing_to_look_at(many: Many) -> None:
    assert outcomes(many.apply()) == {"created": COUNT}
    assert "main" not in many.processes()
    assert len(many.processes()) == 3
    many.assert_all_there()
    (many.place.root / "processes").unlink()
    assert list(Path(many.place.variables["HOME"]).glob(".cache/envsync/unchanged-*"))
    assert many.place.envsync("apply").out == f"{COUNT} in sync, unchanged\n"


@pytest.mark.parametrize("code", ["", "threading.Thread(target=threading.Event().wait, daemon=True).start()"])
def test_one_process_creates_them_where_it_shall_or_has_other_threads(many: Many, code: str) -> None:
    assert outcomes(many.apply(code, *([] if code else ["--jobs", "1"]))) == {"created": COUNT}
    assert {*many.processes()} == {"main"}


def test_a_template_is_made_once_before_anything_is_forked(cold_place: Place) -> None:
    many = declared(cold_place)
    assert outcomes(many.apply()) == {"created": COUNT}
    assert {*many.processes()} == {"main"}


def test_on_a_terminal_too(many: Many) -> None:
    many.place.envsync("apply", "e000", **OFFLINE)  # a template for these variables
    with Watched(many.place, "apply", before=_NOTED) as terminal:
        terminal.wait_for("creating e")
        terminal.wait_for(f"{COUNT - 1} created")
    assert "main" not in many.processes()
    many.assert_all_there()


@pytest.mark.parametrize("moment", ["flush", "_bring_in", "outwait_slack"])
def test_what_a_killed_fork_was_at_is_done_by_another(many: Many, moment: str) -> None:
    code = f"""
step = batch.{moment}
def killed(*arguments):
    if first():
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*arguments)
batch.{moment} = killed
"""
    assert {*outcomes(many.apply(code))} <= {"created", "unchanged"}
    assert "main" not in many.processes()
    many.assert_all_there()


def test_all_are_created_where_nothing_can_be_forked(many: Many) -> None:
    code = "def refused(): raise BlockingIOError(11, 'too many processes')\nos.fork = refused"
    assert outcomes(many.apply(code)) == {"created": COUNT}
    assert {*many.processes()} == {"main"}
    many.assert_all_there()


def test_failures_and_remarks_of_a_fork_are_told(many: Many) -> None:
    code = """
build = batch._build
def fails(work, env_builder):
    name = work.plan.environment.name
    if name == "e007":
        raise OSError(28, "No space left on device")
    if name == "e100":
        env_builder.remark(work.blueprint, "said by a fork")
    build(work, env_builder)
batch._build = fails
"""
    found = many.apply(code, status=1)
    assert outcomes(found) == {"created": COUNT - 1, "failed": 1}
    assert found["e007"]["error"]["code"] == "disk-full"
    assert found["e100"]["notes"] == ["said by a fork"]
    assert "main" not in many.processes()


@pytest.mark.parametrize("whom", ["os.getppid()", "-os.getpgid(os.getppid())"], ids=["the command", "its group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_lets_forks_complete_what_they_are_at(many: Many, whom: str, number: int) -> None:
    code = f"""
import time
wait = batch.outwait_slack
def interrupting():
    if first():
        os.kill({whom}, {number:d})
        time.sleep(0.5)
    wait()
batch.outwait_slack = interrupting
batches._MOST = 20
"""
    found = outcomes(many.apply(code, status=128 + number))
    assert {*found} == {"created", "interrupted"}
    assert found["created"] >= 20
    assert not any(alive(process) for process in many.processes())
    assert [*many.place.root.rglob(".envsync-*")] == []
    assert outcomes(many.place.apply()) == {"created": found["interrupted"], "unchanged": found["created"]}


def test_forks_of_a_killed_command_complete_their_batch_and_end(many: Many) -> None:
    code = """
import time
wait = batch.outwait_slack
def killing():
    if first():
        os.kill(os.getppid(), signal.SIGKILL)
    wait()
batch.outwait_slack = killing
"""
    done = subprocess.run(many.command(code), check=False, cwd=many.place.root, env=many.place.variables)
    assert done.returncode == -signal.SIGKILL
    entries = many.place.apply()  # waits for the locks of what is under way
    assert {*outcomes(entries)} <= {"created", "unchanged"}
    eventually(lambda: not any(alive(process) for process in many.processes()))
    many.assert_all_there()


def test_whoever_follows_is_told_in_the_thread_that_asked(many: Many) -> None:
    code = """
import envsync
told = []
def note(report):
    told.append((report.plan.environment.name, threading.current_thread() is threading.main_thread()))
report = envsync.apply(envsync.plan(file="envs.toml"), progress=note)
assert sorted(told) == [(one.plan.environment.name, True) for one in report.environments], told
assert len(told) == 130
"""
    assert outcomes(many.apply(code)) == {"unchanged": COUNT}
    assert "main" not in many.processes()


_SECONDS = f"61.{os.getpid()}"
"""Of a program that counts as hanging; no other one has them."""
_HANGS = f"""
from envsync.observe.processes import run
settle = batch._settle
def hangs(work, env_builder):
    if first():
        run(["sleep", "{_SECONDS}"], os.environ, limit=100)
    settle(work, env_builder)
batch._settle = hangs
"""


def is_hanging() -> bool:
    """Check whether the program of a fork is running."""
    return any(text == f"sleep\0{_SECONDS}\0" for text in map(_command_line, Path("/proc").glob("[0-9]*/cmdline")))


def _command_line(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_programs_of_forks_end_at_a_second_signal_and_with_the_command(many: Many, number: int) -> None:
    command = many.command(_HANGS, "--quiet")
    process = subprocess.Popen(
        command, cwd=many.place.root, env=many.place.variables, stderr=subprocess.PIPE, text=True, process_group=0
    )
    with process:
        eventually(is_hanging)
        process.send_signal(number)
        if number == signal.SIGINT:
            assert process.stderr is not None
            assert "again to stop now" in process.stderr.readline()
            process.send_signal(number)
        assert process.wait(30) == (130 if number == signal.SIGINT else -number)
    eventually(lambda: not is_hanging())
    eventually(lambda: not any(alive(one) for one in many.processes()))
    many.place.apply()
    many.assert_all_there()


def test_a_process_that_a_program_forks_meanwhile_keeps_nobody_waiting(many: Many) -> None:
    code = """
import envsync, time
forked = []
def note(report):
    if not forked:
        forked.append(os.fork())
        while not forked[0] and not os.path.exists("done"):
            time.sleep(0.05)
        forked[0] or os._exit(0)
envsync.apply(envsync.plan(file="envs.toml"), progress=note)
open("done", "w").close()
"""
    assert outcomes(many.apply(code)) == {"unchanged": COUNT}
    assert "main" not in many.processes()


def test_an_interruption_while_forks_are_made_leaves_none(many: Many) -> None:
    code = """
import envsync
made = []
def interrupt():
    made.append(1)
    if len(made) == 2:
        os.kill(os.getpid(), signal.SIGINT)
os.register_at_fork(after_in_parent=interrupt)
before = {*os.listdir("/proc/self/fd")}
report = envsync.apply(envsync.plan(file="envs.toml"))
assert report.interrupted
assert len({*os.listdir("/proc/self/fd")} - before) <= 1, "all but the end of a socket is closed"
children = open(f"/proc/self/task/{os.getpid()}/children").read().split()
assert ["reaper" in open(f"/proc/{one}/cmdline").read() for one in children] == [True]
"""
    assert sum(outcomes(many.apply(code)).values()) == COUNT
    many.assert_all_there()
