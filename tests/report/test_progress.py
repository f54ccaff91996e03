"""Progress: lines that live on a terminal and fit it, plain ones in a log, and the words for an interruption."""

import json
import re
import shlex
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

import envsync
from envsync.report.progress import Board, Lines, _UnderWay, named
from envsync.write.locks import hold
from harness.bench import files, listing
from harness.place import Place
from harness.processes import OFFLINE, Watched, slow_project

pytestmark = pytest.mark.sampled(9)

CTRL_C = "\x03"
ONE = '[envs.one]\npath = "one"\n'
SLOW = f'installer = "pip"\n{ONE}project = "blog"\n'


def board(count: int, *, total: int = 0, busy: str = "", text: str = "installing (uv)") -> Board:
    began = time.monotonic() - 12
    under_way = {f"e{number:02}": _UnderWay("creating", began, text) for number in range(count)}
    return Board(total, busy, began, 3, under_way)


def go(place: Place) -> None:
    (place.root.parent / "go").touch()


def locks_of(place: Place) -> str:
    return f"{place.variables['HOME']}/.local/state/envsync/locks"


def frames(text: str) -> list[list[str]]:
    """Return what stood on the terminal at one time: a frame is erased before the next one is drawn."""
    drawn = re.split("\\r?(?:\x1b\\[1A)?\x1b\\[2K|\x1b\\[\\?25[lh]", text)
    return [re.sub("\x1b\\[[0-9;]*m", "", frame).split("\r\n") for frame in drawn if frame.strip()]


def test_a_line_has_what_is_done_for_how_long_and_the_last_that_was_printed() -> None:
    assert board(1, text="Building wheel for numpy").lines(24) == ["creating e00 (12 s): Building wheel for numpy"]
    assert board(1, text="").lines(24) == ["creating e00 (12 s)"]
    assert board(0, busy="looking at blog (2 of 20)").lines(24) == ["looking at blog (2 of 20) (12 s)"]
    assert board(2, total=20).lines(24)[-1] == "3 of 20 done (12 s)"


def test_there_are_never_more_lines_than_fit() -> None:
    for height in (1, 2, 3, 4, 10, 31, 40):
        for count in (0, 1, 2, 30):
            lines = board(count, total=30).lines(height)
            assert 1 <= len(lines) <= max(1, height)
            assert lines[-1] == "3 of 30 done (12 s)"
    assert board(30, total=30).lines(4) == [
        "creating e00 (12 s): installing (uv)",
        "creating e01 (12 s): installing (uv)",
        "and 28 more under way",
        "3 of 30 done (12 s)",
    ]


def test_what_comes_from_outside_is_escaped() -> None:
    (line,) = board(1, text="\x1b[2J\x1b]0;owned\x07\u202e").lines(24)
    assert line.isprintable()
    assert Board(busy="looking at \x1b[31m").lines(24)[0].isprintable()
    assert named(["\x1b[31m"]).isprintable()


def test_at_most_three_names_are_given() -> None:
    assert named(["ml"]) == "ml"
    assert named(["ml", "blog", "api"]) == "ml, blog, api"
    assert named(["ml", "blog", "api", "x", "y"]) == "ml, blog, api and 2 more"


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (120, 40), (200, 50), (40, 5)])
def test_thirty_at_once_fit_the_terminal(place: Place, columns: int, lines: int) -> None:
    names = [f"{'long-' * 12}{number:02}" for number in range(30)]
    place.write("".join(f'[envs.{name}]\npath = "{name}"\n' for name in names))
    with Watched(place, "apply", columns=columns, lines=lines, NO_COLOR="1") as watched:
        watched.wait_for("30 of 30 done|30 created")
        status = watched.end()
    assert status == 0
    *drawn, result = frames(watched.text)
    assert any("of 30 done" in line for frame in drawn for line in frame)
    assert any("creating" in line for frame in drawn for line in frame)
    assert all(len(frame) <= lines and all(len(line) <= columns for line in frame) for frame in drawn)
    assert result[-2] == "30 created"  # the rest is erased
    assert "creating" not in "".join(result)


def test_seconds_go_on_while_nothing_is_printed_and_colours_are_no_condition(place: Place) -> None:
    slow_project(place, until="go")
    place.write(SLOW)
    with Watched(place, "apply", "--color", "never") as watched:
        watched.wait_for(r"creating one \(1 s\): ")
        watched.wait_for(r"creating one \(2 s\): ")
        go(place)
        assert watched.end() == 0
    assert re.search(r"creating one \(\d+ s\): (Processing|Installing|Getting|Preparing) ", watched.text)  # pip's words
    assert re.search("\x1b\\[[0-9;]*m", watched.text) is None


