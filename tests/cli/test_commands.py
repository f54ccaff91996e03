"""The commands: names, options, exit statuses, and what goes where."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envsync import __version__
from envsync.cli import vocabulary
from envsync.cli.arguments import ALIASES
from envsync.cli.arguments import COMMANDS as ALL_COMMANDS
from harness.place import Place
from harness.processes import on_terminal

pytestmark = pytest.mark.sampled(3)

COMMANDS = ("apply", "plan", "check", "status", "explain")
THREE = "".join(f'[envs.{name}]\npath = "{name}"\n' for name in ("alpha", "beta", "gamma"))


def names_for(command: str) -> tuple[str, ...]:
    return (command, "alpha") if command == "explain" else (command,)


def conflicting(place: Place) -> None:
    (place.root / "alpha").write_text("a file")
    place.write(THREE)


def state_of(directory: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_ctime_ns for path in [directory, *directory.rglob("*")]}


@pytest.mark.parametrize("command", COMMANDS)
def test_only_the_named_environments_are_looked_at_in_the_order_of_the_manifest(place: Place, command: str) -> None:
    place.write(THREE)
    run = place.envsync(command, "--json", "gamma", "alpha")
    assert list(run.environments) == ["alpha", "gamma"]
    assert (place.root / "alpha").exists() == (command == "apply")
    assert not (place.root / "beta").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_name_is_wrong_usage_that_tells_the_nearest(place: Place, command: str) -> None:
    place.write(THREE)
    run = place.envsync(command, "alpha", "betta")
    assert (run.status, run.out) == (2, "")
    assert "betta" in run.err
    assert "beta?" in run.err
    assert not (place.root / "alpha").exists()


def test_an_unknown_name_without_a_near_one_lists_what_there_is(place: Place) -> None:
    place.write(THREE)
    run = place.envsync("apply", "zzz")
    assert run.status == 2
    assert "alpha, beta, gamma" in run.err


def test_a_name_to_rebuild_must_be_known_as_well(place: Place) -> None:
    place.write(THREE)
    run = place.envsync("apply", "--force-rebuild", "gama")
    assert (run.status, run.out) == (2, "")
    assert "gamma?" in run.err
    assert not (place.root / "alpha").exists()


def test_names_limit_an_apply_but_conflicts_with_others_are_seen(place: Place) -> None:
    place.write('[envs.a]\npath = "one"\n[envs.b]\npath = "one"\n')
    run = place.envsync("apply", "--json", "a")
    assert run.status == 1
    assert run.environments["a"]["conflict"]["code"] == "path-shared"


@pytest.mark.parametrize("words", ["plan", "apply --dry-run", "check", "status", "explain alpha"])
def test_commands_that_only_look_write_nothing(place: Place, words: str) -> None:
    place.write(THREE)
    before = state_of(place.root)
    place.envsync(*words.split())
    assert state_of(place.root) == before


def test_a_dry_run_says_what_plan_says(place: Place) -> None:
    place.write(THREE)
    plan, dry = place.envsync("plan"), place.envsync("apply", "--dry-run")
    assert (dry.status, dry.out, dry.err) == (plan.status, plan.out, plan.err)
    assert plan.status == 0
    assert "create" in plan.out


@pytest.mark.parametrize("jobs", ["1", "2", "64"])
def test_any_number_of_jobs_makes_the_same(place: Place, jobs: str) -> None:
    place.write(THREE)
    assert {one["outcome"] for one in place.apply("--jobs", jobs).values()} == {"created"}
    assert place.envsync("check").status == 0


def test_exit_statuses_of_a_life(place: Place) -> None:
    place.write(THREE)
    assert [place.envsync(*names_for(command)).status for command in ("plan", "status", "explain")] == [0, 0, 0]
    assert place.envsync("check").status == 3
    assert place.envsync("apply").status == 0
    assert [place.envsync(*names_for(command)).status for command in COMMANDS] == [0] * 5


@pytest.mark.parametrize("command", COMMANDS)
def test_a_conflict_is_exit_status_1_and_told_on_stdout(place: Place, command: str) -> None:
    conflicting(place)
    run = place.envsync(*names_for(command))
    assert run.status == 1
    assert "alpha" in run.out
    assert run.err == ""
    assert (place.root / "beta").exists() == (command == "apply")


def test_check_says_one_line(place: Place) -> None:
    place.write(THREE)
    assert (
        place.envsync("check").out
        == "3 of 3 environments not in sync: alpha (missing), beta (missing), gamma (missing)\n"
    )
    place.apply()
    assert place.envsync("check").out == "3 environments in sync\n"


def test_quiet_says_nothing_unless_something_is_wrong(place: Place) -> None:
    place.write(THREE)
    for _ in range(3):  # created, unchanged, unchanged and known to be
        run = place.envsync("apply", "--quiet")
        assert (run.status, run.out, run.err) == (0, "", "")
    conflicting_place = place.root / "delta"
    conflicting_place.write_text("a file")
    place.write(THREE + '[envs.delta]\npath = "delta"\n[envs.epsilon]\npath = "epsilon"\n')
    for words in (("plan",), ("apply", "--dry-run"), ("apply",), ("upgrade", "--dry-run"), ("upgrade",)):
        run = place.envsync(*words, "--quiet")
        shown = on_terminal(place, *words, "--quiet", NO_COLOR="1", columns=400)
        for status, text in ((run.status, run.out + run.err), shown):
            assert (status, len(text.splitlines())) == (1, 2), text
            assert text.startswith(f"! conflict   delta  {conflicting_place}")
    assert place.envsync("check", "--quiet").out.startswith("1 of 5 environments not in sync: delta")


def test_quiet_is_silent_for_every_command_that_is_not_asked_for_something(place: Place) -> None:
    place.write(THREE + '[envs.delta]\npath = "delta"\ntarget = "delta"\n')
    for words in (
        *("plan", "apply", "check", "plan alpha --force-rebuild alpha", "apply alpha --force-rebuild alpha --yes"),
        *("rollback alpha --dry-run", "rollback alpha", "upgrade", "prune", "prune --all", "prune --all --yes"),
        *("add other --path other", "remove other", "import .", "move delta", "trust", "untrust", "doctor"),
    ):
        command, *more = words.split()
        status, text = on_terminal(place, command, "--quiet", *more)
        assert (status, text) == (0, ""), words


def test_verbose_lists_the_unchanged_too(place: Place) -> None:
    place.write(THREE)
    place.apply()
    for _ in range(2):
        assert "alpha" not in place.envsync("apply").out
        assert "alpha" in place.envsync("apply", "--verbose").out
        assert "alpha" in place.envsync("plan", "--verbose").out


@pytest.mark.parametrize("arguments", [("--quiet", "--json", "plan"), ("plan", "--json", "--quiet")])
def test_options_for_all_stand_before_or_after_the_command(place: Place, arguments: tuple[str, ...]) -> None:
    place.write(THREE)
    run = place.envsync(*arguments)
    assert (run.status, run.document["command"]) == (0, "plan")


@pytest.mark.parametrize("before", [True, False])
def test_the_file_may_be_named_before_or_after_the_command(place: Place, before: bool) -> None:
    other = place.root / "elsewhere" / "mine.toml"
    other.parent.mkdir()
    other.write_text('version = 1\n[envs.x]\npath = "x"\n')
    option = ("--file", "elsewhere/mine.toml")
    run = place.envsync(*((*option, "plan", "--json") if before else ("plan", "--json", *option)))
    assert run.document["manifest"] == str(other)
    assert run.environments["x"]["path"] == str(other.parent / "x")


def test_an_option_before_the_command_is_not_undone_by_the_command(place: Place) -> None:
    place.write(THREE)
    assert "\x1b[" in place.envsync("--color", "always", "plan").out
    assert place.envsync("--lock-timeout", "5", "--no-cache", "--verbose", "apply").status == 0


def test_the_version_is_told(place: Place) -> None:
    for arguments in (("--version",), ("-V",), ("--version", "apply")):
        run = place.envsync(*arguments)
        assert (run.status, run.out, run.err) == (0, f"envsync {__version__}\n", "")


def test_help_is_a_result(place: Place) -> None:
    for arguments in (("--help",), *((command, "--help") for command in COMMANDS)):
        run = place.envsync(*arguments)
        assert (run.status, run.err) == (0, "")
        assert "usage: envsync" in run.out


def test_without_a_command_the_help_is_shown_and_it_fits_a_terminal(place: Place) -> None:
    run = place.envsync()
    assert (run.status, run.out, run.err) == (0, place.envsync("--help").out, "")
    assert max(map(len, run.out.splitlines())) <= 80
    assert place.envsync("help").out == run.out
    assert place.envsync("help", "check").out == place.envsync("check", "--help").out
    assert place.envsync("help", "ls").out == place.envsync("status", "--help").out


def test_every_command_stands_in_one_group_of_the_help() -> None:
    names = [name for _, group in vocabulary.GROUPS for name in group]
    known = {command.name for command in ALL_COMMANDS}
    assert len(names) == len(set(names))
    assert known <= set(names)
    assert not known & {*ALIASES, *vocabulary.ANSWERS}
    assert set(ALIASES.values()) <= known


@pytest.mark.parametrize(("word", "command"), ALIASES.items())
def test_other_tools_words_work_where_they_mean_the_same(place: Place, word: str, command: str) -> None:
    place.write(THREE)
    run = place.envsync("--json", word, "alpha")
    assert (run.status, run.document["command"]) == (0, command)


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("install", "under packages, then install it: envsync apply"),
        ("instal", "under packages, then install it: envsync apply"),
        ("create", "envsync add NAME"),
        ("lst", "Did you mean list?"),
        ("deactivate", "Where it was activated: deactivate. "),
    ],
)
def test_other_words_are_answered_with_the_command_that_does_it(place: Place, word: str, answer: str) -> None:
    run = place.envsync(word, "alpha")
    assert (run.status, run.out) == (2, "")
    assert answer in run.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--quiet",),
        ("aply",),
        ("apply", "--nonsense"),
        ("apply", "--jobs", "0"),
        ("apply", "--jobs", "many"),
        ("apply", "--jobs"),
        ("plan", "--jobs", "2"),
        ("apply", "--lock-timeout", "-1"),
        ("apply", "--lock-timeout", "nan"),
        ("apply", "--lock-timeout", "soon"),
        ("apply", "--color", "sometimes"),
        ("apply", "--verb"),
        ("explain",),
        ("--file",),
        ("apply", "--file", ""),
    ],
)
def test_wrong_usage_is_exit_status_2_with_a_message_on_stderr(place: Place, arguments: tuple[str, ...]) -> None:
    place.write(THREE)
    run = place.envsync(*arguments)
    assert (run.status, run.out) == (2, "")
    assert run.err.startswith("error: ")
    assert not (place.root / "alpha").exists()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("aply", "blog"), "Did you mean apply? See: envsync --help"),
        (("--json", "aply"), "Did you mean apply? See: envsync --help"),
        (("--file", "status", "stats"), "Did you mean status? See: envsync --help"),
        (("xyzzy",), "See: envsync --help"),
        (("--color", "red", "apply"), "See: envsync --help"),
        (("apply", "--color", "red"), "See: envsync apply --help"),
        (("apply", "--forse-rebuild", "a"), "Did you mean --force-rebuild? See: envsync apply --help"),
        (("add", "a", "--package", "b"), "Did you mean --packages? See: envsync add --help"),
        (("apply", "blog", "--bogus"), "See: envsync apply --help"),
        (("rollback", "a", "b"), "See: envsync rollback --help"),
    ],
)
def test_wrong_usage_names_the_help_to_read_and_the_command_that_was_meant(
    place: Place, arguments: tuple[str, ...], hint: str
) -> None:
    assert [error["hint"] for error in place.envsync(*arguments, "--json").document["errors"]] == [hint]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_manifest_that_is_missing_is_exit_status_2(place: Place, command: str) -> None:
    run = place.envsync(*names_for(command))
    assert (run.status, run.out) == (2, "")
    assert "envs.toml" in run.err
    run = place.envsync(*names_for(command), "--file", "gone.toml")
    assert (run.status, run.out) == (2, "")
    assert str(place.root / "gone.toml") in run.err


@pytest.mark.parametrize(
    "text", ["version = 1\n[envs.a\n", "version = 2\n", "[envs.a]\npath = 3\n", "\0", "version = 1\nnonsense = 1\n"]
)
def test_a_manifest_that_makes_no_sense_is_exit_status_2_with_its_place(place: Place, text: str) -> None:
    place.manifest.write_text(text)
    run = place.envsync("apply")
    assert (run.status, run.out) == (2, "")
    assert f"error: {place.manifest}" in run.err


def test_a_directory_in_the_manifests_place_is_exit_status_2(place: Place) -> None:
    place.manifest.mkdir()
    run = place.envsync("check")
    assert (run.status, run.out) == (2, "")
    assert str(place.manifest) in run.err


def test_a_manifest_that_breaks_after_an_apply_is_not_taken_for_the_last_good_one(place: Place) -> None:
    place.write(THREE)
    place.apply()
    place.apply()
    place.manifest.write_text("version = 1\n[envs.a\n")
    assert place.envsync("apply").status == 2
    assert place.envsync("check").status == 2


def test_no_environments_are_in_sync(place: Place) -> None:
    place.write("")
    for command in ("apply", "plan", "check", "status"):
        assert place.envsync(command).status == 0


def test_a_current_directory_that_is_gone_gets_a_message(place: Place) -> None:
    gone = place.root / "gone"
    gone.mkdir()
    code = "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.executable, [sys.executable, '-m', 'envsync', 'apply'])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=gone, env=place.variables, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "no longer exists" in done.stderr


def test_a_home_that_cannot_be_written_to_stops_no_look(place: Place) -> None:
    place.write(THREE)
    home = place.root / "home"
    home.write_text("no directory")
    for command in COMMANDS[1:]:
        run = place.envsync(*names_for(command), "--file", str(place.manifest), HOME=str(home))
        assert run.status in {0, 3}, (command, run.err)
    assert os.listdir(place.root) != []
