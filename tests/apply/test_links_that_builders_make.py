"""Symlinks that builders and installers make are not the user's: they keep nothing from being rebuilt."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.depot import Depot

pytestmark = pytest.mark.sampled(3)


def test_a_link_of_its_own_name_that_venv_was_run_by_comes_back(depot: Depot) -> None:
    links = depot.root / "links"
    links.mkdir()
    main = links / "py-main"
    main.symlink_to(f"{os.path.dirname(depot.python_of('3.11'))}/python3.11")
    subprocess.run([main, "-m", "venv", "--without-pip", depot.end], check=True)
    assert (depot.end / "bin/py-main").is_symlink()
    depot.place.write(f'[envs.one]\npath = "env"\npython = "{main}"\n')
    depot.apply()
    main.unlink()
    main.symlink_to(f"{os.path.dirname(depot.python_of('3.12'))}/python3.12")
    assert depot.apply()["outcome"] == "rebuilt"
    command = [f"{depot.path}/bin/py-main", "-c", "import sys; print(sys.prefix)"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == f"{depot.path}\n"
    assert depot.apply()["outcome"] == "unchanged"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("\N{MATHEMATICAL ITALIC SMALL PI}thon", "python"),
        ("python3.11d", "python3.11"),
        ("pythonw", "python"),
        ("libpypy3.10-c.so", "@/libpypy3.10-c.so"),
        ("libpypy3.11-c.so", "/opt/gone/bin/libpypy3.11-c.so"),
        ("mypy3", "python3"),
    ],
)
def test_further_names_of_the_interpreter_and_its_parts_are_the_builders(depot: Depot, name: str, text: str) -> None:
    tree = depot.root / "tree"
    shutil.copytree(Path(depot.python_of("3.11")).resolve().parent, tree / "bin", symlinks=True)
    (tree / "lib").symlink_to(Path(depot.python_of("3.11")).resolve().parents[1] / "lib")
    (tree / "bin/libpypy3.10-c.so").touch()
    depot.point(str(tree / "bin"))
    depot.make()
    (depot.end / "bin" / name).symlink_to(text.replace("@", str(tree / "bin")))
    depot.flip("3.12")
    assert depot.apply()["outcome"] == "rebuilt"
    comes_back = not name.startswith(("python", "lib"))
    assert (depot.end / "bin" / name).exists() == comes_back


@pytest.mark.parametrize("text", ["@/pip", "/usr/bin/env", "../share/tool"])
def test_a_link_of_the_users_beside_the_interpreter_stays_theirs(depot: Depot, text: str) -> None:
    depot.make()
    (depot.end / "bin/tool").symlink_to(text.replace("@", os.path.dirname(depot.python_of("3.11"))))
    depot.flip("3.12")
    entry = depot.apply()
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "linked-inside")


def test_a_repair_takes_further_names_of_the_interpreter_along(depot: Depot) -> None:
    depot.make()
    (depot.end / "bin/py-main").symlink_to(os.readlink(depot.end / "bin/python"))
    depot.name = "other"
    depot.flip("3.11")
    depot.declare()
    assert depot.apply()["outcome"] == "repaired"
    shutil.rmtree(depot.root / "pythons/3")
    depot.flip("3.12")
    assert depot.apply()["outcome"] == "rebuilt"


@pytest.mark.parametrize("clean", [False, True])
def test_files_that_uv_linked_from_its_cache_are_the_installers(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, clean: bool
) -> None:
    cache = depot.root / "cache-of-uv"
    monkeypatch.setenv("UV_CACHE_DIR", str(cache))
    monkeypatch.setenv("UV_LINK_MODE", "symlink")
    depot.make()
    depot.install("app", "tool")
    assert (depot.site / "tool.py").is_symlink()
    if clean:
        depot.uv("cache", "clean")
    monkeypatch.delenv("UV_LINK_MODE")
    if clean:
        entry = depot.apply("--deep")
        assert entry["outcome"] == "installed", entry["conflicts"]
        assert depot.says("app").startswith("app 1.0")
    depot.flip("3.12")
    entry = depot.apply()
    assert entry["outcome"] == "rebuilt", entry
    assert depot.says("tool").startswith("tool 0.5")


def test_a_working_copy_in_place_of_an_installed_file_is_the_users(depot: Depot) -> None:
    depot.make('packages = ["tool"]')
    (depot.root / "mine.py").write_text("mine = 1\n")
    (depot.site / "tool.py").unlink()
    (depot.site / "tool.py").symlink_to(depot.root / "mine.py")
    depot.flip("3.12")
    entry = depot.apply()
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "linked-inside")
