"""No text becomes a command: prompts and directories of every kind, in real interactive shells, whoever built.

Each environment lies in a directory of a name, and shows that name. It is activated and deactivated at a terminal: what
the shell shows, the directory and the Python have to be right, byte for byte, and nothing may run.
"""

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envsync.formats import pyvenv_cfg
from harness.bench import build, run
from harness.place import Place
from harness.terminals import BASE, SHELLS, Shown, Terminal
from harness.wheels import make_wheel

NAMES = (
    *("plain", "a b", "a   b", " x", "x ", " ", "-n", "--prompt=x", "=ls", "k=v", "#x", "~root", "@here 'x' #"),
    *(
        "it's",
        "'x",
        "x'",
        "'x'",
        "'",
        'say "hi"',
        '"x"',
        '"',
        "a'b\"c",
        "'\\x41'",
        "\u2018x\u2019\u201by",
        "\u201dx\u201c",
        "'it\\'s'",
    ),
    *("';touch pwned;'", '";touch pwned;"', "$(touch pwned)", "'$(touch pwned)'", '"$(touch pwned)"'),
    *("x'$(touch pwned)", "`touch pwned`", "\\`touch pwned\\`", "\\$(touch pwned)", "\\\\$(touch pwned)"),
    *("$HOME", "${HOME}", "${x-$(touch pwned)}", "a$", "$'\\x41'", "$((1+1))", "<(touch pwned)", "(touch pwned)"),
    *("a|touch pwned", "a&touch pwned", "a;touch pwned", "a>pwned", "\";import os;os.system('touch pwned');\""),
    *("hey!", "!!", "!touch", "^a^b", "100% x", "%n%~%#%F{red}x%f", "%(?.yes.no)", "%m%/%h%c3", "x%"),
    *(
        "\\u\\h\\w\\$",
        "\\101\\[x\\]",
        "back\\slash",
        "x\\",
        "x\\\\",
        "\\",
        "*?[a-z]",
        "*",
        "{a,b}",
        "{}",
        "{user}{{x}}",
    ),
    *("(x)(", "ünï漢", "👩\u200d💻", "__VIRTUAL_ENV__", "'''", "r#'x'#"),
)
BUILDERS = ("virtualenv", "uv", "venv")
PARTS = 8
"""The names are tried in so many parts: more would start more shells, fewer would leave less to choose from."""
HARMFUL = ("$(touch pwned)", "`touch pwned`", '";touch pwned;"', "x'$(touch pwned)'", "\\$(touch pwned)")
NO_OTHER: Mapping[str, str] = {}
UNFIT_FOR_XONSH = ("$HOME", "${HOME}", "${x-$(touch pwned)}")
"""xonsh would expand them in any path: virtualenv writes no script for it then."""


@pytest.fixture
def made(
    here: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Path]]:
    """Return what creates an environment for each of some names; returns where they are."""
    monkeypatch.setenv("DOLLAR", "$")

    def make(
        builder: str, names: tuple[str, ...], outcome: str = "created", *, prompts: bool = True
    ) -> dict[str, Path]:
        tables = []
        for number, name in enumerate(names):
            path = json.dumps(f"./{number}/{name}".replace("$", "${DOLLAR}"), ensure_ascii=False)
            shown = f"prompt = {json.dumps(name, ensure_ascii=False)}\n" if prompts else ""
            tables.append(f"[envs.e{number}]\npath = {path}\n{shown}")
        here.write(f'builder = "{builder}"\n' + "".join(tables))
        entries = run(here, capsys, "apply")["environments"]
        assert [entry["outcome"] for entry in entries] == [outcome] * len(names)
        again = run(here, capsys, "apply")["environments"]
        assert {entry["outcome"] for entry in again} == {"unchanged"}, again
        return {name: here.root / str(number) / name for number, name in enumerate(names)}

    return make


def shown_as(shell: str, text: str) -> str:
    """Return what the shell makes of a text that is safe in it."""
    if shell == "bash" and os.geteuid() == 0:
        return text.replace("$", "#")  # virtualenv writes \$, which bash shows so to root
    if shell == "xonsh":
        return text.replace("{{", "{").replace("}}", "}")  # it formats whatever it shows
    return text


def assert_right(place: Place, shell: str, environments: dict[str, Path], texts: Mapping[str, str] = NO_OTHER) -> None:
    """Activate and deactivate each environment in one shell; ``texts`` are the prompts that are not the names."""
    wrong = []
    with Terminal(shell, place.root, place.variables) as terminal:
        before = terminal.ask()
        for name, path in environments.items():
            script = path / "bin" / terminal.shell.script
            if shell == "xonsh" and (name in UNFIT_FOR_XONSH or not script.exists()):  # venv writes none for it
                assert not script.exists()
                continue
            text = texts.get(name, name)
            active = activated(place, terminal, script)
            terminal.type("deactivate")
            prompt = f"({shown_as(shell, text)}) {BASE}" if terminal.shell.shows else BASE
            if shell == "xonsh" and shown_as(shell, text) in active.prompt:
                active = replace(active, prompt=prompt)  # where it reads another prompt in pyvenv.cfg, without ( )
            right = Shown(prompt, str(path), text, f"{path}/bin/python", f"{path}/bin:{before.path}")
            if (active, terminal.ask()) != (right, before):
                wrong.append((name, active, right))
    assert wrong == []
    assert [*place.root.rglob("pwned")] == []


