"""What a repair is about to link is run before anything is changed."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.links import fingerprint
from harness.place import Place
from harness.trees import compiled, make_tree

PythonOf = Callable[[str], str]


def files_of(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def deceiver(place: Place, python_of: PythonOf) -> Path:
    """Return a program that is reported apart from a Python by nothing but the environment that it does not make."""
    body = f"""
        if (!strstr(v[0], "envsync-probe")) v[0] = "{python_of("3.12")}";
        return execv("{python_of("3.12")}", v);
    """
    return compiled(place.root / "store/bin/python3", body)


def test_a_link_that_makes_no_environment_is_not_put_in(place: Place, python_of: PythonOf, deceiver: Path) -> None:
    subprocess.run([python_of("3.12"), "-m", "venv", "--without-pip", place.root / "blog"], check=True)
    before, links = files_of(place.root / "blog"), fingerprint(place.root / "blog")
    place.write(f'[envs.blog]\npath = "blog"\npython = "{deceiver}"\nprompt = "other"\n')
    run = place.envsync("apply", "--json")
    entry = run.environments["blog"]
    assert (run.status, entry["outcome"], entry["error"]["code"]) == (1, "failed", "verify-failed")
    assert str(deceiver) in entry["error"]["message"]
    assert "prefix" in entry["error"]["message"]
    assert entry["error"]["hint"]
    assert (files_of(place.root / "blog"), fingerprint(place.root / "blog")) == (before, links)
    assert place.python("blog", "import sys; print(sys.prefix)") == str(place.root / "blog")
    assert sorted(os.listdir(place.root)) == ["blog", "envs.toml", "store"]


def test_nothing_is_created_with_it_either(place: Place, deceiver: Path) -> None:
    place.write(f'[envs.blog]\npath = "blog"\npython = "{deceiver}"\n')
    entry = place.envsync("apply", "--json").environments["blog"]
    assert (entry["outcome"], entry["error"]["code"]) == ("failed", "verify-failed")
    assert not (place.root / "blog").exists()


def test_a_base_that_fails_at_start_is_not_linked(place: Place, python_of: PythonOf) -> None:
    # The probe starts without site, an environment with it.
    tree = place.root / "tree"
    python = make_tree(tree)
    (tree / "lib/python3.12/sitecustomize.py").write_text("import os\nos._exit(7)\n")
    subprocess.run([python_of("3.12"), "-m", "venv", "--without-pip", place.root / "blog"], check=True)
    place.write(f'[envs.blog]\npath = "blog"\npython = "{python}"\n')
    entry = place.envsync("apply", "--json").environments["blog"]
    assert "exit status 7" in entry["error"]["message"]
    assert place.python("blog", "import sys; print(sys.base_prefix)") == os.path.dirname(
        os.path.dirname(python_of("3.12"))
    )


def test_one_that_runs_is_linked_in_each_of_several_environments(place: Place, python_of: PythonOf) -> None:
    link = place.root / "python"
    link.symlink_to(python_of("3.12"))
    names = ("a", "b", "c")
    for name in names:
        subprocess.run([python_of("3.12"), "-m", "venv", "--without-pip", place.root / name], check=True)
        (place.root / name / "bin/python").unlink()
    place.write("".join(f'[envs.{name}]\npath = "{name}"\npython = "./python"\n' for name in names))
    assert {entry["outcome"] for entry in place.apply().values()} == {"repaired"}
    for name in names:
        assert os.readlink(place.root / name / "bin/python") == str(link)
        assert place.python(name, "import sys; print(sys.prefix)") == str(place.root / name)
    assert sorted(os.listdir(place.root)) == sorted((*names, "envs.toml", "python"))
