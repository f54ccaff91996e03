"""Doctor with an interpreter named: what depends on it, and what would become of each environment without it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.place import Place

PythonOf = Callable[[str], str]
pytest_plugins = ["harness.relocatable"]
MINORS = ("3.10", "3.12", "3.13")


@pytest.fixture
def versions(place: Place, python_of: PythonOf) -> Path:
    """Return a pyenv with three minor versions, of which one has a stable link, and environments for them."""
    directory = place.root / "pyenv" / "versions"
    directory.mkdir(parents=True)
    for minor in MINORS:
        tree = os.path.dirname(os.path.dirname(python_of(minor)))
        (directory / os.path.basename(tree)).symlink_to(tree)
        if minor == "3.12":
            (directory / minor).symlink_to(os.path.basename(tree))
    place.variables |= {"PYENV_ROOT": str(directory.parent), "PATH": "/nowhere"}
    place.write(
        f'[pythons]\nmain = "{directory}/3.12/bin/python"\n'
        '[envs.path]\npath = "a"\npython = "main"\n'
        '[envs.exact]\npath = "b"\npython = "3.12"\n'
        '[envs.wide]\npath = "c"\npython = ">=3.10,<3.13,!=3.11.*"\n'
        '[envs.held]\npath = "d"\npython = ">=3.10,<3.13,!=3.11.*"\nrequires-python = ">=3.11"\n'
        '[envs.other]\npath = "e"\npython = "3.13"\n'
        '[envs.inner]\npath = "f"\npython = "a/bin/python"\n'
    )
    place.apply()
    return directory


def fates(place: Place, python: str) -> dict[str, dict[str, Any]]:
    run = place.envsync("doctor", python, "--json")
    assert run.status == 0, run.out + run.err
    return {one["environment"]: one for one in run.document["dependents"]}


def effects(place: Place, python: str) -> dict[str, str]:
    return {name: one["effect"] for name, one in fates(place, python).items()}


EXPECTED = {
    "path": "conflict",
    "exact": "conflict",
    "wide": "rebuilds",
    "held": "conflict",
    "other": "untouched",
    "inner": "conflict",
}


def test_each_environment_is_told_with_its_link_and_what_becomes_of_it(place: Place, versions: Path) -> None:
    found = fates(place, "3.12")
    assert {name: one["effect"] for name, one in found.items()} == EXPECTED
    stable = f"{versions}/3.12/bin/python"
    assert {one["link"] for name, one in found.items() if name != "other"} == {stable}
    assert "interpreter-missing" in found["path"]["message"]
    assert "interpreter-missing" in found["exact"]["message"]
    assert "interpreter-held" in found["held"]["message"]
    assert found["wide"]["next_link"].startswith(f"{versions}/3.10.")
    assert found["wide"]["next_link"] in found["wide"]["message"]
    assert found["path"]["next_link"] is None


def test_it_may_be_named_by_any_path_to_it_or_by_its_tree(place: Place, versions: Path, python_of: PythonOf) -> None:
    tree = os.path.realpath(os.path.dirname(os.path.dirname(python_of("3.12"))))
    (place.root / "my own").symlink_to(f"{versions}/3.12/bin/python3")
    names = ("main", "./my own", "./a/bin/python", tree, f"{versions}/3.12/")
    for name in names:
        assert effects(place, name) == EXPECTED, name


def test_nothing_is_changed_and_all_is_in_sync_still(place: Place, versions: Path) -> None:
    before = {path: path.lstat().st_ctime_ns for path in place.root.rglob("*")}
    fates(place, f"{versions}/3.12/bin/python")
    assert {path: path.lstat().st_ctime_ns for path in place.root.rglob("*")} == before
    assert place.envsync("check").status == 0


def test_another_patch_release_takes_over_without_a_rebuild(place: Place, relocatable: tuple[Path, Path]) -> None:
    directory = place.root / "pyenv" / "versions"
    directory.mkdir(parents=True)
    for name, tree in zip(("3.12.98", "3.12.97"), relocatable, strict=True):
        (directory / name).symlink_to(tree)
    place.variables |= {"PYENV_ROOT": str(directory.parent), "PATH": "/nowhere"}
    place.write('[envs.a]\npath = "a"\npython = "3.12"\n')
    place.apply()
    fate = fates(place, str(relocatable[0]))["a"]
    links = (f"{directory}/3.12.98/bin/python", f"{directory}/3.12.97/bin/python")
    assert (fate["effect"], fate["link"], fate["next_link"]) == ("moves", *links)


def test_a_script_in_front_of_an_interpreter_may_go_as_well(place: Place, python_of: PythonOf) -> None:
    script = place.root / "tools" / "python"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {python_of("3.12")} "$@"\n')
    script.chmod(0o755)
    (place.root / "py").symlink_to(script)
    place.write(f'[envs.a]\npath = "a"\npython = "./py"\n[envs.b]\npath = "b"\npython = "{python_of("3.12")}"\n')
    assert effects(place, str(script.parent)) == {"a": "conflict", "b": "untouched"}
    assert effects(place, "./py") == {"a": "conflict", "b": "conflict"}  # it means the interpreter that it runs


def test_lines_tell_first_what_hangs_on_it(place: Place, versions: Path, python_of: PythonOf) -> None:
    out = place.envsync("doctor", "3.13").out.splitlines()
    real = os.path.realpath(python_of("3.13"))
    assert out[0].startswith(f"3.13 is {versions}/3.13.")
    assert out[0].endswith(f" at {real}")
    assert out[1] == "without it:"
    assert out[2].startswith(f"conflict   other, through {versions}/3.13.")
    assert out[3] == "untouched  path, exact, wide and 2 more (-v lists them)"
    assert len(out) == 4
    assert place.envsync("doctor", "3.13", "-v").out.endswith("untouched  path, exact, wide, held, inner\n")
    assert place.envsync("doctor", "3.10").out.splitlines()[1] == "no environment depends on it"


def test_environments_that_share_a_fate_share_a_line(place: Place) -> None:
    place.write("".join(f'[envs.e{n}]\npath = "e{n}"\npython = "./py"\n' for n in range(5)))
    (place.root / "py").symlink_to("gone")
    (line,) = [line for line in place.envsync("doctor", "./py").out.splitlines() if "conflict" in line]
    assert line.startswith(f"conflict   5 environments, through {place.root}/py: interpreter-missing: ")
    assert line.endswith(": e0, e1, e2 and 2 more (-v lists them)")


def test_the_name_of_a_command_is_the_one_that_the_shell_finds(place: Place, python_of: PythonOf) -> None:
    commands = place.root / "commands"
    commands.mkdir()
    (commands / "python3").symlink_to(python_of("3.10"))
    place.write(f'[envs.a]\npath = "a"\npython = "{python_of("3.10")}"\n')
    run = place.envsync("doctor", "python3", PATH=str(commands))
    first = run.out.splitlines()[0]
    assert first.startswith(f"python3 is {commands}/python3, cpython 3.10.")
    assert place.envsync("doctor", "python3", "--json", PATH=str(commands)).document["understood"] == first


def test_an_interpreter_that_is_gone_already_has_dependents_still(place: Place) -> None:
    (place.root / "py").symlink_to("gone")
    place.write('[envs.a]\npath = "a"\npython = "./py"\n[envs.b]\npath = "b"\npython = "./other"\n')
    assert effects(place, "./py") == effects(place, "./gone") == {"a": "conflict", "b": "untouched"}


def test_what_names_no_interpreter_is_wrong_usage(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    for text in ("3.99", "nonsense", "./a\x1b[31m"):
        run = place.envsync("doctor", text)
        assert (run.status, run.out) == (2, "")
        assert all(one.isprintable() or one == "\n" for one in run.err)
