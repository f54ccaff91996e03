"""Packages are where the environment's own Python looks for them, in ``lib`` and ``lib64``, and nowhere else."""

import os
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from envsync.apply import verify
from envsync.model.blueprint import Blueprint
from harness.depot import Depot
from harness.lib64 import make_lib64_python

pytestmark = pytest.mark.sampled(8)

BUILDERS = ("virtualenv", "venv", "uv")
AGAIN = {
    "venv": ("-m", "venv", "--without-pip"),
    "venv --upgrade": ("-m", "venv", "--without-pip", "--upgrade"),
    "uv": (),
}


@pytest.fixture
def depot(depot: Depot) -> Depot:
    depot.wheel("native", "1.0", pure=False, scripts={"native": "native:main"})
    mixed = {"mixed.py": "import mixed_native\n", "mixed-1.0.data/platlib/mixed_native.py": ""}
    depot.wheel("mixed", "1.0", files=mixed)
    return depot


@pytest.fixture
def lib64(depot: Depot) -> Depot:
    """Let the interpreter be one that has ``lib64``."""
    depot.name = "lib64"
    make_lib64_python(depot.python_of("3.10"), depot.link.parent)
    return depot


def move_on(depot: Depot, version: str, head: str = "") -> None:
    """Declare another interpreter."""
    depot.name = "3"
    depot.flip(version)
    depot.declare(head=head)


