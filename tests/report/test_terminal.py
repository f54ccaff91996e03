"""Terminals, pipes and interruptions: colours where they belong, nothing raw from outside, no noise at the end."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.place import Place
from harness.processes import on_terminal, start

pytestmark = pytest.mark.sampled(9)

PythonOf = Callable[[str], str]
COMMANDS = ("apply", "plan", "check", "status", "explain")
ESCAPE = "\x1b["


def many(count: int) -> str:
    return "".join(f'[envs.e{number:03}]\npath = "e{number:03}"\n' for number in range(count))


def names_for(command: str) -> tuple[str, ...]:
    return (command, "e000") if command == "explain" else (command,)


def assert_harmless(text: str) -> None:
    assert all(one.isprintable() or one == "\n" for one in text), repr(text)


@pytest.mark.parametrize("command", ["plan", "status", "explain"])
def test_colours_are_for_terminals(place: Place, command: str) -> None:
    place.write(many(2))
    status, text = on_terminal(place, *names_for(command))
    assert (status, ESCAPE in text) == (0, True)
    del place.variables["NO_COLOR"]
    assert ESCAPE not in place.envsync(*names_for(command)).out


@pytest.mark.parametrize(
    ("arguments", "variables", "coloured"),
    [
        ((), {}, False),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": ""}, False),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
        (("--color", "auto"), {"FORCE_COLOR": "1"}, True),
        (("--color=always",), {}, True),
    ],
)
def test_the_option_goes_before_no_color_and_that_before_force_color_in_a_pipe(
    place: Place, arguments: tuple[str, ...], variables: dict[str, str], coloured: bool
) -> None:
    place.write(many(1))
    del place.variables["NO_COLOR"]
    assert (ESCAPE in place.envsync("plan", *arguments, **variables).out) == coloured


def bare(text: str) -> str:
    """Return a text without colours, and without progress, which is erased."""
    shown = re.sub("[^\n]*\r|\033\\[[0-9;?]*[A-Za-z]", "", text)
    return re.sub(r"^.*\(\d+ s\)\n", "", shown, flags=re.MULTILINE)


def test_colours_change_nothing_else_on_a_terminal_and_in_a_pipe(place: Place) -> None:
    place.write(many(2))
    place.apply()
    place.apply("--force-rebuild", "e000")
    (place.root / "file").write_text("a file of the user's")
    place.write(many(3) + '[envs.taken]\npath = "file"\n')
    del place.variables["NO_COLOR"]
    for line in (
        *("plan", "check", "status", "explain taken", "graph", "doctor", "outdated", "prune --all", "apply taken"),
        "rollback e000 --dry-run",
    ):
        words = line.split()
        coloured, plain = (on_terminal(place, *words, NO_COLOR=value) for value in ("", "1"))
        assert (coloured[0], bare(coloured[1])) == (plain[0], bare(plain[1])), line
        assert (ESCAPE in coloured[1]) == (line != "check"), line
        piped, always = place.envsync(*words), place.envsync(*words, "--color", "always")
        assert ESCAPE not in piped.out + piped.err, line
        assert (bare(always.out), bare(always.err)) == (piped.out, piped.err), line
        assert (ESCAPE in always.out + always.err) == (line not in {"check", "graph"}), line


@pytest.mark.parametrize(
    ("arguments", "variables"), [((), {"NO_COLOR": "1"}), (("--color", "never"), {}), ((), {"TERM": "dumb"})]
)
def test_a_terminal_gets_no_colours_where_they_are_not_wanted(
    place: Place, arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    place.write(many(1))
    for command in COMMANDS:
        text = on_terminal(place, *names_for(command), *arguments, columns=120, **variables)[1]
        assert re.search("\x1b\\[[0-9;]*m", text) is None, text  # progress moves the cursor


def test_the_table_of_status_has_what_is_there_and_in_a_pipe_every_column(place: Place) -> None:
    place.write(many(3))
    _, drawn = on_terminal(place, "status")
    assert all(name in drawn for name in ("NAME", "e000", "e002", "missing"))
    assert "KEPT" not in drawn  # nothing is
    lines = place.envsync("status").out.splitlines()
    assert lines[0].split()[:6] == ["NAME", "STATE", "PYTHON", "PATH", "END", "KEPT"]
    assert [line.split()[0] for line in lines[1:4]] == ["e000", "e001", "e002"]
    assert lines[4:] == ["", f"3 environments of {place.manifest}: 3 missing"]


def test_errors_are_coloured_on_a_terminal_and_plain_in_a_pipe(place: Place) -> None:
    status, text = on_terminal(place, "apply", "--nonsense")
    assert (status, ESCAPE in text) == (2, True)
    assert ESCAPE not in place.envsync("apply", "--nonsense").err


def test_json_is_never_coloured(place: Place) -> None:
    place.write(many(1))
    for command in COMMANDS:
        assert ESCAPE not in place.envsync(*names_for(command), "--json", "--color", "always", FORCE_COLOR="1").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "\x1b[2Jname"),
        ("apply", "--\x1b[31m"),
        ("\x1b[31m",),
        ("apply", "--color", "\x1b[31m"),
        ("apply", "--jobs", "\x1b[31m"),
        ("apply", "--lock-timeout", "\x9b31m"),
        ("apply", "--file", "\x1b]0;owned\x07.toml"),
        ("apply", "--force-rebuild", "\u202e"),
    ],
)
def test_what_was_typed_is_told_back_only_escaped(place: Place, arguments: tuple[str, ...]) -> None:
    place.write(many(1))
    run = place.envsync(*arguments)
    assert run.status == 2
    assert_harmless(run.err + run.out)
    assert "error" in run.err


@pytest.mark.parametrize("command", COMMANDS)
def test_paths_with_escape_sequences_reach_no_terminal_raw(place: Place, python_of: PythonOf, command: str) -> None:
    root = place.root / "a\x1b]0;owned\x07\u202eb"
    (root / "not-a-venv" / "inner").mkdir(parents=True)
    (root / "link").symlink_to("\x1b[2Jgone\n")
    (root / "python").symlink_to(python_of("3.12"))
    place.root = root
    place.write(
        '[envs.e000]\npath = "sub"\npython = "./python"\nprompt = "p"\n'
        '[envs.f]\npath = "not-a-venv"\n[envs.g]\npath = "link"\npython = "./nothing"\n'
        '[envs.h]\npath = "sub/inner"\n[envs.i]\npath = "i"\nwait-for = "clone"\n'
    )
    names = ("e000", "f", "g", "h", "i") if command == "explain" else ()
    run = place.envsync(command, *names)
    assert run.status in {1, 2}
    assert_harmless(run.out + run.err)
    _, text = on_terminal(place, command, *names, NO_COLOR="1")
    assert_harmless(text)


def test_an_includes_name_with_escape_sequences_is_told_escaped(place: Place) -> None:
    (place.root / "work\x1b[31m.toml").write_text("nonsense = 1\n[envs\n")
    place.write('include = ["work*.toml"]\n')
    run = place.envsync("apply")
    assert run.status == 2
    assert_harmless(run.err)


def test_a_repository_in_a_strange_directory_can_be_applied(place: Place) -> None:
    root = place.root / 'it\'s $(touch pwned) \u00fc "q"'
    root.mkdir()
    place.root = root
    place.write('[envs.a]\npath = "my env"\ntarget = "x y"\n')
    assert place.apply()["a"]["outcome"] == "created"
    assert place.python("my env", "import sys; print(sys.prefix)") == str(root / "my env")
    assert place.apply()["a"]["outcome"] == "unchanged"
    code = '. "$1/bin/activate" && printf %s "$VIRTUAL_ENV"'
    done = subprocess.run(
        ["bash", "-c", code, "bash", str(root / "my env")], check=True, capture_output=True, text=True, cwd=root
    )
    assert done.stdout == str(root / "my env")
    assert not list(place.root.parent.rglob("pwned"))


@pytest.mark.parametrize("arguments", [("plan",), ("status",), ("plan", "--json"), ("plan", "--verbose"), ("apply",)])
def test_a_reader_that_has_seen_enough_gets_no_complaint(place: Place, arguments: tuple[str, ...]) -> None:
    count = 5 if arguments[0] == "apply" else 1000
    place.write(many(count))
    if arguments == ("apply",):
        place.apply()
        place.apply()
    main, end = os.pipe()
    os.close(main)  # the hardest case: nobody reads from the beginning
    done = subprocess.run(
        [sys.executable, "-m", "envsync", *arguments],
        check=False,
        cwd=place.root,
        env=place.variables,
        stdout=end,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(end)
    assert done.stderr == ""


def test_head_ends_a_long_output_without_noise(place: Place) -> None:
    place.write(many(1000))
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m envsync plan | head -1'],
        check=True,
        cwd=place.root,
        env=place.variables,
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def whole(directory: Path) -> bool:
    return (directory / "bin" / "python").exists() and (directory / "bin" / "activate").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_apply_leaves_whole_environments_and_the_next_one_finishes(place: Place, number: int) -> None:
    count = 80
    place.write(f'[defaults]\npython = "{sys.executable}"\n' + many(count))
    process = start(place, "apply", "--jobs", "1")
    deadline = time.monotonic() + 30
    while not (place.root / "e002").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    made = sorted(path.name for path in place.root.glob("e*") if path.is_dir())
    assert process.returncode in ({130} if number == signal.SIGINT else {130, 143, -number})
    assert "Traceback" not in out + err
    assert 3 <= len(made) < count
    assert all(whole(place.root / name) for name in made)
    if number == signal.SIGINT:
        assert "interrupted" in err
        assert list(place.root.glob(".envsync-*")) == []
    outcomes = {name: (entry["outcome"], entry["error"]) for name, entry in place.apply().items()}
    assert outcomes == {f"e{at:03}": ("unchanged" if f"e{at:03}" in made else "created", None) for at in range(count)}
    assert all(whole(place.root / name) for name in outcomes)
    assert list(place.root.glob("**/.envsync-*")) == []


def test_an_interruption_before_the_work_is_exit_status_130(place: Place) -> None:
    shim = place.root / "python"
    shim.write_text(f"#!/bin/sh\ntouch '{place.root}/asked'\nexec sleep 5\n")
    shim.chmod(0o755)
    place.write('[envs.a]\npath = "a"\npython = "./python"\n')
    process = start(place, "plan", "--json")
    deadline = time.monotonic() + 30
    while not (place.root / "asked").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not (place.root / "a").exists()


@pytest.mark.parametrize("words", ["check", "plan", "status", "apply", "plan --json"])
@pytest.mark.parametrize("stdout", [">/dev/full", ">&-"], ids=["full", "closed"])
def test_a_result_that_cannot_be_written_is_a_failure_with_a_message(place: Place, words: str, stdout: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    place.write(many(1))
    for _ in range(2):
        place.apply()  # then the unchanged are known to be
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -m envsync {words} {stdout}'],
        check=False,
        cwd=place.root,
        env=place.variables,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == (1 if stdout == ">/dev/full" else 0)
    assert (done.stderr != "") == (stdout == ">/dev/full")


def test_lines_fit_the_terminal_and_lose_nothing(place: Place) -> None:
    place.write(
        "".join(f'[envs.e{one}]\npath = "a/rather/long/path/to/a/project/{one}"\ntarget = "e{one}"\n' for one in "ab")
    )
    status, text = on_terminal(place, "plan", NO_COLOR="")
    bare = "".join(part if number % 2 == 0 else "" for number, part in enumerate(re.split("(\x1b\\[[0-9;]*m)", text)))
    assert status == 0
    assert all(len(line) <= 120 for line in bare.splitlines())
    assert bare.split() == place.envsync("plan").out.split()