def test_what_is_looked_at_is_shown_and_ctrl_c_ends_it_quietly(place: Place) -> None:
    shim = place.root / "python"
    shim.write_text(f"#!/bin/sh\ntouch {shlex.quote(str(place.root))}/asked\nexec sleep 60\n")
    shim.chmod(0o755)
    place.write('[envs.a]\npath = "a"\npython = "./python"\n')
    for command in ("apply", "upgrade", "plan"):
        with Watched(place, command) as watched:
            watched.wait_for(r"looking at a \(0 s\)")
            watched.type(CTRL_C)
            assert watched.end() == 130
        rest = "" if command == "plan" else "; no environment was changed"
        assert watched.text.endswith(f"envsync: interrupted{rest}\r\n")
        assert "Traceback" not in watched.text
    (place.root / "asked").unlink()
    with Watched(place, "plan", "--json") as watched:
        while not (place.root / "asked").exists():
            time.sleep(0.01)
        watched.type(CTRL_C)
        assert watched.end() == 130
    document = json.loads(watched.text[watched.text.index("{") : watched.text.rindex("}") + 1])
    assert (document["exit_code"], document["errors"][0]["code"]) == (130, "interrupted")


def test_ctrl_c_lets_what_was_begun_be_finished_and_says_so(place: Place) -> None:
    begun = slow_project(place, until="go")
    place.write(f'{SLOW}[envs.two]\npath = "two"\nproject = "blog"\n')
    with Watched(place, "apply", "--jobs", "1") as watched:
        watched.wait_for("installing|Processing")
        while not begun.exists():
            time.sleep(0.01)
        watched.type(CTRL_C)
        watched.wait_for("envsync: finishing one; again to stop now\r\n")
        go(place)
        assert watched.end() == 130
    assert "1 created, 1 interrupted\r\n" in watched.text
    assert watched.text.endswith("envsync: interrupted; left as they were: two; apply again to continue\r\n")
    assert "failed" not in watched.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_stops_it_now(place: Place, number: int) -> None:
    begun = slow_project(place)
    place.write(SLOW)
    with Watched(place, "apply") as watched:
        watched.wait_for("installing|Processing")
        while not begun.exists():
            time.sleep(0.01)
        watched.send(number)
        watched.wait_for("envsync: finishing one; again to stop now\r\n")
        watched.send(number)
        assert watched.end() == 128 + number
    word = "interrupted" if number == signal.SIGINT else "terminated"
    assert watched.text.endswith(f"envsync: {word}; left as they were: one; apply again to continue\r\n")
    assert not (place.root / "one").exists()
    assert list(place.root.glob(".envsync-*")) == []


def test_what_waits_for_a_lock_says_for_whom_and_is_not_waited_for(place: Place) -> None:
    place.write(f'{SLOW.replace("one", "other")}{ONE}packages = ["six"]\n'.replace('project = "blog"\n', ""))
    place.envsync("plan")
    with hold(locks_of(place), str(place.root / "one"), 0.0), Watched(place, "apply", "one") as watched:
        watched.wait_for(r"creating one \(0 s\): waiting for process \d+")
        watched.type(CTRL_C)
        assert watched.end() == 130
    assert watched.text.endswith("envsync: interrupted; left as they were: one; apply again to continue\r\n")
    assert "finishing" not in watched.text


_AGAIN = """
import time
from envsync.reconcile import Reconciler
former, calls = Reconciler.plan, []
def plan(*arguments):
    calls.append(1)
    if len(calls) > 1:
        print("looking again", flush=True)
        time.sleep(60)
    return former(*arguments)
Reconciler.plan = plan
"""


def test_ctrl_c_while_it_looks_at_what_was_done_loses_no_report(place: Place) -> None:
    place.write(ONE)
    with Watched(place, "apply", before=_AGAIN) as watched:
        watched.wait_for("looking again")
        watched.type(CTRL_C)
        assert watched.end() == 130
    assert "1 created\r\n" in watched.text
    assert watched.text.endswith("envsync: interrupted\r\n")


