"""A ``bin/python`` that is the user's own program is never replaced; a copy of an interpreter is."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.bench import build, listing
from harness.depot import Depot

pytestmark = pytest.mark.sampled(3)

WRAPPER = '#!/bin/sh\n# mine\nexec python3.11 "$@"\n'


def replace(depot: Depot, name: str) -> Path:
    """Make room for another program."""
    depot.make()
    file = depot.end / "bin" / name
    file.unlink()
    return file


def assert_held(depot: Depot, name: str) -> None:
    before = listing(depot.root)
    for command in (["apply"], ["apply", "--force-rebuild", "one"]):
        entry = depot.command(*command)
        assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "unowned-files")
        assert f"bin/{name}" in entry["conflict"]["message"]
        assert entry["conflict"]["remedy"] == [["mv", f"{depot.end}/bin/{name}", f"{depot.end}/bin/{name}.orig"]]
    assert listing(depot.root) == before


@pytest.mark.parametrize("name", ["python", "python3", "python3.11"])
def test_a_script_is_kept_and_its_remedy_works(depot: Depot, name: str) -> None:
    file = replace(depot, name)
    file.write_text(WRAPPER)
    file.chmod(0o755)
    assert_held(depot, name)
    for command in depot.command("plan")["conflict"]["remedy"]:
        subprocess.run(command, check=True)
    assert depot.apply()["outcome"] == "repaired"
    assert Path(f"{file}.orig").read_text() == WRAPPER
    depot.flip("3.12")
    assert depot.apply()["outcome"] == "rebuilt"
    (kept,) = depot.generations()
    assert (kept / f"bin/{name}.orig").read_text() == WRAPPER


@pytest.mark.parametrize("what", ["a program", "a wrapper", "FIFO", "folder", "setuid"])
def test_any_other_program_of_the_users_is_kept(depot: Depot, what: str) -> None:
    file = replace(depot, "python")
    match what:
        case "a program":
            shutil.copy("/bin/true", file)
        case "a wrapper":
            source = depot.root / "wrapper.c"
            source.write_text(
                '#include <unistd.h>\nint main(int c, char **v) { return execv("%s", v); }' % depot.python_of("3.11")  # noqa: UP031
            )
            subprocess.run(["cc", "-o", file, source], check=True)
        case "FIFO":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case _:
            shutil.copy(depot.python_of("3.11"), file)
            file.chmod(0o4755)
    before = sorted(os.listdir(file.parent))
    entry = depot.apply()
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "unowned-files")
    assert sorted(os.listdir(file.parent)) == before


@pytest.mark.parametrize("builder", ["venv", "virtualenv"])
def test_copies_that_builders_make_are_in_sync_until_they_are_of_another_build(depot: Depot, builder: str) -> None:
    python = depot.python_of("3.11")
    if builder == "venv":
        subprocess.run([python, "-m", "venv", "--without-pip", "--copies", depot.end], check=True)
    else:
        build("virtualenv", python, depot.end)
        for name in ("python", "python3", "python3.11"):
            (depot.end / "bin" / name).unlink()
            shutil.copy(python, depot.end / "bin" / name)
    depot.declare()
    assert depot.apply()["outcome"] == "unchanged"
    for name in ("python", "python3", "python3.11"):
        with (depot.end / "bin" / name).open("ab") as file:
            file.write(b"\0")
    assert depot.apply()["outcome"] == "repaired"
    assert (depot.end / "bin/python").is_symlink()
    assert depot.apply()["outcome"] == "unchanged"


@pytest.mark.parametrize("how", ["another release", "cannot run", "empty", "flattened"])
def test_what_was_a_copy_or_a_link_once_is_replaced(depot: Depot, how: str) -> None:
    file = replace(depot, "python")
    content = Path(depot.python_of("3.11")).resolve().read_bytes()
    match how:
        case "another release":  # the bytes of the interpreter, and some more
            file.write_bytes(content + b"\0")
            file.chmod(0o755)
        case "cannot run":
            file.write_bytes(content[: len(content) // 2] + b"Py_BytesMain\0")
            file.chmod(0o755)
        case "empty":
            file.touch()
        case _:
            file.write_text(depot.python_of("3.11"))
    assert depot.apply()["outcome"] == "repaired"
    assert depot.apply()["outcome"] == "unchanged"