def imports(depot: Depot, *modules: str) -> bool:
    command = [str(depot.path / "bin/python"), "-I", "-c", f"import {', '.join(modules)}"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def build_again(depot: Depot, how: str) -> None:
    """Run a builder over the environment, as people do after an upgrade."""
    python = str(depot.link / "python")
    command = [python, *AGAIN[how]] if AGAIN[how] else [find_uv_bin(), "venv", "-q", "--allow-existing", "-p", python]
    subprocess.run([*command, str(depot.end)], check=True, cwd=depot.root)


@pytest.mark.parametrize("builder", BUILDERS)
def test_compiled_packages_are_seen_and_come_back_where_there_is_lib64(builder: str, lib64: Depot) -> None:
    lib64.make('packages = ["native", "mixed"]', head=f'builder = "{builder}"')
    assert imports(lib64, "native", "mixed")
    assert lib64.apply("--deep")["outcome"] == "unchanged"
    lib64.declare(head=f'builder = "{builder}"')
    entry = lib64.apply("--force-rebuild", "one")
    assert (entry["outcome"], imports(lib64, "native", "mixed")) == ("rebuilt", True), entry
    assert lib64.says("native") == f"native 1.0 {lib64.path}"
    move_on(lib64, "3.12", f'builder = "{builder}"')
    assert (lib64.apply()["outcome"], imports(lib64, "native", "mixed")) == ("rebuilt", True)
    assert lib64.apply("--deep")["outcome"] == "unchanged"


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_damaged_file_in_lib64_is_put_right(builder: str, lib64: Depot) -> None:
    lib64.make('packages = ["native", "mixed"]', head=f'builder = "{builder}"')
    for name in ("native.py", "mixed_native.py"):
        (lib64.path / "lib64/python3.10/site-packages" / name).unlink()
    assert lib64.apply("--deep")["outcome"] == "installed"
    assert imports(lib64, "native", "mixed")
    assert lib64.apply("--deep")["outcome"] == "unchanged"


def test_packages_left_in_a_lib64_that_the_new_python_does_not_see_come_back(lib64: Depot) -> None:
    lib64.make('packages = ["native"]', head='builder = "virtualenv"')
    assert (lib64.path / "lib64").is_dir()
    assert not (lib64.path / "lib64").is_symlink()
    move_on(lib64, "3.10")
    entry = lib64.command("plan")
    assert [(one["code"], "lib64/python3.10" in one["message"]) for one in entry["drift"]] == [("layout", True)]
    assert (lib64.apply()["outcome"], imports(lib64, "native")) == ("rebuilt", True)
    assert lib64.apply()["outcome"] == "unchanged"


def test_a_lib64_that_is_gone_is_linked_again(lib64: Depot) -> None:
    lib64.make(head='builder = "venv"')
    (lib64.path / "lib64").unlink()
    assert lib64.apply()["outcome"] == "repaired"
    assert os.readlink(lib64.path / "lib64") == "lib"


@pytest.mark.parametrize("how", AGAIN)
def test_what_a_builder_run_again_has_hidden_comes_back(how: str, depot: Depot) -> None:
    depot.make('packages = ["app"]')
    depot.install("tool")
    depot.flip("3.12")
    build_again(depot, how)
    entry = depot.command("plan")
    assert [one["code"] for one in entry["drift"]] == ["python-minor"]
    assert "lib/python3.11" in entry["drift"][0]["message"]
    assert depot.apply()["outcome"] == "rebuilt"
    assert depot.versions() == {"app": "1.0", "lib": "1.1", "tool": "0.5"}
    assert depot.apply()["outcome"] == "unchanged"


def test_of_two_versions_that_which_its_own_python_sees_comes_back(depot: Depot) -> None:
    depot.make('packages = ["lib<1.1", "tool"]')
    depot.flip("3.12")
    build_again(depot, "venv")
    depot.install("lib==1.1")
    depot.declare('packages = ["lib>=1.1"]')
    assert depot.apply()["outcome"] == "rebuilt"
    assert depot.versions() == {"lib": "1.1", "tool": "0.5"}


def test_a_library_of_another_python_with_nothing_but_seeds_is_left_alone(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    other = depot.path / "lib/python3.9/site-packages"
    (other / "pip-23.0.dist-info").mkdir(parents=True)
    assert depot.apply()["outcome"] == "unchanged"
    (other / "old-1.0.dist-info").mkdir()
    (other / "old-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n")
    assert {one["code"] for one in depot.command("check")["drift"]} == {"python-minor"}


@pytest.mark.parametrize("name", ["python3.11.bak", "old", "python3.12"])
def test_a_renamed_library_is_where_packages_come_back_from(name: str, depot: Depot) -> None:
    depot.make('packages = ["app"]')
    depot.install("tool")
    (depot.path / "lib/python3.11").rename(depot.path / "lib" / name)
    entry = depot.command("plan")
    assert [(one["code"], name in one["message"]) for one in entry["drift"]] == [("layout", True)]
    assert depot.apply()["outcome"] == "rebuilt"
    assert depot.versions() == {"app": "1.0", "lib": "1.1", "tool": "0.5"}
    assert depot.apply()["outcome"] == "unchanged"


def test_a_library_that_was_renamed_for_another_python_is_rebuilt(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    (depot.path / "lib/python3.11").rename(depot.path / "lib/python3.12")
    depot.flip("3.12")
    assert [one["code"] for one in depot.command("plan")["drift"]] == ["python-minor"]
    assert depot.apply()["outcome"] == "rebuilt"


@pytest.mark.parametrize("name", ["bin", "lib", "lib/python3.11", "lib/python3.11/site-packages"])
def test_nothing_is_written_through_a_link_and_the_remedy_makes_way(name: str, depot: Depot) -> None:
    depot.make('packages = ["app"]')
    elsewhere = depot.root / "elsewhere"
    (depot.path / name).rename(elsewhere)
    (depot.path / name).symlink_to(elsewhere)
    assert depot.apply()["outcome"] == "unchanged"
    depot.declare('packages = ["app", "tool"]')
    before = sorted(elsewhere.rglob("*"))
    entry = depot.apply()
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "linked-inside")
    assert sorted(elsewhere.rglob("*")) == before
    subprocess.run(entry["conflict"]["hint"].partition(": ")[2], check=True, shell=True)  # noqa: S602  # as it says
    assert depot.apply()["outcome"] == "installed"
    assert (depot.says("app"), imports(depot, "tool")) == (f"app 1.0 {depot.path}", True)


@pytest.mark.parametrize("name", ["bin", "lib"])
def test_a_link_in_a_circle_is_told_and_not_replaced(name: str, depot: Depot) -> None:
    depot.make()
    (depot.path / name).rename(depot.root / "away")
    (depot.path / name).symlink_to(name)
    entry = depot.apply()
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "linked-inside")
    (depot.path / name).unlink()
    assert depot.apply()["outcome"] == "rebuilt"


def test_import_freezes_what_the_python_of_the_environment_sees(depot: Depot) -> None:
    depot.make('packages = ["lib<1.1", "tool"]')
    depot.flip("3.12")
    build_again(depot, "venv")
    depot.install("lib==1.1")
    other = depot.root / "other.toml"
    other.write_text("version = 1\n")
    assert depot.place.envsync("--file", str(other), "import", "--freeze", "--versions", str(depot.end)).status == 0
    assert 'packages = ["lib==1.1"]' in other.read_text()


def test_what_is_built_has_to_import_from_where_packages_go(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    runs_as = verify.runs_as

    def without_site(place: str, blueprint: Blueprint) -> None:
        code = "import sys; sys.path[:] = [one for one in sys.path if not one.endswith('site-packages')]\n"
        (Path(place) / "lib/python3.11/site-packages/nosite.pth").write_text(code)
        runs_as(place, blueprint)

    monkeypatch.setattr(verify, "runs_as", without_site)
    depot.declare()
    entry = depot.apply()
    assert (entry["outcome"], entry["error"]["code"]) == ("failed", "verify-failed")
    assert "lib/python3.11/site-packages" in entry["error"]["message"]


def test_a_lib64_of_the_users_is_a_conflict_in_a_rebuild_and_stays(depot: Depot) -> None:
    depot.make('packages = ["lib==1.0"]')
    (depot.root / "elsewhere").mkdir()
    (depot.path / "lib64").unlink(missing_ok=True)
    (depot.path / "lib64").symlink_to(depot.root / "elsewhere")
    entry = depot.command("apply", "--force-rebuild", "one")
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "linked-inside")
    assert os.readlink(depot.path / "lib64") == str(depot.root / "elsewhere")


def test_a_seed_in_another_library_is_not_taken_for_an_installed_package(depot: Depot) -> None:
    depot.make()
    other = depot.path / "lib/python3.9/site-packages/pip-23.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Name: pip\nVersion: 23.0\n")
    (depot.path / "notes.txt").write_text("mine")
    depot.declare('packages = ["pip"]')
    entry = depot.command("plan")
    assert entry["state"] != "in-sync", "pip cannot be imported"
