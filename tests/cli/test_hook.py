"""``hook``: functions in real shells by which environments are activated, by name and on ``cd``."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.place import Place

POSIX = """\
eval "$(envsync hook {shell} --cd)"
before=$PATH
show() {{ _envsync_cd; printf '%s=%s\\n' "$1" "${{VIRTUAL_ENV##*/place/}}"; }}
cd one/deep; show entered
cd "$ROOT/it's two"; show switched
deactivate; show off
cd ..; show left
cd one; show again
_envsync_cd
cd ..; show out
[ "$PATH" = "$before" ] && echo restored
envsync activate one; show hand
cd "$ROOT/it's two"; show kept
cd ..; show kept
envsync deactivate; show off
envsync activate none || echo "status=$?"
"""
FISH = """\
envsync hook fish --cd | source
set before $PATH
function show; emit fish_prompt; echo $argv[1]=(string replace -r '.*/place/' '' -- "$VIRTUAL_ENV"); end
cd one/deep; show entered
cd "$ROOT/it's two"; show switched
deactivate; show off
cd ..; show left
cd one; show again
emit fish_prompt
cd ..; show out
test "$PATH" = (string join : $before); and echo restored
envsync activate one; show hand
cd "$ROOT/it's two"; show kept
cd ..; show kept
envsync deactivate; show off
envsync activate none; or echo "status=$status"
"""
EXPECTED = """\
entered=one/.venv
switched=it's two/.venv
off=
left=
again=one/.venv
out=
restored
hand=one/.venv
kept=one/.venv
kept=one/.venv
off=
status=2
"""
STARTED = {
    "bash": ["bash", "--norc", "--noprofile", "-c"],
    "zsh": ["zsh", "-f", "-c"],
    "fish": ["fish", "--no-config", "-c"],
}


@pytest.fixture
def made(place: Place, tmp_path: Path) -> Place:
    """Return a place with two environments, and an envsync on PATH that records when it starts."""
    place.write('[envs.one]\npath = "one/.venv"\n[envs.two]\npath = "it\'s two/.venv"\n', "one/deep", "it's two")
    place.apply()
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir(exist_ok=True)
    envsync = bin_dir / "envsync"
    envsync.write_text(f'#!/bin/sh\necho "$@" >>"{bin_dir}/record"\nexec {sys.executable} -m envsync "$@"\n')
    envsync.chmod(0o755)
    place.variables |= {"PATH": f"{bin_dir}:{place.variables['PATH']}", "ROOT": str(place.root), "TERM": "dumb"}
    return place


def typed(place: Place, shell: str, text: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}, which is not installed here")
    return subprocess.run(
        [*STARTED[shell], text],
        check=False,
        cwd=place.root,
        env=place.variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("shell", STARTED)
def test_an_environment_is_active_in_its_project_and_what_was_activated_by_hand_stays(made: Place, shell: str) -> None:
    done = typed(made, shell, FISH if shell == "fish" else POSIX.format(shell=shell))
    assert done.stdout == EXPECTED, done.stderr
    asked = Path(made.variables["PATH"].partition(":")[0], "record").read_text().splitlines()
    assert asked.count("which --here --quiet") == 7  # once for each change of the directory


@pytest.mark.parametrize("shell", STARTED)
def test_only_an_activation_is_evaluated(made: Place, shell: str) -> None:
    strict = "" if shell == "fish" else "set -eu; IFS=$'\\n\\t'\n"
    pipe = "envsync hook fish | source" if shell == "fish" else f'eval "$(envsync hook {shell})"'
    done = typed(made, shell, f"{strict}{pipe}\nenvsync activate one -qh\nenvsync activate --help\n")
    assert (done.stdout.count("usage: envsync activate"), done.stderr) == (2, "")
    words = (
        "envsync activate -- one\necho $VIRTUAL_ENV\nenvsync activate one --shell fish\nenvsync activate --json one\n"
    )
    active, printed, *document = typed(made, shell, f"{strict}{pipe}\n{words}").stdout.splitlines()
    assert (active, printed.split()[0], document[0]) == (f"{made.root}/one/.venv", "source", "{")


@pytest.mark.parametrize("shell", STARTED)
def test_nothing_of_a_strangers_manifest_is_activated(made: Place, shell: str) -> None:
    made.envsync("untrust", "envs.toml")
    follow = "emit fish_prompt" if shell == "fish" else "_envsync_cd"
    pipe = "envsync hook fish --cd | source" if shell == "fish" else f'eval "$(envsync hook {shell} --cd)"'
    show = f'{follow}\necho "=$VIRTUAL_ENV="\n'
    done = typed(made, shell, f"{pipe}\ncd one\n{show}cd deep\n{show}cd ../..\n{show}cd one\n{show}")
    assert done.stdout == "==\n" * 4
    assert done.stderr.count("envsync trust") == 1  # once for each shell


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_manifest_that_is_refused_does_not_end_a_shell_that_ends_at_errors(made: Place, shell: str) -> None:
    made.envsync("untrust", "envs.toml")
    done = typed(made, shell, f'eval "$(envsync hook {shell} --cd)"\nset -e\ncd one\n_envsync_cd\necho here\n')
    assert (done.returncode, done.stdout) == (0, "here\n")


@pytest.mark.parametrize("shell", STARTED)
def test_the_hook_completes_too(made: Place, shell: str) -> None:
    document = made.envsync("hook", shell, "--json").document
    assert "_ARGCOMPLETE" in document["hook"]["script"]
    assert "_envsync_cd" not in document["hook"]["script"]
    done = typed(made, shell, document["hook"]["script"])
    assert (done.returncode, done.stderr) == (0, "")
    assert os.path.isfile(made.manifest)
