"""Real shells activate and deactivate what envsync makes, at paths of every kind, and run nothing else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envsync.formats.activation import is_plain
from harness.bench import BUILDERS, run
from harness.place import Place

pytestmark = pytest.mark.sampled(5)

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile"], "activate"),
    "dash": (["dash"], "activate"),
    "zsh": (["zsh", "-f"], "activate"),
    "fish": (["fish", "--no-config"], "activate.fish"),
    "tcsh": (["tcsh", "-f"], "activate.csh"),
    "xonsh": ([sys.executable, "-m", "xonsh", "--no-rc"], "activate.xsh"),
}
NAMES = {
    "plain": "plain",
    "a blank": "a b",
    "a quote": "it's",
    "a double quote": 'say "hi"',
    "a substitution": "$(touch pwned)",
    "backticks": "`touch pwned`",
    "an exclamation mark": "hey!",
    "a percent sign": "100% x",
    "a semicolon": "a;touch pwned",
    "a backslash": "back\\slash",
    "beyond ASCII": "ünï漢",
    "a leading dash": "-n",
}
CODE = {
    "activate": '. \'{file}\' && printf \'%s\\036\' "$VIRTUAL_ENV" "$VIRTUAL_ENV_PROMPT" "$(command -v python)"; '
    "deactivate; printf '%s\\036' \"${{VIRTUAL_ENV-none}}\"",
    "activate.fish": "source '{file}'; printf '%s\\036' \"$VIRTUAL_ENV\" $VIRTUAL_ENV_PROMPT (command -v python); "
    "deactivate; set -q VIRTUAL_ENV; or printf 'none\\036'",
    "activate.csh": 'source \'{file}\'; printf \'%s\\036\' "$VIRTUAL_ENV:q" "$VIRTUAL_ENV_PROMPT:q" "`which python`"\n'
    "deactivate\nif (! $?VIRTUAL_ENV) printf 'none\\036'",
    "activate.xsh": "source '{file}'\nimport os, shutil\n"
    "print(${{'VIRTUAL_ENV'}}, ${{'VIRTUAL_ENV_PROMPT'}}, shutil.which('python', path=os.pathsep.join($PATH)), "
    "sep='\\x1e', end='\\x1e')\ndeactivate\nprint(${{...}}.get('VIRTUAL_ENV', 'none'), end='\\x1e')",
}


def made(place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, builder: str) -> list[Path]:
    """Create an environment for each name, and one below a directory of that name."""
    monkeypatch.setenv("DOLLAR", "$")
    tables = []
    for number, name in enumerate(NAMES.values()):
        path = json.dumps(f"./{name}/.venv".replace("$", "${DOLLAR}"), ensure_ascii=False)
        tables.append(f'[envs.e{number}]\npath = {path}\nprompt = "it\'s $(touch pwned) é"\n')
    place.write(f'builder = "{builder}"\n' + "".join(tables), *NAMES.values())
    entries = run(place, capsys, "apply")["environments"]
    assert {entry["outcome"] for entry in entries} == {"created"}
    return [place.root / name / ".venv" for name in NAMES.values()]


@pytest.mark.parametrize("builder", [name for name in BUILDERS if name != "envsync"])
def test_every_shell_activates_and_deactivates(
    builder: str, here: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in made(here, capsys, monkeypatch, builder):
        for shell, (command, script) in SHELLS.items():
            if shell == "xonsh" and is_plain(str(path)) != (builder == "virtualenv"):
                continue  # it starts slowly, and the scripts of all builders are alike
            assert_activates(here, shell, command, path, script)
    assert not [*here.root.rglob("pwned")]


def assert_activates(place: Place, shell: str, command: list[str], path: Path, script: str) -> None:
    if shutil.which(command[0]) is None:
        pytest.fail(f"{shell} is not installed: .ci/run installs it")
    short = place.root.parent / "short"  # what is tested is what the script holds, not how it is named to the shell
    short.unlink(missing_ok=True)
    short.symlink_to(path / "bin")
    code = place.root.parent / "code"  # in a file: csh expands an alias only in a line after that which makes it
    code.write_text(CODE[script].format(file=f"{short}/{script}"))
    done = subprocess.run(
        [*command, code],
        check=False,
        cwd=place.root,
        env={**place.variables, "LC_ALL": "C.UTF-8", "HOME": str(place.root)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split("\x1e") == [str(path), "it's $(touch pwned) é", f"{path}/bin/python", "none", ""], (
        f"{shell} at {path}: {done.stderr}"
    )