_UNDOING = """
import time
from importlib import import_module
for module in map(import_module, ("envsync.apply.steps", "envsync.apply.stage")):
    def remove(*arguments, former=module.remove_staging_dir):
        print("undoing", flush=True)
        time.sleep(2)
        former(*arguments)
    module.remove_staging_dir = remove
"""


def test_further_ctrl_c_lose_no_report_either(place: Place) -> None:
    begun = slow_project(place)
    place.write(SLOW)
    with Watched(place, "apply", before=_UNDOING) as watched:
        while not begun.exists():
            time.sleep(0.01)
        watched.type(CTRL_C)
        watched.wait_for("finishing one")
        watched.type(CTRL_C)
        watched.wait_for("undoing")
        for _ in range(2):
            watched.type(CTRL_C)
        assert watched.end() == 130
    assert "left as they were: one; apply again to continue\r\n" in watched.text
    assert "Traceback" not in watched.text


@pytest.mark.parametrize("question", ["Trust it", "Rebuild 1 environment"])
def test_ctrl_c_at_a_question_changes_nothing(place: Place, question: str) -> None:
    place.write(ONE)
    place.apply()
    if question == "Trust it":
        place.envsync("untrust")
    else:
        shutil.rmtree(place.root / "one/lib")
    before = listing(place.root)
    with Watched(place, "apply") as watched:
        watched.wait_for(question)
        watched.type(CTRL_C)
        assert watched.end() == 130
    assert watched.text.endswith("\r\nenvsync: interrupted; no environment was changed\r\n")
    after = listing(place.root)
    assert (files(after), after.keys()) == (files(before), before.keys())


_SEARCHING = """
import time
from importlib import import_module
module = import_module("envsync.apply.adopt")
def search(*arguments, **options):
    print("looking", flush=True)
    time.sleep(60)
module.search = search
"""


@pytest.mark.parametrize("first", [False, True])
def test_ctrl_c_while_import_searches_declares_nothing(place: Place, first: bool) -> None:
    if not first:
        place.write(ONE)
    before = listing(place.root)
    with Watched(place, "import", ".", before=_SEARCHING, XDG_CONFIG_HOME=f"{place.root}/other") as watched:
        watched.wait_for("looking")
        watched.type(CTRL_C)
        assert watched.end() == 130
    assert watched.text.endswith("envsync: interrupted; nothing was declared\r\n")
    after = listing(place.root)
    assert (files(after), after.keys()) == (files(before), before.keys())


_DISCOVERING = """
import time
from importlib import import_module
module = import_module("envsync.apply.adopt")
def discover(*arguments, **options):
    time.sleep(60)
module.discover = discover
"""


@pytest.mark.parametrize("words", [("init",), ("add", "a", "--path", "a"), ("import", ".")])
def test_what_a_first_manifest_waits_for_is_shown(place: Place, words: tuple[str, ...]) -> None:
    before = listing(place.root)
    with Watched(place, *words, before=_DISCOVERING, XDG_CONFIG_HOME=f"{place.root}/other") as watched:
        watched.wait_for(r"looking for interpreters \(\d s\)")
        watched.type(CTRL_C)
        assert watched.end() == 130
    assert re.search(r"envsync: interrupted(; nothing was declared)?\r\n$", watched.text)
    assert listing(place.root) == before


def test_rollback_and_move_show_their_steps(place: Place) -> None:
    place.write(ONE)
    place.apply()
    place.apply("--force-rebuild", "one")
    steps = ["rolling back", "checking the generation", "swapping it in"]
    assert place.envsync("rollback", "one", "--verbose").err.splitlines()[:3] == [f"one: {step}" for step in steps]
    place.write(f'{ONE}target = "one"\n')
    steps = ["moving", "copying", "putting the symlink in its place", "clearing up"]
    assert place.envsync("move", "one", "--verbose").err.splitlines() == [f"one: {step}" for step in steps]


@pytest.mark.parametrize("twice", [False, True])
def test_watch_has_the_same_words_for_an_interruption(place: Place, twice: bool) -> None:
    begun = slow_project(place, until="go")
    place.write(SLOW)
    with Watched(place, "watch", columns=200) as watched:
        while not begun.exists():
            time.sleep(0.01)
        watched.type(CTRL_C)
        watched.wait_for(r"\d finishing one; again to stop now\r\n")
        if twice:
            watched.type(CTRL_C)
        else:
            go(place)
        assert watched.end() == 130
    end = "interrupted; left as they were: one\r\n" if twice else "interrupted\r\n"
    assert re.search(rf"\r\n\S*\d\d:\d\d:\d\d \S*{re.escape(end)}$", watched.text)
    assert ("created" in watched.text) == (not twice)


