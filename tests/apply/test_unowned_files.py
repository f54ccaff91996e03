"""Files of the user's in an environment: never in the way of a repair, never taken along unsaid, never lost."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness.bench import build, listing, run
from harness.depot import Depot
from harness.wheels import make_repository

pytestmark = pytest.mark.sampled(3)

SITE = "lib/python3.11/site-packages"


def put(depot: Depot, *names: str) -> None:
    for name in names:
        (depot.end / name).parent.mkdir(parents=True, exist_ok=True)
        (depot.end / name).write_text(f"mine: {name}\n")


def with_data(depot: Depot, name: str, data: dict[str, str]) -> None:
    """Make a wheel that puts files below the environment's own directory."""
    depot.wheel(name, "1", files={f"{name}.py": "", **{f"{name}-1.data/data/{one}": data[one] for one in data}})


def assert_refused(depot: Depot, *arguments: str, named: str) -> None:
    """The pass names the file, says what to do, and leaves everything as it is."""
    before = listing(depot.root)
    entry = depot.apply(*arguments)
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "unowned-files")
    assert named in entry["conflict"]["message"]
    assert entry["conflict"]["hint"]
    assert listing(depot.root) == before


@pytest.mark.parametrize("name", ["main.py", "data/a.csv", ".env", "src/pkg/a.py", "Makefile"])
def test_beside_the_environment_they_keep_it_from_being_rebuilt(depot: Depot, name: str) -> None:
    depot.make()
    put(depot, name)
    assert depot.apply()["outcome"] == "unchanged"
    depot.flip("3.12")
    assert_refused(depot, named=name.partition("/")[0])


