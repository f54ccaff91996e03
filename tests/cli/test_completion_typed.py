"""Completion as it is used: a real shell, a line typed into it, a tab; what envsync is then called with."""

import json
from pathlib import Path

import pytest

from envsync.cli.completion import script
from harness.place import Place
from harness.shells import SHELLS, type_into

pytestmark = pytest.mark.sampled(4)

NAMES = (
    *("0a.b", "1it's", '2quo"te', "3$HOME", "4$(>pwned)`>pwned`", "5back\\slash", "6büro-名前", "7c:d=e@f"),
    *("8*?[x]{a,b}", "9;&|<>()#~", "aex!cl", "b'", 'c"', "d$", "e\\", "f`"),
)


SPLIT_BY_TCSH = frozenset("{")
"""tcsh takes what it is offered apart at braces, quoted or not."""


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def declare(place: Place, *names: str, file: str = "envs.toml") -> None:
    entries = "".join(f'[envs.{json.dumps(name, ensure_ascii=False)}]\npath = "p"\n' for name in names)
    place.write("")
    (place.root / file).write_text(f"version = 1\n{entries}", encoding="utf-8")


def words(arguments: list[str]) -> list[str]:
    """Return arguments with each ``--option=value`` as two."""
    return [word for one in arguments for word in (one.split("=", 1) if one.startswith("--") else [one])]


def assert_typed(place: Place, shell: str, expected: dict[str, str]) -> None:
    typed = type_into(place, shell, expected)
    assert [words(arguments) for arguments in typed] == [line.split(" ") for line in expected.values()]


def test_commands_options_and_choices_are_completed(place: Place, shell: str) -> None:
    declare(place, "blog", "api")
    expected = {
        "envsync app\t": "apply",
        "envsync --no-c\tst\t": "--no-cache status",
        "envsync apply --dry\tbl\t": "apply --dry-run blog",
        "envsync apply bl\tap\t": "apply blog api",
        "envsync apply --force\tap\tbl\t": "apply --force-rebuild api blog",
        "envsync apply --color al\tbl\t": "apply --color always blog",
        "envsync apply --color=al\tbl\t": "apply --color always blog",
        "envsync watch --lock-timeout 3 --se\t4 bl\t": "watch --lock-timeout 3 --settle 4 blog",
        "envsync service un\t": "service uninstall",
        "envsync completion fi\t": "completion fish",
        "true; envsync apply bl\t": "apply blog",
        "true && envsync --file envs.toml apply ap\t": "--file envs.toml apply api",
    }
    assert_typed(place, shell, expected)


def test_what_does_not_belong_there_is_not_completed(place: Place, shell: str) -> None:
    declare(place, "blog")
    (place.root / "folder").mkdir()
    expected = {
        "envsync apply fol\t": "apply fol",
        "envsync apply app\t": "apply app",
        "envsync plan --dry\t": "plan --dry",
        "envsync rollback blog bl\t": "rollback blog bl",
        "envsync add bl\t": "add bl",
        "envsync apply --jobs bl\t": "apply --jobs bl",
        "envsync service install un\t": "service install un",
        "envsync --file app\t": "--file app",
    }
    assert_typed(place, shell, expected)


def test_files_are_completed_where_a_file_belongs(place: Place, shell: str) -> None:
    declare(place, "blog")
    (place.root / "more").mkdir()
    declare(place, "other", file="more/my envs.toml")
    declare(place, "third", file="more/second.toml")
    (Path.home() / "down load").mkdir()
    (Path.home() / "plain").mkdir()
    expected = {
        "envsync apply --file more/sec\tth\t": ["apply", "--file", "more/second.toml", "third"],
        "envsync apply --file=more/sec\tth\t": ["apply", "--file", "more/second.toml", "third"],
        "envsync --file more/my\tapply ot\t": ["--file", "more/my envs.toml", "apply", "other"],
        "envsync apply --file 'more/my envs.toml' ot\t": ["apply", "--file", "more/my envs.toml", "other"],
        'envsync apply --file "more/my envs.toml" ot\t': ["apply", "--file", "more/my envs.toml", "other"],
        "envsync apply --file more/my\\ envs.toml ot\t": ["apply", "--file", "more/my envs.toml", "other"],
        "envsync apply --file $PWD/more/second.toml th\t": [
            "apply",
            "--file",
            f"{place.root}/more/second.toml",
            "third",
        ],
        "envsync import ~/do\t": ["import", f"{place.variables['HOME']}/down load"],
        "envsync import ~/pl\t": ["import", f"{place.variables['HOME']}/plain"],
        "envsync import mo\t": ["import", "more"],
        "envsync run blog -- cat more/sec\t": ["run", "blog", "--", "cat", "more/second.toml"],
    }
    if shell == "tcsh":
        expected = {line: called for line, called in expected.items() if not any(" " in word for word in called)}
        expected["envsync --file more/my\t"] = ["--file", "more/my envs.toml"]
    typed = [[word.rstrip("/") for word in words(arguments)] for arguments in type_into(place, shell, expected)]
    assert typed == list(expected.values())


def test_a_name_with_signs_that_the_shell_knows_arrives_as_it_is(place: Place, shell: str) -> None:
    # No shell can write an exclamation mark in double quotes.
    typed = [(quote, name) for quote in ("", '"', "'") for name in NAMES if quote != '"' or "!" not in name]
    if shell == "tcsh":
        typed = [(quote, name) for quote, name in typed if not set(name) & SPLIT_BY_TCSH]
    declare(place, *NAMES)
    called = type_into(place, shell, [f"envsync apply {quote}{name[0]}\t" for quote, name in typed])
    assert called == [["apply", name] for _, name in typed]
    assert not (place.root / "pwned").exists()


def test_the_script_works_as_a_file_that_zsh_loads_when_it_is_needed(place: Place) -> None:
    declare(place, "blog", "api")
    functions = place.root.parent / "functions"
    functions.mkdir()
    (functions / "_envsync").write_text(script("zsh"))
    place.variables["FPATH_FIRST"] = str(functions)
    typed = type_into(place, "zsh", ["envsync apply bl\tap\t", "envsync app\t"], by="fpath=($FPATH_FIRST $fpath)")
    assert typed == [["apply", "blog", "api"], ["apply"]]


def test_a_name_that_the_line_has_by_a_path_is_completed_by_the_envsync_of_path(place: Place) -> None:
    declare(place, "blog")
    (place.root / "envsync").write_text("#!/bin/sh\ntouch pwned\n")
    (place.root / "envsync").chmod(0o755)
    type_into(place, "bash", ["./envsync apply bl\t\x15"])
    assert not (place.root / "pwned").exists()


def test_a_name_that_would_begin_a_comment_or_be_a_home_arrives_as_it_is(place: Place, shell: str) -> None:
    names = ["#h", "=d", ":b=c"]
    if shell != "tcsh":  # it knows of no quoted ~ when it completes
        names.append("~root")
    declare(place, *names)
    assert type_into(place, shell, [f"envsync apply \\{name[0]}\t" for name in names]) == [
        ["apply", name] for name in names
    ]