def test_a_move_that_waits_is_interrupted_at_once(place: Place) -> None:
    place.write(ONE)
    place.apply()
    place.write(f'{ONE}target = "one"\n')
    with hold(locks_of(place), str(place.root / "one"), 0.0), Watched(place, "move", "one") as watched:
        watched.wait_for(r"moving one \(\d s\): waiting for process \d+")
        watched.type(CTRL_C)
        assert watched.end() == 130
    assert "Traceback" not in watched.text
    assert not (place.root / "one").is_symlink()


_PRUNING = """
import signal
from envsync.apply import prune as module
former = module.remove_environment
def remove(*arguments):
    former(*arguments)
    signal.raise_signal(signal.SIGINT)
module.remove_environment = remove
"""


def test_prune_leaves_the_rest_when_it_is_interrupted(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\ntarget = "a"\n[envs.b]\npath = "b"\ntarget = "b"\n')
    place.apply()
    place.write(ONE)
    for name in ("a", "b"):
        (place.root / name).unlink()
    with Watched(place, "prune", "--yes", before=_PRUNING, NO_COLOR="1") as watched:
        assert watched.end() == 130
    assert "finishing what is being removed; again to stop now" in watched.text
    assert "1 removed, " in watched.text
    assert [watched.text.count(word) for word in ("- removed", ". left", "failed")] == [1, 1, 0]


def test_a_pipe_gets_lines_only_with_verbose(place: Place) -> None:
    place.write(ONE)
    run = place.envsync("apply", "--verbose")
    assert run.err.splitlines()[0] == "one: creating"
    assert re.fullmatch(r"one: done in \d+ s", run.err.splitlines()[-1])
    for arguments in (("apply",), ("apply", "--verbose", "--json"), ("apply", "--verbose", "--quiet")):
        (place.root / "one/bin/python").unlink()
        assert place.envsync(*arguments).err == ""


def test_lines_of_a_log_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    Lines().step("\x1b[31m", "\x1b[2J")
    assert capsys.readouterr().err == "\\x1b[31m: \\x1b[2J\n"


@pytest.mark.parametrize("arguments", [("--json",), ("--quiet",)])
def test_a_terminal_gets_none_where_it_is_not_wanted(place: Place, arguments: tuple[str, ...]) -> None:
    place.write(ONE)
    with Watched(place, "apply", *arguments) as watched:
        assert watched.end() == 0
    assert "\x1b" not in watched.text


def test_no_rich_is_loaded_where_nothing_is_to_be_done(place: Place) -> None:
    place.write(ONE)
    place.apply()
    code = "import atexit; atexit.register(lambda: print('rich' in sys.modules)); progress._DELAY = 60.0"
    with Watched(place, "apply", "--verbose", before=code) as watched:
        assert watched.end() == 0
    assert watched.text.endswith("False\r\n")


def test_a_program_may_follow_each_step(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str, str]] = []
    threads: set[bool] = set()

    class Following(envsync.Progress):
        def started(self, name: str, what: str) -> None:
            seen.append(("started", name, what))

        def step(self, name: str, text: str) -> None:
            seen.append(("step", name, text))

        def line(self, name: str, text: str) -> None:
            seen.append(("line", name, text))

        def done(self, report: envsync.EnvironmentReport) -> None:
            threads.add(threading.current_thread() is threading.main_thread())
            seen.append(("done", report.plan.environment.name, str(report.outcome)))

    for key, value in OFFLINE.items():
        monkeypatch.setenv(key, value)
    slow_project(place, until="go")
    go(place)
    place.write(SLOW)
    manifest = envsync.load(str(place.manifest))
    reconciler = envsync.Reconciler(manifest, envsync.FactsCache(None))
    settings = envsync.Settings(lock_timeout=1.0)
    reconciler.apply(reconciler.plan(), settings, Following())
    assert (seen[0], seen[-1]) == (("started", "one", "creating"), ("done", "one", "created"))
    assert ("step", "one", "installing (pip)") in seen
    assert any(kind == "line" and "Successfully installed blog-1.0" in text for kind, _, text in seen)
    assert threads == {True}
    assert Path(place.root / "one").exists()
