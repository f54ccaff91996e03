"""The command ``completion``, and the names that its scripts ask for."""

import os
import subprocess
import sys
from importlib import import_module

import pytest

from envsync.cli.arguments import COMMANDS, EVERYWHERE
from envsync.cli.shells import bash
from envsync.manifest import load
from envsync.manifest.names import names
from harness.place import Place

HEAVY = ("pydantic", "argparse", "dataclasses", "packaging", "virtualenv", "rich", "platformdirs")


def told(place: Place, *options: str) -> list[str]:
    run = place.envsync("completion", "--names", *options)
    assert (run.status, run.err) == (0, "")
    return run.out.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed_for_each_shell_without_a_manifest(place: Place, shell: str) -> None:
    run = place.envsync("completion", shell)
    assert (run.status, run.err) == (0, "")
    assert run.out == import_module(f"envsync.cli.shells.{shell}").script()


def test_a_script_stands_in_the_json_document(place: Place) -> None:
    document = place.envsync("completion", "bash", "--json").document
    assert (document["command"], document["manifest"], document["status"]) == ("completion", None, "in-sync")
    assert document["completion"] == {"shell": "bash", "script": bash.script()}


def test_another_shell_is_wrong_usage(place: Place) -> None:
    run = place.envsync("completion", "tcsh")
    assert (run.status, run.out) == (2, "")
    assert "bash" in run.err


def test_an_option_takes_a_value_in_all_commands_or_in_none() -> None:
    takes: dict[str, set[bool]] = {}
    for argument in (*EVERYWHERE, *(one for command in COMMANDS for one in command.arguments)):
        for name in argument.names:
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
    assert told(place) == ["b", "a", "c", "d", "büro"]
    place.variables["PLAIN"] = "plain.toml"
    assert set(told(place)) == {"b", "a", "c", "d", "büro", "f"}


def test_the_manifest_is_found_as_every_command_finds_it(place: Place) -> None:
    place.write('[envs.here]\npath = "a"\n')
    (place.root / "o ther.toml").write_text('[envs.other]\npath = "a"\n')
    home = place.root.parent / "home"
    home.mkdir()
    (home / "own.toml").write_text('[envs.own]\npath = "a"\n')
    place.variables["HOME"] = str(home)
    assert told(place) == ["here"]
    assert told(place, "--file=o ther.toml") == ["other"]
    assert told(place, "--file=~/own.toml") == ["own"]
    assert told(place, "--file=$HOME/own.toml") == ["own"]
    place.variables["ENVSYNC_FILE"] = str(home / "own.toml")
    assert told(place) == ["own"]


def test_what_is_wrong_is_left_out_and_nothing_is_said(place: Place) -> None:
    assert told(place) == []
    assert told(place, "--file=gone.toml") == told(place, "--file=.") == told(place, "--file=") == []
    os.mkfifo(place.root / "fifo")
    assert told(place, "--file=fifo") == told(place, "--file=/dev/zero") == []
    for text in (b"[envs.a\n", b"\xff", b"envs = 1\n", b"envs = [1]\n", b'envs = "\xc3\xa4"\n', b"a = " + b"[" * 9999):
        place.manifest.write_bytes(text)
        assert told(place) in ([], ["ä"])
    place.write('include = ["fifo", ".", 3]\n[envs.a]\npath = 3\n[pythons.x]\n')
    assert told(place) == ["a"]


def test_what_could_not_be_typed_or_would_be_an_option_is_left_out(place: Place) -> None:
    place.write(
        "".join(f'[envs."{name}"]\n' for name in ("a\\nb", "\\u001b[0m", "", "--yes", "a b", "$(x)", "\\u00a0"))
    )
    assert told(place) == ["a b", "$(x)"]


def test_names_are_bounded_in_number_size_and_time(place: Place) -> None:
    place.write("".join(f"[envs.e{number}]\n" for number in range(2000)))
    assert len(told(place)) == 1000
    place.manifest.write_text(f"[envs.a]\n#{'x' * (1 << 20)}\n")
    assert told(place) == []
    place.manifest.write_text(f"{'a.' * 200_000}b = 1\n")  # would take hours
    assert told(place) == []
    place.manifest.write_text('include = ["*.toml"]\n')
    for number in range(200):
        (place.root / f"{number}.toml").write_text(f"[envs.e{number}]\n")
    assert 50 < len(told(place)) <= 100


def test_names_are_told_without_what_the_other_commands_load(place: Place) -> None:
    place.write('include = ["*.d"]\n[envs.a]\npath = "a"\n')
    code = f"""
import sys
sys.argv = ["envsync", "completion", "--names"]
from envsync.__main__ import main
assert main() == 0
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=place.root, env=place.variables, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\n[]\n", "")


def test_names_agree_with_what_the_manifest_means(place: Place) -> None:
    place.write('include = ["d/*.toml"]\n[envs.a]\npath = "a"\n[envs."b:c"]\npath = "b"\n')
    (place.root / "d").mkdir()
    (place.root / "d" / "x.toml").write_text('[envs.x]\npath = "x"\nplatforms = ["darwin", "linux"]\n')
    meant = [environment.name for environment in load(str(place.manifest)).environments]
    assert names(str(place.manifest)) == meant == ["a", "b:c", "x"]
