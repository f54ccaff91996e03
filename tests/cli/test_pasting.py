"""Commands in hints name the manifest that `--file` named, quoted for a shell, in lines and in documents."""

import shlex
import subprocess

import pytest

from envsync.cli.options import Options
from envsync.cli.pasting import pasted, pasted_in
from harness.place import Place
from harness.processes import on_terminal

FILE = "it's mine.toml"
OPTION = f"--file {shlex.quote(FILE)}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("See: envsync plan", f"See: envsync plan {OPTION}"),
        ("envsync apply --deep 'a b'.", f"envsync apply {OPTION} --deep 'a b'."),
        ("Next: envsync plan, then envsync apply", f"Next: envsync plan {OPTION}, then envsync apply {OPTION}"),
        ("see `envsync prune`", f"see `envsync prune {OPTION}`"),
        ("to undo: envsync untrust", f"to undo: envsync untrust {OPTION}"),
        ("\x1b[2mmore:\x1b[0m envsync explain a", f"\x1b[2mmore:\x1b[0m envsync explain {OPTION} a"),
        *((text, text) for text in ("envsync trust /x", "envsync trust ~/x", "See: envsync apply --help")),
        *((text, text) for text in ("envsync init --file PATH", "/bin/envsync apply", "envsync planned it", "apply")),
    ],
)
def test_a_command_gets_the_option_where_it_names_no_manifest(line: str, expected: str) -> None:
    assert [*pasted([line], Options("plan", file=FILE))] == [expected]
    assert [*pasted([line], Options("plan"))] == [line]


def test_a_name_that_looks_like_an_option_is_joined_to_it() -> None:
    assert [*pasted(["envsync plan"], Options("plan", file="-x"))] == ["envsync plan --file=-x"]


def test_documents_have_it_in_hints_and_remedies() -> None:
    document = {
        "manifest": "envsync plan",
        "environments": [{"conflict": {"hint": "envsync move a", "remedy": [["envsync", "move", "a"], ["mv", "a"]]}}],
    }
    conflict = {"hint": f"envsync move {OPTION} a", "remedy": [["envsync", "move", "--file", FILE, "a"], ["mv", "a"]]}
    expected = {"manifest": "envsync plan", "environments": [{"conflict": conflict}]}
    assert pasted_in(document, Options("plan", file=FILE)) == expected
    assert pasted_in(document, Options("plan")) == document


def test_each_next_command_is_for_the_manifest_that_was_named(place: Place) -> None:
    first = place.envsync("init", "--file", FILE).out
    assert f"envsync import {OPTION} " in first
    added = place.envsync("add", "a", "--path", "a", "--file", FILE).out
    assert added.endswith(f"Next: envsync apply {OPTION} a\n")
    missing = place.envsync("plan", "--file", f"{place.root}/new.toml").err
    assert missing.endswith(f"or write one there: envsync init --file {place.root}/new.toml\n")
    for words in (("run", "a", "true"), ("which", "a"), ("activate", "a")):
        assert f"envsync apply {OPTION} a" in place.envsync(*words[:1], "--file", FILE, *words[1:]).err


def test_what_is_for_programs_stays_as_it_is(place: Place) -> None:
    for words in (("hook", "bash"), ("completion", "bash"), ("schema",)):
        assert place.envsync(*words, "--file", FILE).out == place.envsync(*words).out


def test_the_line_that_activates_it_here_does(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    place.manifest.rename(place.root / FILE)
    assert place.envsync("apply", "--file", FILE).status == 0
    shown = on_terminal(place, "activate", "a", "--shell", "bash", "--file", FILE)[1]
    line = shown.partition("in your shell: ")[2].partition("; or see")[0]
    assert line == f'eval "$(envsync activate {OPTION} a)"'
    assert subprocess.run(["bash", "-n", "-c", line], check=False).returncode == 0
