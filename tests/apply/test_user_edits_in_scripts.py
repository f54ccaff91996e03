"""What a user added to the scripts of an environment, or put among them, is kept or reported."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.bench import Bench, build, run

pytestmark = pytest.mark.sampled(3)


def texts(bench: Bench) -> str:
    return "".join(path.read_text() for path in (bench.path / "bin").iterdir() if path.name.startswith("activate"))


def test_a_former_file_is_kept_though_another_one_is_kept_already(bench: Bench) -> None:
    bench.make("venv")
    script = bench.path / "bin/activate.fish"
    script.with_name("activate.fish.orig").write_text("theirs\n")
    with script.open("a") as stream:
        stream.write("set -gx MINE 1\n")
    bench.declare('prompt = "another"')
    assert "activate.fish.orig.1" in str(bench.apply()["notes"])
    assert "theirs\n" in texts(bench)
    assert "set -gx MINE 1" in script.with_name("activate.fish.orig.1").read_text()


def test_what_is_kept_is_not_read_as_a_script(bench: Bench) -> None:
    bench.make("envsync")
    for name in ("activate.orig", "activate.fish.orig.2"):
        (bench.path / "bin" / name).write_text(f"X = '/former/{bench.directory}'\n")
    assert bench.apply()["outcome"] == "unchanged"


def test_each_unreadable_script_is_kept(bench: Bench) -> None:
    bench.make("venv")
    for text in ("first\n", "second\n"):
        (bench.path / "bin/activate").write_text(text)
        assert bench.apply()["outcome"] == "repaired"
    assert {"first\n", "second\n"} <= {path.read_text() for path in (bench.path / "bin").glob("activate.orig*")}


@pytest.mark.parametrize("builder", ["venv", "uv"])
def test_csh_can_deactivate_what_was_rendered_again(builder: str, bench: Bench) -> None:
    bench.make(builder)
    bench.declare('prompt = "another"')
    assert bench.apply()["outcome"] == "repaired"
    code = bench.place.root / "code.csh"
    code.write_text(f"source {bench.path}/bin/activate.csh\ndeactivate\nif (! $?VIRTUAL_ENV) echo none\n")
    done = subprocess.run(["tcsh", "-f", code], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("none\n", "")
    (bench.path / "bin/deactivate.csh").unlink()
    assert bench.apply()["outcome"] == "repaired"
    assert (bench.path / "bin/deactivate.csh").is_file()
    assert bench.apply()["outcome"] == "unchanged"


def test_a_rebuild_takes_the_lines_along_that_were_added(bench: Bench) -> None:
    bench.declare()
    bench.apply()
    with (bench.path / "bin/activate").open("a") as stream:
        stream.write("export MINE='my own'\n")
    entries = run(bench.place, bench.capsys, "apply", "--force-rebuild", "one")["environments"]
    assert entries[0]["outcome"] == "rebuilt", entries
    assert bench.activated('printf %s "$MINE"') == "my own"


@pytest.mark.parametrize("builder", ["venv", "uv"])
def test_a_rebuild_keeps_a_script_of_another_builder_that_was_changed_and_says_so(builder: str, bench: Bench) -> None:
    bench.declare()
    build(builder, bench.python, bench.path)
    assert bench.apply()["outcome"] in {"unchanged", "repaired"}
    script = bench.path / "bin/activate"
    for each in (script, script.with_name("activate.csh")):  # by one command
        each.write_text(each.read_text() + "export MINE='my own'\n")
        os.utime(each, (script.stat().st_atime, (bench.path / "pyvenv.cfg").stat().st_mtime + 60))
    entry = run(bench.place, bench.capsys, "apply", "--force-rebuild", "one")["environments"][0]
    assert entry["outcome"] == "rebuilt", entry["error"]
    assert "the former activation scripts are kept in bin/: activate.orig, activate.csh.orig" in entry["notes"]
    assert "MINE='my own'" in script.with_name("activate.orig").read_text()
    assert bench.activated('printf %s "$VIRTUAL_ENV"') == str(bench.path)
    again = run(bench.place, bench.capsys, "apply", "--force-rebuild", "one")["environments"][0]
    assert "bin/activate.orig" in str(again["notes"])  # as any file of the user's that is not in the new one


def test_what_a_rebuild_kept_of_a_script_stays_at_the_next_and_hides_no_further_edit(bench: Bench) -> None:
    bench.declare()
    bench.apply()
    script = bench.path / "bin/activate"
    for number, name in enumerate(("activate.orig", "activate.orig.1")):
        script.write_text(f"MINE={number}\n{script.read_text()}")
        for kept in script.parent.glob("activate*.orig*"):  # written with it, and by no builder
            os.utime(kept, (script.stat().st_atime, script.stat().st_mtime + 60))
        os.utime(script, (script.stat().st_atime, script.stat().st_mtime + 60))
        entry = run(bench.place, bench.capsys, "apply", "--force-rebuild", "one")["environments"][0]
        assert entry["outcome"] == "rebuilt", entry["error"]
        assert f"the former activation scripts are kept in bin/: {name}" in entry["notes"]
        assert "only kept" not in str(entry["notes"])
    entry = run(bench.place, bench.capsys, "apply", "--force-rebuild", "one")["environments"][0]
    assert entry["outcome"] == "rebuilt", entry["error"]
    assert script.with_name("activate.orig").read_text().startswith("MINE=0\n")
    assert script.with_name("activate.orig.1").read_text().startswith("MINE=1\n")


@pytest.mark.parametrize("kind", ["dangling", "FIFO", "directory"])
def test_an_activate_that_no_shell_can_read_is_a_conflict(kind: str, bench: Bench) -> None:
    bench.make("envsync")
    script = bench.path / "bin/activate"
    script.unlink()
    match kind:
        case "dangling":
            script.symlink_to("/nowhere")
        case "FIFO":
            os.mkfifo(script)
        case _:
            script.mkdir()
    (entry,) = run(bench.place, bench.capsys, "check")["environments"]
    assert (entry["state"], entry["conflict"]["code"]) == ("conflict", "linked-inside")
    subprocess.run(["sh", "-c", entry["conflict"]["hint"].partition(": ")[2]], check=True)
    assert bench.apply()["outcome"] == "repaired"
    assert bench.activated('printf %s "$VIRTUAL_ENV"') == str(bench.path)


@pytest.mark.parametrize("directory", ["tr /x/.venv", "a -m venv /b/.venv", "plain/.venv"])
@pytest.mark.parametrize("builder", ["venv", "virtualenv", "uv"])
def test_what_another_tool_made_is_in_sync_at_once(builder: str, directory: str, bench: Bench) -> None:
    bench.directory = directory
    bench.declare()
    build(builder, os.path.realpath(bench.python), bench.path)
    before = {path.name: path.read_bytes() for path in (bench.path / "bin").glob("*activate*")}
    bench.apply()
    assert {path.name: path.read_bytes() for path in (bench.path / "bin").glob("*activate*")} == before
    assert bench.apply()["outcome"] == "unchanged"


def test_a_relocatable_environment_of_uvs_stays_so(bench: Bench) -> None:
    from uv import find_uv_bin  # noqa: PLC0415  # only here

    bench.declare()
    command = [find_uv_bin(), "venv", "-q", "--no-project", "--relocatable", "--python", bench.python]
    subprocess.run([*command, bench.path], check=True)
    before = {path.name: path.read_bytes() for path in (bench.path / "bin").glob("*activate*")}
    bench.apply()
    assert {path.name: path.read_bytes() for path in (bench.path / "bin").glob("*activate*")} == before


def test_a_link_of_another_name_that_venv_made_is_in_sync(bench: Bench) -> None:
    (bench.place.root / "py").symlink_to(os.path.realpath(bench.python))
    bench.python = f"{bench.place.root}/py"
    build("venv", bench.python, bench.path)
    assert (bench.path / "bin/py").is_symlink()
    bench.declare()
    assert bench.apply()["outcome"] == "unchanged"


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_batch_file_with_other_line_ends_is_no_drift(ends: str, bench: Bench) -> None:
    bench.make("uv")
    script = bench.path / "bin/activate.bat"
    script.write_bytes(script.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", ends.encode()))
    assert bench.apply()["outcome"] == "unchanged"


def test_a_path_that_a_script_cannot_name_is_reported(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOLLAR", "$")
    Path(bench.place.root, "$HOME").mkdir()
    bench.place.write(f'[envs.one]\npath = "${{DOLLAR}}HOME/.venv"\npython = "{bench.python}"\n')
    assert "virtualenv writes no activate.xsh for such a path" in str(bench.apply()["notes"])
    assert not Path(bench.place.root, "$HOME/.venv/bin/activate.xsh").exists()