def test_in_a_directory_for_environments_packages_are_installed_beside_them(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    put(depot, "main.py")
    depot.declare('packages = ["app", "tool"]')
    assert depot.apply()["outcome"] == "installed"
    assert (depot.end / "main.py").read_text() == "mine: main.py\n"


def test_a_project_that_is_its_own_environment_is_not_exchanged_to_install_packages(depot: Depot) -> None:
    depot.directory = "blog"
    depot.make('packages = ["app"]')
    put(depot, "main.py")
    depot.declare('packages = ["app", "tool"]')
    assert_refused(depot, named="main.py")


def test_beside_it_they_keep_it_from_being_rebuilt_and_the_directory_from_being_moved(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    put(depot, "main.py")
    assert depot.command("check")["state"] == "in-sync"
    assert_refused(depot, "--force-rebuild", "one", named="main.py")
    depot.path.unlink()
    (depot.root / "ends/env").rename(depot.path)
    depot.declare('target = "moved"')
    run_ = depot.place.envsync("move", "one", "--json")
    assert (run_.status, run_.document["errors"][0]["code"]) == (1, "unowned-files")
    assert (depot.path / "main.py").read_text() == "mine: main.py\n"


def test_beside_it_they_keep_it_from_being_rolled_back(depot: Depot) -> None:
    depot.make()
    depot.flip("3.11")
    depot.apply("--force-rebuild", "one")
    put(depot, "main.py")
    assert depot.command("rollback", "one")["conflict"]["code"] == "unowned-files"
    assert (depot.end / "main.py").exists()


def test_a_repair_goes_on_in_place(depot: Depot) -> None:
    depot.make()
    put(depot, "main.py")
    (depot.end / "bin/python").unlink()
    assert depot.apply()["outcome"] == "repaired"
    assert depot.apply()["outcome"] == "unchanged"
    assert (depot.end / "main.py").exists()


def test_what_packages_and_other_tools_put_there_is_not_theirs(depot: Depot) -> None:
    with_data(depot, "strewn", {"LICENSE.txt": "", "man/man1/strewn.1": ""})
    depot.make('packages = ["strewn"]')
    assert (depot.end / "LICENSE.txt").exists()
    (depot.end / "empty/deeper").mkdir(parents=True)
    put(depot, ".DS_Store", ".project", ".nobackup", "__pycache__/a.pyc")
    depot.declare('packages = ["strewn", "tool"]')
    assert depot.apply()["outcome"] == "installed"
    depot.flip("3.12")
    assert depot.apply()["outcome"] == "rebuilt"
    assert (depot.end / ".project").read_text() == "mine: .project\n"
    assert (depot.end / "man/man1/strewn.1").exists()


def test_below_share_etc_and_include_they_come_along(depot: Depot) -> None:
    with_data(depot, "shared", {"share/shared/own.txt": "the package's"})
    depot.make('packages = ["shared"]')
    kernel = depot.end / "share/jupyter/kernels/mine"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps({"argv": [f"{depot.path}/bin/python"]}))
    (kernel / "kernel.json").chmod(0o600)
    (kernel / "logo.png").symlink_to("../../logo.png")
    (kernel / "dangling").symlink_to("/nowhere/at/all")
    put(
        depot, "etc/mine.conf", "include/mine.h", "share/shared/mine.txt", "lib/mine.txt", "bin/mine", f"{SITE}/mine.py"
    )
    depot.flip("3.12")
    copied, kept = depot.command("plan")["notes"]
    assert "share/jupyter/kernels/mine" in copied
    assert "etc/mine.conf" in copied
    assert ("bin/mine" in kept, f"{SITE}/mine.py" in kept) == (True, True)
    entry = depot.apply()
    assert (entry["outcome"], entry["notes"]) == ("rebuilt", [copied, kept])
    for name in ("etc/mine.conf", "include/mine.h", "share/shared/mine.txt", "lib/mine.txt"):
        assert (depot.end / name).read_text() == f"mine: {name}\n"
    assert json.loads((kernel / "kernel.json").read_text())["argv"] == [f"{depot.path}/bin/python"]
    assert (kernel / "kernel.json").stat().st_mode & 0o777 == 0o600
    assert (os.readlink(kernel / "logo.png"), os.readlink(kernel / "dangling")) == ("../../logo.png", "/nowhere/at/all")
    assert (depot.end / "share/shared/own.txt").read_text() == "the package's"
    assert "mine" not in (depot.site / "shared-1.dist-info/RECORD").read_text()
    assert not (depot.end / "bin/mine").exists()


def test_what_the_new_environment_has_is_never_overwritten(depot: Depot) -> None:
    with_data(depot, "shared", {"share/app/new.txt": "the package's"})
    depot.make('packages = ["lib"]')
    put(depot, "share/app/new.txt", "share/app/mine.txt")
    depot.declare('packages = ["lib", "shared"]')
    depot.flip("3.12")
    assert depot.apply()["outcome"] == "rebuilt"
    assert (depot.end / "share/app/new.txt").read_text() == "the package's"
    assert (depot.end / "share/app/mine.txt").exists()
    (kept,) = depot.generations()
    assert (kept / "share/app/new.txt").read_text() == "mine: share/app/new.txt\n"
    (removal,) = run(depot.place, depot.capsys, "prune", "--all")["removals"]
    assert removal["unowned"] == ["share/app/new.txt"]


def test_what_pip_has_cloned_comes_along(depot: Depot) -> None:
    depot.make()
    url, _ = make_repository(depot.root / "repo.git", "gitty")
    clone = depot.end / "src/gitty"
    clone.parent.mkdir()
    subprocess.run(["git", "clone", "-q", url.removeprefix("git+"), clone], check=True, capture_output=True)
    depot.install("-e", str(clone))
    (clone / "uncommitted.py").write_text("")
    depot.declare('packages = ["tool"]')
    assert depot.apply()["outcome"] == "installed"
    depot.flip("3.12")
    entry = depot.apply()
    assert entry["outcome"] == "rebuilt", entry
    assert (clone / "uncommitted.py").exists()
    assert "gitty" in depot.versions()


def test_prune_names_each_of_them_before_it_goes(depot: Depot) -> None:
    depot.make(head="keep = 1")
    put(depot, "bin/mine", f"{SITE}/own/a.py", f"{SITE}/own/deep/b.txt")
    (depot.end / "bin/empty").mkdir()
    depot.apply("--force-rebuild", "one")
    depot.apply("--force-rebuild", "one")
    names = ["bin/mine", f"{SITE}/own/a.py", f"{SITE}/own/deep/b.txt"]
    listed = run(depot.place, depot.capsys, "prune", "--all")["removals"]
    assert names in [one["unowned"] for one in listed]
    out = depot.place.envsync("prune", "--all").out
    assert [name for name in names if name not in out] == []
    depot.place.envsync("prune", "--yes")
    assert any((kept / "bin/mine").exists() for kept in depot.generations())
    gone = depot.place.envsync("prune", "--all", "--yes").out
    assert [name for name in names if name not in gone] == []
    assert depot.generations() == []


@pytest.mark.parametrize("builder", ["venv", "virtualenv", "uv"])
def test_no_generation_is_kept_for_empty_directories(depot: Depot, builder: str) -> None:
    depot.make('packages = ["app"]', head=f'builder = "{builder}"\nkeep = 0')
    (depot.end / "include/python3.11").mkdir(parents=True, exist_ok=True)
    (depot.end / "share/man/man1").mkdir(parents=True, exist_ok=True)
    (depot.site / "empty/directory").mkdir(parents=True)
    assert depot.apply("--force-rebuild", "one")["outcome"] == "rebuilt"
    assert depot.generations() == []


def test_a_project_that_is_its_own_environment_is_not_imported(
    depot: Depot, capsys: pytest.CaptureFixture[str]
) -> None:
    project = depot.root / "proj"
    build("venv", depot.python_of("3.11"), project)
    (project / "main.py").write_text("")
    build("venv", depot.python_of("3.11"), depot.root / "plain/.venv")
    depot.place.write("")
    document = run(depot.place, capsys, "import", ".")
    assert [Path(one["path"]).name for one in document["declared"]] == [".venv"]
    assert document["skipped"] == [str(project)]
    depot.place.write("")
    out = depot.place.envsync("import", ".").out
    assert "main.py" in out
    assert "directory of its own" in out


@pytest.mark.parametrize(
    ("name", "tool"), [("pipx_metadata.json", "pipx"), ("uv-receipt.toml", "uv"), (".tox-info.json", "tox")]
)
def test_an_environment_that_a_tool_has_marked_as_its_own_is_not_imported(depot: Depot, name: str, tool: str) -> None:
    build("venv", depot.python_of("3.11"), depot.root / "theirs")
    (depot.root / "theirs" / name).write_text("")
    depot.place.write("")
    out = depot.place.envsync("import", ".").out
    assert f"it belongs to {tool}" in out
    assert "[envs" not in depot.place.manifest.read_text()
