"""``on-event``: the user's own command, run for what a watcher reports, beside its passes, and bounded."""

import json
import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envsync.formats.placeholders import filled
from envsync.model.desired import PLACEHOLDERS
from envsync.watch.commands import Call, Commands
from harness.manifest_box import Box
from harness.place import Place
from harness.processes import OFFLINE, eventually
from harness.watching import watching

if TYPE_CHECKING:
    from envsync.model.problems import Problem

NOTE = """\
import json, os, sys
with open(sys.argv[1], "a") as file:
    file.write(json.dumps([os.getcwd(), *sys.argv[2:]]) + "\\n")
"""
"""A program that writes down where it runs, and with what."""


def noting(place: Place, *words: str) -> str:
    """Return the line of a manifest that notes each event's words."""
    (place.root / "note.py").write_text(NOTE)
    return (
        f"on-event = {json.dumps([sys.executable, str(place.root / 'note.py'), str(place.root / 'noted'), *words])}\n"
    )


def noted(place: Place) -> list[list[str]]:
    file = place.root / "noted"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ('["x", "{nam}"]', '"{nam}": {nam} is not a placeholder'),
        ('["x", "{}"]', '"{}": {} is not a placeholder'),
        ('["x", "{name!r}"]', '"{name!r}": {name!r} is not a placeholder'),
        ('["x", "a } b"]', '"a } b" has a brace without its other'),
        ('["x", "{{name}"]', '"{{name}" has a brace without its other'),
        ('["./x"]', '"./x" is not a program'),
        ('["bin/x", "{name}"]', '"bin/x" is not a program'),
        ('[""]', '"" is not a program'),
        (r'["x", "a\u0000b"]', r'"a\x00b" contains a NUL'),
    ],
)
def test_a_command_that_means_nothing_is_refused_with_its_place(box: Box, words: str, wrong: str) -> None:
    problem = box.problem(f"version = 1\non-event = {words}\n")
    assert (problem.code, problem.key, problem.line) == ("manifest-value", "on-event", 2)
    assert problem.message == wrong
    assert problem.hint


def test_a_command_is_a_list_of_the_main_file(box: Box) -> None:
    assert box.load('version = 1\non-event = ["~/x", "{{}}", "{name}"]\n').on_event == ("~/x", "{{}}", "{name}")
    assert box.load("version = 1\non-event = []\n").on_event == ()
    assert box.problem('version = 1\non-event = "notify-send x"\n').key == "on-event"
    box.write('on-event = ["x"]\n', "b.toml")
    assert box.problem('version = 1\ninclude = ["b.toml"]\n').key == "on-event"


def test_what_stands_in_a_value_is_no_placeholder() -> None:
    values = {name: f"{{{name}}} }}{{" for name in PLACEHOLDERS} | {"name": "{path}"}
    assert filled("{{{name}}}", values) == "{{path}}"
    assert filled("{{name}}-{event}", values) == "{name}-{event} }{"


def test_changes_failures_conflicts_and_their_end_are_each_told_once_in_order(place: Place) -> None:
    words = ("{event}", "{name}", "{path}", "{message}", "{code}", "{python}", "{manifest}", "{{x}}")
    text = f'[envs.a]\npath = "d/a"\npython = "{sys.executable}"\n[envs.c]\npath = "c"\npython = "./gone"\n'
    place.write(noting(place, *words) + text)
    (place.root / "d").mkdir()
    with watching(place, settle=0.1, before=("env", *(f"{key}={value}" for key, value in OFFLINE.items()))) as watcher:
        eventually(lambda: len(noted(place)) >= 2)
        (place.root / "gone").symlink_to(sys.executable)
        eventually(lambda: len(noted(place)) >= 3)
        place.manifest.write_text(place.manifest.read_text().replace('"d/a"', '"d/a"\npackages = ["of-no-index"]'))
        watcher.applied("a", "failed")
        watcher.applied("a", "failed")
        place.manifest.write_text(place.manifest.read_text().replace('\npackages = ["of-no-index"]', ""))
        watcher.until("recovered")
        eventually(lambda: len(noted(place)) >= 5)
        assert watcher.stop() == 0
    created, failed, recovered = [one for one in noted(place) if one[2] == "a"]
    conflict, made = [one for one in noted(place) if one[2] == "c"]
    version = ".".join(map(str, sys.version_info[:3]))
    root = str(place.root)
    assert created[:4] == [f"{root}/d", "created", "a", f"{root}/d/a"]
    assert created[5:] == ["", version, str(place.manifest), "{x}"]
    assert re.match(r"created: .*Python 3", created[4])
    assert (failed[1], failed[5]) == ("failed", "install-failed")
    assert failed[4].startswith("failed: ")
    assert recovered[1] == "recovered"
    assert (conflict[0], conflict[1], conflict[5]) == (root, "conflict", "interpreter-missing")
    assert conflict[4].startswith("conflict: ")
    assert made[1] == "created"


def test_a_single_pass_waits_for_the_commands_of_its_events_and_tells_their_failures_before_its_end(
    place: Place,
) -> None:
    names = ("a", "b", "c")
    text = "".join(f'[envs.{name}]\npath = "{name}"\n' for name in names)
    place.write(f'on-event = ["sh", "-c", "sleep 0.3; echo $0 >>noted; echo at $0 >&2; exit 3", "{{name}}"]\n{text}')
    run = place.envsync("watch", "--once", "--settle=0", "--json")
    events = [json.loads(line) for line in run.out.splitlines()]
    assert sorted((place.root / "noted").read_text().split()) == [*names]
    (degraded,) = [one for one in events if one["event"] == "degraded"]  # one cause
    assert degraded["code"] == "on-event-failed"
    assert re.fullmatch(r"on-event for [abc]: sh ended with exit status 3: at [abc]", degraded["message"])
    assert (events[-1]["event"], run.status) == ("stopped", 0)


