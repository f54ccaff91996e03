"""An exposed Python is the one of its environment: through a script, since a symlink leads on to the base."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from envsync.formats.shebang import launched, launcher
from harness.place import Place, Run

pytestmark = pytest.mark.sampled(3)

NAMES = ["blog", 'it\'s a "b" `x` \\', "é #1 !", "-dash"]


def expose(place: Place, *commands: str, name: str = "blog", head: str = "") -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    listed = ", ".join(f'"{one}"' for one in commands)
    place.write(f'{head}[envs.blog]\npath = "{quoted}"\npython = "{sys.executable}"\nexpose = [{listed}]\n')


def applied(place: Place) -> str:
    return str(place.apply()["blog"]["outcome"])


def prefix(place: Place, name: str, *arguments: str) -> str:
    code = "import sys; print(sys.prefix, sys.argv[1:])"
    command = [str(place.root / "exposed" / name), "-c", code, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")
    return done.stdout.strip()


def check(place: Place) -> Run:
    return place.envsync("check", "--json")


@pytest.mark.parametrize("name", NAMES)
def test_an_exposed_python_runs_as_its_environment(place: Place, name: str) -> None:
    expose(place, "python:py", "python3", name=name)
    assert applied(place) == "created"
    for one in ("py", "python3"):
        assert prefix(place, one, "a b", "$c") == f"{place.root / name} {['a b', '$c']}"
    assert applied(place) == "unchanged"
    assert check(place).status == 0


@pytest.mark.parametrize(
    "command",
    ["/a/bin/python", *(f"/{name}/bin/python3" for name in NAMES), "/a\nb/bin/python", "/$HOME $(x)/bin/python"],
)
def test_a_script_of_envsyncs_tells_what_it_runs(command: str, tmp_path: Path) -> None:
    assert launched(launcher(command)) == command
    for other in (
        "",
        launcher(command)[:-1],
        f"{launcher(command)}\n",
        f'#!/bin/sh\nexec {shlex.quote(command)} "$@"\n',
    ):
        assert launched(other) is None
    target = tmp_path / command.strip("/")
    target.parent.mkdir(parents=True)
    target.write_text('#!/bin/sh\nprintf "%s|" "$0" "$@"\n')
    target.chmod(0o755)
    (tmp_path / "x").write_text(launcher(str(target)))
    done = subprocess.run(["sh", tmp_path / "x", "a b", "*"], check=True, capture_output=True, text=True)
    assert done.stdout == f"{target}|a b|*|"


def test_a_name_in_bin_that_leads_to_python_counts_as_one(place: Place) -> None:
    expose(place)
    assert applied(place) == "created"
    (place.root / "blog/bin/snake").symlink_to("python")
    expose(place, "snake")
    assert applied(place) == "linked"
    assert prefix(place, "snake") == f"{place.root / 'blog'} []"


def test_another_command_is_a_symlink_as_ever(place: Place) -> None:
    expose(place)
    assert applied(place) == "created"
    (place.root / "blog/bin/tool").write_text("#!/bin/sh\necho tool\n")
    (place.root / "blog/bin/tool").chmod(0o755)
    expose(place, "tool")
    assert applied(place) == "linked"
    assert os.readlink(place.root / "exposed/tool") == f"{place.root}/blog/bin/tool"


@pytest.mark.parametrize("what", ["edited", "of another environment", "a directory"])
def test_what_is_not_envsyncs_is_never_replaced(place: Place, what: str) -> None:
    expose(place, "python:py")
    (place.root / "exposed").mkdir()
    found = place.root / "exposed/py"
    if what == "a directory":
        found.mkdir()
    else:
        text = launcher(f"{place.root}/{'blog' if what == 'edited' else 'other'}/bin/python")
        found.write_text(f"{text}echo more\n" if what == "edited" else text)
    before = None if found.is_dir() else found.read_text()
    assert [one["code"] for one in place.apply()["blog"]["left_out"]] == ["expose-taken"]
    assert (None if found.is_dir() else found.read_text()) == before


def test_a_symlink_of_before_stays_and_is_told(place: Place) -> None:
    (place.root / "exposed").mkdir()
    (place.root / "exposed/py").symlink_to(place.root / "blog/bin/python")
    expose(place, "python:py")
    assert applied(place) == "created"
    (entry,) = check(place).document["environments"]
    assert "runs the Python beneath the environment" in "; ".join(entry["notes"])
    (place.root / "exposed/py").unlink()
    assert applied(place) == "linked"
    assert prefix(place, "py") == f"{place.root / 'blog'} []"


def test_damage_to_it_is_noticed(place: Place) -> None:
    expose(place, "python:py")
    assert applied(place) == "created"
    assert check(place).status == 0
    (place.root / "exposed/py").unlink()
    assert check(place).status == 3
    assert applied(place) == "linked"
    with (place.root / "exposed/py").open("a") as file:
        file.write("echo mine\n")
    assert check(place).document["environments"][0]["left_out"][0]["code"] == "expose-taken"


def test_it_goes_with_its_environment(place: Place) -> None:
    head = f'[envs.blog]\npath = "blog"\ntarget = "blog"\npython = "{sys.executable}"\n'
    place.write(f'{head}expose = ["python:py", "python3"]\n')
    assert applied(place) == "created"
    (place.root / "exposed/python3").write_text("mine")
    run = place.envsync("remove", "blog")
    assert f"{place.root}/exposed/py" in run.out.replace("~", os.environ["HOME"]) or "exposed/py" in run.out
    (place.root / "blog").unlink()
    assert place.envsync("prune", "--yes").status == 0
    assert sorted(os.listdir(place.root / "exposed")) == ["python3"]
    assert not (place.root / "state/blog").exists()


def test_what_a_killed_pass_left_of_it_is_cleared_by_the_next(place: Place) -> None:
    expose(place, "python:py")
    code = "import os; from envsync.write import files; files.move_no_replace = lambda *_: os._exit(9); "
    code += "from envsync.cli.main import main; main(['apply'])"
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=place.root, env=place.variables)
    assert done.returncode == 9
    assert applied(place) in {"created", "linked"}
    assert os.listdir(place.root / "exposed") == ["py"]
    shutil.rmtree(place.root / "exposed")
    assert applied(place) == "linked"