def activated(place: Place, terminal: Terminal, script: Path) -> Shown:
    short = place.root.parent / "short"  # what is tested is what the script holds, not how it is named to the shell
    short.unlink(missing_ok=True)
    short.symlink_to(script.parent)
    terminal.type(
        f"source {short}/{script.name}" if terminal.shell.command[0] != "dash" else f". {short}/{script.name}"
    )
    return terminal.ask()


@pytest.mark.sampled(54)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("shell", SHELLS)
def test_names_are_shown_and_nothing_runs(
    shell: str, builder: str, part: int, place: Place, made: Callable[..., dict[str, Path]]
) -> None:
    assert_right(place, shell, made(builder, NAMES[part::PARTS]))


@pytest.mark.sampled(24)
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("builder", "prompts"),
    [(one, prompts) for one in ("uv", "venv-3.12.1", "venv-3.13.0") for prompts in (True, False)],
)
def test_what_other_builders_wrote_is_put_right(  # noqa: PLR0913, PLR0917  # the last two are fixtures
    builder: str,
    prompts: bool,
    shell: str,
    place: Place,
    python_of: Callable[[str], str],
    made: Callable[..., dict[str, Path]],
) -> None:
    for number, name in enumerate(HARMFUL):
        (place.root / str(number)).mkdir()
        foreign(builder, python_of, place.root / str(number) / name, name if prompts else None)
    environments = made("virtualenv", HARMFUL, "repaired", prompts=False)
    for path in environments.values():
        assert ("prompt = " in (path / "pyvenv.cfg").read_text()) == prompts
    assert_right(
        place, shell, environments, {'";touch pwned;"': ";touch pwned;"} if builder == "uv" and prompts else {}
    )


def foreign(builder: str, python_of: Callable[[str], str], path: Path, prompt: str | None) -> None:
    """Have an environment built by another tool, by itself."""
    tool, _, version = builder.partition("-")
    build(tool, python_of(version or "3.12"), path, *([] if prompt is None else [f"--prompt={prompt}"]))


@pytest.mark.parametrize("name", HARMFUL)
def test_what_virtualenv_itself_writes_now_stays(
    name: str, place: Place, made: Callable[..., dict[str, Path]], python_of: Callable[[str], str]
) -> None:
    (place.root / "0").mkdir()
    build("virtualenv", python_of("3.12"), place.root / "0" / name)
    activate = place.root / "0" / name / "bin/activate"
    activate.write_text(f"{activate.read_text()}export MINE=1\n")
    made("virtualenv", (name,), "unchanged", prompts=False)


@given(st.text())
def test_every_prompt_reads_back_from_one_line(text: str) -> None:
    written = f"home = /usr/bin\nprompt = {pyvenv_cfg.quote(text)}\n"
    assert [key for key, _ in pyvenv_cfg.parse(written)] == ["home", "prompt"]
    assert pyvenv_cfg.unquote(dict(pyvenv_cfg.parse(written))["prompt"]) == text


@pytest.mark.parametrize(
    ("path", "prompt", "message"),
    [
        ("a\nb", "x", "control character"),
        ("a:b", "x", "separates the directories in PATH"),
        ("a", "x\ny", "control character"),
        ("a", "x\u2028y", "control character"),
    ],
)
def test_what_no_shell_can_say_is_refused_by_name(path: str, prompt: str, message: str, place: Place) -> None:
    place.write(f"[envs.blog]\npath = {json.dumps(path)}\nprompt = {json.dumps(prompt)}\n")
    (error,) = (refused := place.envsync("apply", "--json")).document["errors"]
    assert (refused.status, message in error["message"]) == (2, True)


def test_no_directory_of_a_manifest_adds_lines_to_a_file(place: Place) -> None:
    place.root = place.root / "a\nhome = evil"
    place.root.mkdir()
    place.write('[envs.blog]\npath = "blog"\n')
    run = place.envsync("apply", "--json")
    assert run.status == 2
    assert {error["code"] for error in run.document["errors"]} == {"manifest-value"}


@pytest.mark.parametrize("name", [name for name in HARMFUL if not {'"', "\\"} & {*name}])
@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.usefixtures("made")
def test_the_scripts_of_packages_run_nothing_of_a_name(
    installer: str, name: str, place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_wheel(place.root / "wheels", "tool", "1.0", scripts={"tool": "tool:main"})
    for variable in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        monkeypatch.setenv(variable, str(place.root / "wheels"))
    monkeypatch.setenv("NAME", f"a {name}")
    lines = 'path = "${NAME}"\npackages = ["tool"]\nprompt = "x"\n'
    place.write(f'installer = "{installer}"\n[envs.one]\n{lines}')
    run(place, capsys, "apply")
    script = place.root / f"a {name}/bin/tool"
    assert said_by(script) == f"tool 1.0 {script.parent.parent}"
    # As pip itself writes it where it installs there.
    code = script.read_text().partition("' '''\n")[2]
    script.write_text(f"#!/bin/sh\n'''exec' \"{script.parent}/python\" \"$0\" \"$@\"\n' '''\n{code}")
    (entry,) = run(place, capsys, "apply")["environments"]
    assert (entry["outcome"], {drift["code"] for drift in entry["drift"]}) == ("repaired", {"scripts"})
    assert said_by(script) == f"tool 1.0 {script.parent.parent}"
    assert [*place.root.rglob("pwned")] == []


def said_by(script: Path) -> str:
    return subprocess.run([script], check=True, capture_output=True, text=True, cwd=script.parent).stdout.strip()
