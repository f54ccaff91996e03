"""``expose = ["*"]``: every command of declared packages is in ``bin-dir``, and none of their dependencies."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.bench import run
from harness.depot import Depot
from harness.wheels import make_project, make_wheel


def exposed(depot: Depot) -> list[str]:
    directory = depot.root / "exposed"
    return sorted(os.listdir(directory)) if directory.exists() else []


def tools(depot: Depot, version: str = "1.0", names: Iterable[str] = ("main", "main-admin")) -> Path:
    """Make ``main`` with some commands; ``helper``, which it needs, has one too."""
    depot.wheel("helper", "1.0", scripts={"helper": "helper:main"})
    return depot.wheel("main", version, "helper", scripts=dict.fromkeys(names, "main:main"))


@pytest.mark.both_installers
def test_commands_of_declared_packages_are_exposed_and_those_of_dependencies_are_not(depot: Depot) -> None:
    tools(depot)
    depot.make('packages = ["main"]', 'expose = ["*"]')
    assert "helper" in os.listdir(depot.path / "bin")
    assert exposed(depot) == ["main", "main-admin"]
    assert os.readlink(depot.root / "exposed/main") == f"{depot.path}/bin/main"
    done = subprocess.run([depot.root / "exposed/main"], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == f"main 1.0 {depot.path}"
    assert depot.apply()["outcome"] == "unchanged"


def test_an_upgrade_brings_a_new_command_in_the_same_pass(depot: Depot) -> None:
    tools(depot)
    depot.make('packages = ["main"]', 'expose = ["*"]')
    tools(depot, "2.0", ["main", "main-new"])
    run(depot.place, depot.capsys, "upgrade")
    assert depot.versions()["main"] == "2.0"
    assert exposed(depot) == ["main", "main-admin", "main-new"]
    assert depot.apply()["outcome"] == "unchanged"
    depot.place.envsync("prune", "--yes")
    assert exposed(depot) == ["main", "main-new"]  # what the upgrade dropped is a former link


def test_what_is_installed_by_hand_is_seen_though_all_was_in_sync(depot: Depot) -> None:
    tools(depot)
    depot.make('packages = ["main"]', 'expose = ["*"]')
    assert depot.apply()["outcome"] == "unchanged"
    depot.install("--reinstall", "--no-index", str(tools(depot, "2.0", ["main", "main-new"])))
    entry = depot.apply()
    assert [one["code"] for one in entry["drift"]] == ["expose-missing"]
    assert "main-new" in exposed(depot)


@pytest.mark.both_installers
def test_requirements_files_declare_by_name_by_path_and_through_others(depot: Depot) -> None:
    tools(depot)
    make_project(depot.root / "project-dir", "own", dependencies=["helper"])
    wheel = make_wheel(depot.root / "elsewhere", "byfile", "1.0", scripts={"byfile": "byfile:main"})
    (depot.root / "r.txt").write_text(f"-r more.txt\n-c limits.txt\n./project-dir\n{wheel}\n")
    (depot.root / "more.txt").write_text("Main >= 1  # a comment\n")
    (depot.root / "limits.txt").write_text("helper < 2\n")
    depot.make('requirements = ["r.txt"]', 'expose = ["*"]')
    assert exposed(depot) == ["byfile", "main", "main-admin", "own"]


def test_a_project_exposes_its_own_commands_and_those_of_its_groups(depot: Depot) -> None:
    tools(depot)
    more = '[dependency-groups]\ndev = ["main"]\nother = ["tool"]'
    make_project(depot.root / "src", "own", dependencies=["helper"], more=more)
    depot.make('project = "src"', 'groups = ["dev"]', 'expose = ["*"]')
    assert exposed(depot) == ["main", "main-admin", "own"]


def test_bundles_declare_and_a_rename_wins(depot: Depot) -> None:
    tools(depot)
    lines = 'bundles = ["all"]', 'expose = ["*", "main:first"]'
    depot.make(*lines, head='[bundles]\nall = ["main", "tool"]\n')
    assert exposed(depot) == ["first", "main-admin", "tool"]


def test_a_taken_command_is_left_out_and_the_others_are_linked(depot: Depot) -> None:
    tools(depot)
    (depot.root / "exposed").mkdir()
    (depot.root / "exposed/main").write_text("mine")
    depot.make('packages = ["main"]', 'expose = ["*"]')
    assert exposed(depot) == ["main", "main-admin"]
    assert (depot.root / "exposed/main").read_text() == "mine"
    assert [one["code"] for one in depot.apply()["left_out"]] == ["expose-taken"]


def test_what_another_environment_exposes_by_name_is_left_to_it(depot: Depot) -> None:
    tools(depot)
    other = '[envs.two]\npath = "two"\npackages = ["main"]\nexpose = ["main"]\n'
    depot.declare('packages = ["main"]', 'expose = ["*"]', other)
    entries = run(depot.place, depot.capsys, "apply")["environments"]
    assert [one.get("left_out", []) for one in entries] == [[], []]
    assert os.readlink(depot.root / "exposed/main") == f"{depot.root}/two/bin/main"
    assert exposed(depot) == ["main", "main-admin"]


def test_pip_and_other_scripts_count_where_they_are_declared(depot: Depot) -> None:
    depot.make('packages = ["tool"]', 'expose = ["*"]', head='builder = "virtualenv"\n')
    assert exposed(depot) == ["tool"]
    script = depot.path / "bin/helper.sh"
    script.write_text("data\n")
    (record,) = depot.site.glob("tool-*.dist-info/RECORD")
    record.write_text(f"{record.read_text()}../../../bin/helper.sh,,\n../../../bin/python,,\n../../../bin/activate,,\n")
    assert depot.apply()["outcome"] == "unchanged"
    script.chmod(0o755)
    (depot.path / "bin/activate").chmod(0o755)
    depot.apply()
    assert exposed(depot) == ["helper.sh", "tool"]


def test_a_star_that_stands_for_no_command_says_so(depot: Depot) -> None:
    depot.wheel("bare", "1.0")
    depot.make('packages = ["bare"]', 'expose = ["*"]')
    assert [note for note in depot.apply()["notes"] if "no declared package has a command" in note]
    depot.declare('expose = ["*"]')
    assert [note for note in depot.apply()["notes"] if "no package is declared" in note]


def test_a_name_that_two_environments_expose_is_the_first_ones(depot: Depot) -> None:
    tools(depot)
    other = '[envs.two]\npath = "two"\npackages = ["main"]\nexpose = ["main", "main-admin"]\n'
    depot.declare('packages = ["main"]', 'expose = ["main"]', other)
    for outcome in ("created", "unchanged"):
        one, two = run(depot.place, depot.capsys, "apply")["environments"]
        assert [entry["outcome"] for entry in (one, two)] == [outcome, outcome]
        assert one["left_out"] == []
        assert [(left["code"], "main:main-two" in left["hint"]) for left in two["left_out"]] == [("expose-taken", True)]
    assert os.readlink(depot.root / "exposed/main") == f"{depot.path}/bin/main"
    assert exposed(depot) == ["main", "main-admin"]