def test_a_manifest_that_is_not_trusted_has_no_command_run(place: Place) -> None:
    place.write(noting(place, "{event}") + '[envs.a]\npath = "a"\n')
    with watching(place, settle=0.1) as watcher:
        eventually(lambda: len(noted(place)) == 1)
        assert place.envsync("untrust", str(place.manifest)).status == 0
        watcher.process.send_signal(signal.SIGHUP)
        watcher.until("conflict")
        watcher.until("pass")
        assert watcher.stop() == 0
    assert noted(place) == [[str(place.root), "created"]]


def test_the_example_of_the_guide_notifies(place: Place) -> None:
    directory = place.root / "bin"
    directory.mkdir()
    script = directory / "notify-send"
    script.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >>"{place.root}/noted"\n')
    script.chmod(0o755)
    place.write('on-event = ["notify-send", "envsync", "{name}: {message}"]\n[envs.a]\npath = "a"\n')
    place.envsync("watch", "--once", "--settle=0", PATH=f"{directory}:{place.variables['PATH']}")
    assert re.fullmatch(r"envsync\|a: created: Python 3\S+\|", (place.root / "noted").read_text())


class Heard:
    """Runs commands, and has what was reported of them."""

    def __init__(self, limit: float = 30.0) -> None:
        self.problems: list[Problem] = []
        self.commands = Commands(self.problems.append, limit)

    def run(self, *words: str, name: str = "a", directory: str = "/") -> None:
        self.commands.add(Call(name, words, directory))

    def wait(self) -> list[str]:
        self.commands.wait(lambda: False)
        return [one.message for one in self.problems]


def test_commands_of_an_environment_keep_their_order_and_those_of_others_do_not_wait(tmp_path: Path) -> None:
    heard, log = Heard(), tmp_path / "log"
    os.mkfifo(tmp_path / "held")
    heard.run("sh", "-c", "read x <held; echo a1 >>log", name="a", directory=str(tmp_path))
    heard.run("sh", "-c", "echo a2 >>log", name="a", directory=str(tmp_path))
    heard.run("sh", "-c", "echo b1 >>log", name="b", directory=str(tmp_path))
    eventually(lambda: log.exists() and log.read_text() == "b1\n")
    (tmp_path / "held").write_text("go\n")
    assert heard.wait() == []
    heard.commands.end()
    assert log.read_text().split() == ["b1", "a1", "a2"]


def test_each_cause_is_told_once_until_a_command_succeeds() -> None:
    heard = Heard(limit=0.3)
    for _ in range(2):
        heard.run("/gone/x y")
        heard.run("sh", "-c", "head -c 999999 /dev/zero; echo; echo why; exit 3")
        heard.run("sleep", "1000")
    missing, status, late = heard.wait()
    assert missing == "on-event for a: '/gone/x y' cannot be run: No such file or directory"
    assert status == "on-event for a: sh ended with exit status 3: why"
    assert late == "on-event for a: sleep was ended: it took longer than 0.3 s"
    heard.run("true", name="b")
    heard.run("sleep", "1000")
    assert len(heard.wait()) == 3
    heard.run("true")
    heard.run("sleep", "1000")
    assert heard.wait()[3:] == [late]
    heard.commands.end()


@pytest.mark.parametrize("left_running", ["sleep 1000", "yes"])
def test_what_a_command_leaves_in_the_background_holds_nothing_up_and_is_ended(
    tmp_path: Path, left_running: str
) -> None:
    heard = Heard(limit=5.0)
    heard.run("sh", "-c", f"{left_running} & echo $! >pid", directory=str(tmp_path))
    assert heard.wait() == []
    heard.commands.end()
    left = Path("/proc", (tmp_path / "pid").read_text().strip(), "exe")
    eventually(lambda: not left.exists())


def test_the_end_ends_what_runs_and_forgets_what_waits(tmp_path: Path) -> None:
    heard = Heard()
    for number in range(9):
        heard.run("sh", "-c", "echo >>begun; exec sleep 1000", name=f"e{number // 2}", directory=str(tmp_path))
    eventually((tmp_path / "begun").exists)
    before = threading.active_count()
    heard.commands.end()
    assert threading.active_count() < before
    heard.run("touch", "late", directory=str(tmp_path))
    assert heard.wait() == []
    assert not (tmp_path / "late").exists()


def test_a_command_that_runs_holds_no_pass_up_and_is_ended_with_the_watcher(place: Place) -> None:
    place.write('on-event = ["sh", "-c", "echo $$ >pid; exec sleep 1000"]\n[envs.a]\npath = "a"\n')
    pid = place.root / "pid"
    with watching(place, settle=0.1) as watcher:
        eventually(lambda: pid.exists() and pid.read_text().strip() != "")
        (place.root / "a/bin/python").unlink()
        watcher.applied("a", "repaired")  # no pass waits for a command
        assert watcher.stop() == 0
        assert [one for one in watcher.events if one["event"] == "degraded"] == []
    eventually(lambda: not os.path.exists(f"/proc/{pid.read_text().strip()}"))
