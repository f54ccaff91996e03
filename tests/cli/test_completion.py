"""The command ``completion``, and what is answered when its scripts ask."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from envsync.cli.arguments import COMMANDS, EVERYWHERE, SHELLS
from envsync.cli.completion import script
from envsync.manifest import load
from envsync.manifest.names import names
from harness.place import Place

HEAVY = {"pydantic", "dataclasses", "packaging", "virtualenv", "rich", "platformdirs", "tomlkit", "json"}
MAIN = "import sys; from envsync.__main__ import main; sys.exit(main())"


def answer(place: Place, line: str, *options: str, point: int | None = None, **variables: Any) -> tuple[int, str, str]:
    """Return the exit status, the output and the errors of envsync when a script asks what may stand behind a line."""
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SHELL": "fish",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line) if point is None else point),
    }
    done = subprocess.run(
        [sys.executable, *options, "-c", MAIN],
        check=False,
        cwd=place.root,
        env=place.variables | asked | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def offered(place: Place, line: str, **variables: Any) -> list[str]:
    status, output, errors = answer(place, line, **variables)
    assert (status, errors) == (0, "")
    return output.splitlines()


def reported(place: Place, file: str | None = None) -> list[str]:
    """Return the names that are offered for environments."""
    return offered(place, "envsync apply " if file is None else f"envsync --file '{file}' apply ")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_printed_for_each_shell_without_a_manifest(place: Place, shell: str) -> None:
    run = place.envsync("completion", shell)
    assert (run.status, run.err) == (0, "")
    assert run.out == script(shell)
    assert "_ARGCOMPLETE" in run.out


def test_a_script_stands_in_the_json_document(place: Place) -> None:
    document = place.envsync("completion", "bash", "--json").document
    assert (document["command"], document["manifest"], document["status"]) == ("completion", None, "in-sync")
    assert document["completion"] == {"shell": "bash", "script": script("bash")}


def test_another_shell_is_wrong_usage(place: Place) -> None:
    run = place.envsync("completion", "ksh")
    assert (run.status, run.out) == (2, "")
    assert "bash" in run.err


def test_powershell_asks_the_envsync_of_path_by_a_file_of_its_own() -> None:
    text = script("powershell")
    assert "Register-ArgumentCompleter -Native -CommandName envsync -ScriptBlock {" in text
    assert "\n    envsync 2>&1 | Out-Null\n" in text
    assert "_ARGCOMPLETE_STDOUT_FILENAME" in text
    assert "Remove-Item" in text


def test_what_powershell_asks_is_answered(place: Place) -> None:
    place.write('[envs.blog]\npath = "a"\n[envs."a;b"]\npath = "b"\n')
    as_asked = {"_ARGCOMPLETE_SHELL": "powershell", "_ARGCOMPLETE_SUPPRESS_SPACE": "0"}
    # The line that it passes ends with the last word; only the cursor's place shows the blank behind it.
    assert answer(place, "envsync apply", point=14, **as_asked) == (0, "blog\na`;b", "")
    assert offered(place, "envsync apply bl", **as_asked) == ["blog "]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_runs_no_envsync_but_that_of_path(shell: str) -> None:
    asks = {
        "bash": 'local script="envsync"',
        "zsh": 'local script="envsync"',
        "fish": "\n        envsync 8>&1",
        "tcsh": '="$COMMAND_LINE" envsync`',
        "powershell": "\n    envsync 2>&1",
    }
    assert asks[shell] in script(shell)


def test_an_option_takes_a_value_in_all_commands_or_in_none() -> None:
    takes: dict[str, set[bool]] = {}
    for argument in (*EVERYWHERE, *(one for command in COMMANDS for one in command.arguments)):
        for name in {*argument.names} - {"--python"}:  # `add` takes one, `which` prints it
            takes.setdefault(name, set()).add(argument.settings.get("action") != "store_true")
    assert [name for name, answers in takes.items() if len(answers) > 1] == []


def test_names_are_those_that_the_manifest_and_its_includes_declare(place: Place) -> None:
    more = place.root / "more"
    more.mkdir()
    place.write('include = ["more/*.toml", "${PLAIN}", "gone.toml"]\n[envs.b]\npath = "b"\n[envs.a]\npath = "a"\n')
    (more / "one.toml").write_text('include = ["inner/deep.toml"]\n[envs]\nc.path = "c"\n"d" = {path = "d"}\n')
    (more / "inner").mkdir()
    (more / "inner" / "deep.toml").write_text('\ufeff[envs."büro"]\r\npath = "e"\r\n', encoding="utf-8", newline="")
    (place.root / "plain.toml").write_text('include = ["envs.toml", "plain.toml"]\n[envs.f]\npath = "f"\n')
    assert reported(place) == ["b", "a", "c", "d", "büro"]
    place.variables["PLAIN"] = "plain.toml"
    assert set(reported(place)) == {"b", "a", "c", "d", "büro", "f"}


def test_the_manifest_is_found_as_every_command_finds_it(place: Place) -> None:
    place.write('[envs.here]\npath = "a"\n')
    (place.root / "o ther.toml").write_text('[envs.other]\npath = "a"\n')
    home = place.root.parent / "home"
    home.mkdir()
    (home / "own.toml").write_text('[envs.own]\npath = "a"\n')
    place.variables["HOME"] = str(home)
    assert reported(place) == ["here"]
    assert reported(place, "o ther.toml") == ["other"]
    assert reported(place, "~/own.toml") == ["own"]
    assert reported(place, "$HOME/own.toml") == ["own"]
    place.variables["ENVSYNC_FILE"] = str(home / "own.toml")
    assert reported(place) == ["own"]


def test_what_is_wrong_is_left_out_and_nothing_is_said(place: Place) -> None:
    assert reported(place) == []
    assert reported(place, "gone.toml") == reported(place, ".") == reported(place, "") == []
    os.mkfifo(place.root / "fifo")
    assert reported(place, "fifo") == reported(place, "/dev/zero") == []
    for text in (b"[envs.a\n", b"\xff", b"envs = 1\n", b"envs = [1]\n", b'envs = "\xc3\xa4"\n', b"a = " + b"[" * 9999):
        place.manifest.write_bytes(text)
        assert reported(place) in ([], ["ä"])
    place.write('include = ["fifo", ".", 3]\n[envs.a]\npath = 3\n[pythons.x]\n')
    assert reported(place) == ["a"]


def test_what_is_no_name_of_an_environment_is_left_out(place: Place) -> None:
    place.write(
        "".join(
            f'[envs."{name}"]\n' for name in ("a\\nb", "\\u001b[0m", "", "--yes", "a b", "$(x)", ".c", "d/e", "\\u00a0")
        )
    )
    assert reported(place) == ["$(x)"]


def test_names_are_bounded_in_number_size_and_time(place: Place) -> None:
    place.write("".join(f"[envs.e{number}]\n" for number in range(2000)))
    assert len(reported(place)) == 1000
    place.manifest.write_text(f"[envs.a]\n#{'x' * (1 << 20)}\n")
    assert reported(place) == []
    place.manifest.write_text(f"{'a.' * 200_000}b = 1\n")  # would take hours
    assert reported(place) == []
    place.manifest.write_text('include = ["*.toml"]\n')
    for number in range(200):
        (place.root / f"{number}.toml").write_text(f"[envs.e{number}]\n")
    assert 50 < len(reported(place)) <= 100


@pytest.mark.parametrize(
    "line",
    ["envsync ", "envsync apply ", "envsync apply --", "envsync --color=", "envsync run a -- ", "envsync run a ls "],
)
def test_an_answer_loads_nothing_that_only_commands_need(place: Place, line: str) -> None:
    place.write('include = ["*.d"]\n[envs.a]\npath = "a"\n')
    status, output, errors = answer(place, line, "-X", "importtime")
    loaded = {one.rpartition("|")[2].strip() for one in errors.splitlines() if one.startswith("import time:")}
    assert (status, output != "", loaded & HEAVY) == (0, True, set())
    ours = {name for name in loaded if name.startswith("envsync.cli.")}
    wanted = {f"envsync.cli.{name}" for name in ("completer", "options", "arguments", "grammar")}
    assert ours - {"envsync.cli.startup"} == wanted


def test_whatever_a_line_holds_nothing_is_reported(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    for line in (
        "",
        "envsync",
        "envsync apply 'a",
        'envsync apply "',
        "envsync apply \\",
        "envsync nothing ",
        "ls a",
        "\t;",
    ):
        assert answer(place, line)[2] == ""
    for name, value in (("COMP_POINT", "x"), ("_ARGCOMPLETE_IFS", "ab"), ("_ARGCOMPLETE_STDOUT_FILENAME", "/no/where")):
        assert answer(place, "envsync apply ", **dict[str, Any]({name: value}))[2] == ""


def test_a_variable_that_was_left_behind_keeps_no_command_from_running(place: Place) -> None:
    place.write("")
    assert place.envsync("status", _ARGCOMPLETE="1").out == place.envsync("status").out != ""


def test_the_command_is_the_one_in_which_the_cursor_stands(place: Place) -> None:
    place.write('[envs.blog]\npath = "a"\n')
    lines = ("cd 'a;b' && envsync apply ", "X='1 2' envsync apply ", "sudo envsync apply ", "echo $(envsync apply ")
    assert [offered(place, line) for line in (*lines, "/opt/envsync apply ", "ls | envsync apply b")] == [["blog"]] * 6
    assert answer(place, "envsync apply  --json x", point=14)[1] == "blog"
    place.manifest.rename(place.root / "büro.toml")
    line = "envsync --file büro.toml apply "
    assert answer(place, line, point=len(line.encode()))[1] == "blog"  # as bash 3.2 counts


def test_nothing_behind_two_dashes_is_an_option(place: Place) -> None:
    place.write('[envs.blog]\npath = "a"\n')
    (place.root / "more").mkdir()
    assert offered(place, "envsync apply --json -- ") == ["blog"]
    assert offered(place, "envsync apply -- -") == offered(place, "envsync run blog -- ls --") == []
    assert offered(place, "envsync run blog -- ls mo") == ["more/"]


def test_an_option_may_be_given_again_and_names_too(place: Place) -> None:
    place.write('[envs.blog]\npath = "a"\n[envs.api]\npath = "b"\n')
    assert offered(place, "envsync apply --force-rebuild blog --force-rebuild ") == ["blog", "api"]
    assert offered(place, "envsync apply blog --json --force-rebuild=a") == ["--force-rebuild=api"]
    assert offered(place, "envsync apply --deep blog ") == ["blog", "api"]


def test_files_that_no_shell_could_take_as_they_are_offered_are_left_out(place: Place) -> None:
    for name in ("a\nb", "a\x1bc", ".hidden", "ab"):
        (place.root / name).touch()
    assert offered(place, "envsync --file a") == ["ab"]
    assert offered(place, "envsync --file $PWD/a", PWD=str(place.root)) == [f"{place.root}/ab"]
    (place.root / "abyss").symlink_to("abyss")
    assert offered(place, "envsync --file aby") == ["abyss"]
    assert offered(place, "envsync --file .h") == [".hidden"]
    assert answer(place, "envsync --file /no/where/")[1:] == ("", "")
    Path(os.fsdecode(os.fsencode(place.root) + b"/a\xff")).touch()
    assert offered(place, "envsync --file=a") == ["--file=ab", "--file=abyss"]


def test_completing_neither_asks_nor_writes_where_the_manifest_is_a_strangers(place: Place) -> None:
    place.manifest.write_text('[envs."$(>pwned)"]\npath = "a"\npython = "./pwn"\n')
    before = sorted(Path(place.root.parent).rglob("*"))
    assert reported(place) == ["$(>pwned)"]
    assert sorted(Path(place.root.parent).rglob("*")) == before


def test_names_agree_with_what_the_manifest_means(place: Place) -> None:
    place.write('include = ["d/*.toml"]\n[envs.a]\npath = "a"\n[envs."b:c"]\npath = "b"\n')
    (place.root / "d").mkdir()
    (place.root / "d" / "x.toml").write_text('[envs.x]\npath = "x"\nplatforms = ["darwin", "linux"]\n')
    meant = [environment.name for environment in load(str(place.manifest)).environments]
    assert names(str(place.manifest)) == meant == ["a", "b:c", "x"]


def test_where_a_name_stands_a_path_may_be_completed(place: Place) -> None:
    place.write('[envs.blog]\npath = "a"\n')
    (place.root / "src/blog").mkdir(parents=True)
    (place.root / "src/file").touch()
    assert offered(place, "envsync apply ./src/") == ["./src/blog/"]
    assert offered(place, "envsync which b") == offered(place, "envsync activate ") == ["blog"]
    assert offered(place, "envsync remove blog ") == ["blog"]
    assert offered(place, "envsync hook ") == ["bash", "zsh", "fish"]


def test_behind_a_command_that_is_run_options_are_its_own(place: Place) -> None:
    place.write('[envs.blog]\npath = "a"\n')
    assert offered(place, "envsync run --js") == ["--json"]
    assert answer(place, "envsync run blog pytest --js")[1] == ""
