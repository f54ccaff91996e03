"""Interpreters that do not work: the reason is reported, nothing is made, and what is there stays as it is."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from envsync.observe import probe as probing
from envsync.observe.probe import ProbeError, probe
from harness.place import Place, Run
from harness.shims import Bad, script

pytestmark = pytest.mark.sampled(3)

pytest_plugins = ["harness.relocatable"]

PythonOf = Callable[[str], str]
Listing = dict[str, tuple[int, int, int, bytes]]


def listing(directory: Path) -> Listing:
    """Return inode, change of content, change of anything, and content of all that is in a directory."""
    found: Listing = {}
    for path in [directory, *sorted(directory.rglob("*"))]:
        status = path.lstat()
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, content)
    return found


def answer(message: str = "does not work", **changed: object) -> Bad:
    """Return a shim that answers as an interpreter would, except what is changed."""
    output = {"version_info": "3.12.1.final.0", "version": "3.12.1", "implementation": "cpython", "abi": "x"}
    texts = ("prefix", "base_prefix", "base_exec_prefix", "executable", "base_executable", "stdlib")
    output |= dict.fromkeys(texts, "/nowhere") | {"platlibdir": "lib"}
    output |= dict.fromkeys(("purelib", "platlib"), "lib/python3.12/site-packages")
    return script(f"echo 'envsync:{json.dumps(output | changed)}'", message)


def not_executable(place: Path) -> str:
    place.write_text("#!/bin/sh\n")
    return "is not executable"


def directory(place: Path) -> str:
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").write_text("")
    return "is a directory"


def dangling(place: Path) -> str:
    place.symlink_to("gone/python")
    return "nothing is there"


def loop(place: Path) -> str:
    place.symlink_to("other")
    (place.parent / "other").symlink_to(place)
    return "loop"


def missing(place: Path) -> str:
    return f"nothing is at {place}"


def fifo(place: Path) -> str:
    os.mkfifo(place, 0o755)
    return "FIFO"


def cut_short(place: Path) -> str:
    place.write_bytes(b"\x7fELF")
    place.chmod(0o755)
    return "cannot be run"


BAD: dict[str, Bad] = {
    "prints-garbage": script("head -c 2000 /dev/urandom"),
    "prints-nothing": script(":"),
    "prints-endlessly": script("exec yes"),
    "complains-endlessly": script("exec yes >&2"),
    "fails": script("echo out of order >&2; exit 1"),
    "is-killed": script("kill -SEGV $$"),
    "answers-a-list": script("echo 'envsync:[1, 2]'"),
    "answers-a-number": script("echo 'envsync:3'"),
    "answers-half": script("""echo 'envsync:{"version_info": "3.12.1.final.0"}'"""),
    "answers-wrong-types": answer(version_info=[3, 12], base_executable={"a": 1}),
    "answers-null": answer(version_info=None),
    "answers-escapes": answer(version_info="\x1b]0;owned\x07\x1b[31m.12", base_executable="\x1b[2J"),
    "answers-no-path": answer(base_executable="", executable=""),
    "answers-a-missing-path": answer("nothing is at /nowhere/", base_executable="/nowhere/\x1b[31mpython"),
    "answers-deeply": script("printf 'envsync:'; head -c 60000 /dev/zero | tr '\\0' '['"),
    "not-executable": not_executable,
    "folder": directory,
    "dangling": dangling,
    "loop": loop,
    "missing": missing,
    "fifo": fifo,
    "cut-short": cut_short,
}


def declare(place: Place, python: str | Path) -> None:
    place.write(f'[envs.old]\npath = "old"\npython = "{python}"\n[envs.new]\npath = "new"\npython = "{python}"\n')


@pytest.fixture
def settled(place: Place, python_of: PythonOf) -> Place:
    """Return a place with an environment that works."""
    subprocess.run([python_of("3.12"), "-m", "venv", "--without-pip", place.root / "old"], check=True)
    return place


def assert_refused(place: Place, message: str = "", code: str = "interpreter-missing") -> Run:
    """Apply, and assert that nothing is made or changed, and that the reason is reported as plain text."""
    before, at_root = listing(place.root / "old"), sorted(os.listdir(place.root))
    run = place.envsync("apply", "--json")
    assert run.status == 1
    for entry in run.environments.values():
        assert (entry["state"], entry["outcome"]) == ("conflict", "conflict")
        assert entry["conflict"]["code"] == code
        assert message in entry["conflict"]["message"]
        assert entry["conflict"]["hint"]
    human = place.envsync("apply")
    assert human.status == 1
    assert "hint:" in human.out
    assert all(one.isprintable() or one == "\n" for one in human.out + human.err)
    assert listing(place.root / "old") == before
    assert sorted(os.listdir(place.root)) == at_root
    return run


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_interpreter_is_a_conflict_and_nothing_changes(settled: Place, kind: str) -> None:
    link = settled.root / "python"
    message = BAD[kind](link)
    declare(settled, link)
    assert_refused(settled, message)


@pytest.mark.parametrize("version", ["2.7", "3.6"])
def test_an_interpreter_too_old_is_a_conflict_that_names_it_and_the_oldest_allowed(
    settled: Place, python_of: PythonOf, version: str
) -> None:
    declare(settled, python_of(version))
    run = assert_refused(settled, f"Python {version}.")
    for entry in run.environments.values():
        assert "3.7" in entry["conflict"]["message"]


def test_what_an_interpreter_prints_is_quoted_but_cannot_drive_the_terminal(settled: Place) -> None:
    message = script(r"printf '\033]0;owned\007 out of order\n' >&2; exit 3")(settled.root / "python")
    declare(settled, settled.root / "python")
    run = assert_refused(settled, message)
    reported = run.environments["new"]["conflict"]["message"]
    assert "exit status 3" in reported
    assert "out of order" in reported


@pytest.mark.parametrize("command", ["plan", "status", "check", "explain"])
def test_no_command_lets_an_interpreters_answer_drive_the_terminal(settled: Place, command: str) -> None:
    shim = settled.root / "python"
    answer(base_executable=sys.executable, version="3.12.1\x1b[31m")(shim)
    link = settled.root / "\u202ebent"
    BAD["answers-escapes"](link)
    settled.write(f'[envs.a]\npath = "a"\npython = "{shim}"\n[envs.b]\npath = "b"\npython = "{link}"\n')
    run = settled.envsync(command, *(["a", "b"] if command == "explain" else []))
    assert all(one.isprintable() or one == "\n" for one in run.out + run.err)


def test_the_signal_that_killed_an_interpreter_is_named(settled: Place) -> None:
    BAD["is-killed"](settled.root / "python")
    declare(settled, settled.root / "python")
    assert_refused(settled, "SIGSEGV")


def test_the_hint_for_an_environments_directory_names_its_interpreter(settled: Place) -> None:
    declare(settled, settled.root / "old")
    run = assert_refused(settled, "is a directory")
    assert f"{settled.root}/old/bin/python" in run.environments["new"]["conflict"]["hint"]


def test_its_own_python_is_a_conflict_and_leaves_the_environment_as_it_is(settled: Place) -> None:
    settled.write('[envs.old]\npath = "old"\npython = "old/bin/python"\n')
    assert_refused(settled, "own interpreter", code="interpreter-cycle")


def test_an_interpreter_that_is_gone_leaves_the_environment_as_it_is(settled: Place, python_of: PythonOf) -> None:
    link = settled.root / "python"
    link.symlink_to(python_of("3.12"))
    declare(settled, link)
    assert {entry["outcome"] for entry in settled.apply().values()} == {"repaired", "created"}
    link.unlink()
    assert_refused(settled, f"nothing is at {link}")
    link.symlink_to(python_of("3.12"))
    assert {entry["outcome"] for entry in settled.apply().values()} == {"unchanged"}


def test_an_interpreter_that_vanishes_between_plan_and_apply_makes_nothing(settled: Place, python_of: PythonOf) -> None:
    # The link answers while it is asked, and takes itself away.
    link, hidden = settled.root / "python", settled.root / "hidden"
    shim = f'"{python_of("3.12")}" "$@"; status=$?; rm -f "{link}"; exit $status'
    script(shim)(link)
    shutil.copy(link, hidden)
    settled.write(f'[envs.new]\npath = "new"\npython = "{link}"\n')
    run = settled.envsync("apply", "--json", "--no-cache")
    entry = run.environments["new"]
    made = (settled.root / "new").exists()
    assert made == (entry["outcome"] == "created")
    assert [name for name in os.listdir(settled.root) if name.startswith(".envsync")] == []
    if made:  # the interpreter that the shim told is still there
        assert settled.python("new", "import sys; print(sys.prefix)") == str(settled.root / "new")


def test_a_base_that_vanishes_between_plan_and_apply_fails_and_leaves_nothing(
    place: Place, relocatable: tuple[Path, Path], tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(relocatable[0], tree, symlinks=True)
    place.write(f'[envs.new]\npath = "new"\npython = "{tree}/bin/python"\n')
    place.apply()
    shutil.rmtree(place.root / "new")
    # What the cache knows still holds for os.py and the link; the library that both need is gone.
    for library in (tree / "lib").glob("libpython*"):
        library.unlink()
    run = place.envsync("apply", "--json")
    entry = run.environments["new"]
    assert run.status == 1
    assert entry["outcome"] in {"failed", "conflict"}
    reported = entry["error"] or entry["conflict"]
    assert reported["code"] in {"interpreter-missing", "verify-failed", "builder-failed"}
    assert reported["hint"]
    assert sorted(os.listdir(place.root)) == ["envs.toml"]


def test_a_hanging_interpreter_is_ended_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "TIME_LIMIT", 0.3)
    shim = tmp_path / "python"
    script("exec sleep 600")(shim)
    with pytest.raises(ProbeError, match=r"did not answer within 0\.3 seconds"):
        probe(str(shim))


@pytest.mark.parametrize("parent", ["wait", "exit 0"])
def test_a_child_that_holds_the_pipe_is_killed_with_its_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parent: str
) -> None:
    monkeypatch.setattr(probing, "TIME_LIMIT", 0.5)
    shim, number = tmp_path / "python", tmp_path / "number"
    script(f"sleep 600 &\necho $! >{number}\n{parent}")(shim)
    with pytest.raises(ProbeError):
        probe(str(shim))
    child = int(number.read_text())
    try:
        assert ended(child)
    finally:
        if not ended(child):
            os.kill(child, signal.SIGKILL)


def ended(process: int) -> bool:
    """Check whether a process is gone or a zombie, after giving the kernel a moment."""
    for _ in range(40):
        try:
            os.kill(process, 0)
            if sys.platform == "linux" and ") Z" in Path(f"/proc/{process}/stat").read_text():
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False
