"""Declared packages come to be installed, by uv and by pip, and nothing in the environment tells where it was built."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from envsync.cli.main import main
from envsync.report.terminal import abbreviate_in_commands
from harness.bench import Listing, changed, files, listing, staged
from harness.depot import Depot, broken_records, naming
from harness.wheels import make_project, make_repository

pytestmark = pytest.mark.sampled(5)

APP = {"app": "1.0", "lib": "1.1"}


def assert_whole(depot: Depot) -> None:
    """Nothing names where it was built, records are true, and the next pass finds nothing to do."""
    assert naming(depot.end, ".envsync-") == []
    assert list(broken_records(depot.path, depot.site)) == []
    assert depot.partial_files() == []
    before = listing(depot.root)
    assert depot.apply()["outcome"] == "unchanged"
    assert changed(before, listing(depot.root)) == set()


@pytest.mark.both_installers
def test_packages_requirements_and_constraints_are_installed_in_a_new_environment(depot: Depot) -> None:
    (depot.root / "more.txt").write_text("tool  # a comment\n")
    (depot.root / "all.txt").write_text("-r more.txt\n")
    (depot.root / "limits.txt").write_text("lib<1.1\nunused==7\n")
    depot.make('packages = ["app[fast]>=1"]', 'requirements = ["all.txt"]', 'constraints = ["limits.txt"]')
    assert depot.versions() == {"app": "1.0", "lib": "1.0", "speed": "3.0", "tool": "0.5"}
    assert depot.requested() == (set(depot.versions()) if depot.installer == "uv" else {"app", "tool"})
    assert depot.says("app") == f"app 1.0 {depot.path}"
    assert_whole(depot)


@pytest.mark.parametrize(("installer", "editable"), [("uv", True), ("uv", False), ("pip", True)])
def test_a_project_is_installed_with_its_dependencies_extras_and_groups(depot: Depot, editable: bool) -> None:
    optional = 'optional-dependencies = { x = ["speed"], y = ["nowhere"] }'
    groups = '[dependency-groups]\ndev = ["tool"]\nno = ["nowhere"]'
    project = make_project(depot.root / "blog", "blog", "1.0", ["app"], f"{optional}\n{groups}")
    depot.make('project = "blog"', 'extras = ["x"]', 'groups = ["dev"]', f"editable = {json.dumps(editable)}")
    assert depot.versions() == APP | {"blog": "1.0", "speed": "3.0", "tool": "0.5"}
    assert depot.origins()["blog"] == {
        "url": f"file://{project}",
        "editable": editable,
        "commit": None,
        "subdirectory": None,
    }
    assert depot.says("blog") == f"blog 1.0 {depot.path}"
    (project / "blog.py").write_text('def main():\n    print("new")\n')
    assert (depot.says("blog") == "new") == editable
    assert_whole(depot)


@pytest.mark.both_installers
def test_what_is_declared_later_is_installed_into_the_environment_that_is_there(depot: Depot) -> None:
    depot.make('packages = ["lib==1.0"]')
    before = files(listing(depot.end))
    depot.declare('packages = ["lib==1.0", "tool"]')
    entry = depot.apply()
    assert (entry["outcome"], [one["kind"] for one in entry["actions"]]) == ("installed", ["install"])
    assert [one["code"] for one in entry["drift"]] == ["packages"]
    assert_same_files(before, files(listing(depot.end)))
    assert depot.versions() == {"lib": "1.0", "tool": "0.5"}
    assert depot.says("tool") == f"tool 0.5 {depot.path}"
    assert_whole(depot)


@pytest.mark.both_installers
def test_exact_removes_what_nothing_declares_but_not_what_is_needed(depot: Depot) -> None:
    depot.make('packages = ["app", "tool"]', "exact = true")
    depot.declare('packages = ["app"]', "exact = true")
    entry = depot.apply()
    assert entry["outcome"] == "installed", entry
    assert depot.versions() == APP
    assert not (depot.path / "bin/tool").exists()
    assert_whole(depot)


def test_without_exact_what_nothing_declares_stays(depot: Depot) -> None:
    depot.make('packages = ["app", "tool"]')
    depot.declare('packages = ["app"]')
    assert depot.apply()["outcome"] == "unchanged"
    assert depot.versions() == APP | {"tool": "0.5"}


def test_a_repository_is_installed_at_the_commit_that_is_asked_for(depot: Depot) -> None:
    url, commit = make_repository(depot.root / "repo.git", "gitty", "inner")
    depot.make(f'packages = ["gitty @ {url}@{commit}#subdirectory=inner"]')
    origin = depot.origins()["gitty"]
    assert (origin["url"], origin["commit"]) == (url.removeprefix("git+"), commit)
    assert origin["subdirectory"] == "inner"
    assert depot.says("gitty") == f"gitty 1.0 {depot.path}"
    assert_whole(depot)


@pytest.mark.parametrize(
    ("installer", "directory"),
    [("uv", "my env/.venv"), ("uv", "d" * 90 + "/" + "e" * 90), ("pip", "my env/" + "d" * 90 + "/" + "e" * 90)],
    ids=["blank", "long", "both with pip"],
)
def test_scripts_run_at_a_path_that_no_first_line_can_hold(depot: Depot, directory: str) -> None:
    depot.directory = directory
    depot.make('packages = ["app"]')
    assert depot.says("app") == f"app 1.0 {depot.path}"
    assert_whole(depot)


def test_scripts_name_the_declared_path_and_not_the_target_behind_it(depot: Depot) -> None:
    depot.directory = "linked"
    depot.make('target = "far"', 'packages = ["app"]')
    assert os.readlink(depot.path) == str(depot.root / "state/far")
    assert (depot.path / "bin/app").read_text().splitlines()[0] == f"#!{depot.path}/bin/python"
    assert depot.says("app") == f"app 1.0 {depot.path}"
    assert_whole(depot)


def assert_told(depot: Depot, name: str) -> dict[str, Any]:
    """A failed installation names what is wrong, and the log, in which all is that the installer said."""
    entry = depot.apply()
    assert (entry["outcome"], entry["error"]["code"]) == ("failed", "install-failed")
    assert name in entry["error"]["message"]
    log = Path(entry["error"]["hint"].partition("log: ")[2])
    assert name in log.read_text()
    assert "install" in log.read_text().splitlines()[0]
    return entry


def test_a_failed_installation_is_told_to_people(depot: Depot, capsys: pytest.CaptureFixture[str]) -> None:
    depot.declare('packages = ["tool", "of-no-index>=7"]')
    entry = assert_told(depot, "of-no-index")
    assert main(["apply"]) == 1
    shown = capsys.readouterr().out
    assert "of-no-index" in shown
    assert abbreviate_in_commands(entry["error"]["hint"]) in shown


def test_a_failed_installation_leaves_nothing_at_the_path(depot: Depot) -> None:
    depot.declare('packages = ["tool", "of-no-index>=7"]')
    assert_told(depot, "of-no-index")
    assert not depot.path.exists()
    assert os.listdir(depot.root / "ends") == []


def assert_same_files(before: Listing, after: Listing) -> None:
    """What was there is there, untouched except what staging does."""
    for name, seen in staged(before).items():
        if name not in {".lock", "pyvenv.cfg"}:  # pyvenv.cfg says what was installed, and for which declarations
            assert seen == staged(after)[name], name


@pytest.mark.both_installers
def test_a_failed_installation_leaves_the_old_packages(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    before = files(listing(depot.end))
    depot.declare('packages = ["app", "of-no-index>=7"]')
    assert_told(depot, "of-no-index")
    assert_same_files(before, files(listing(depot.end)))
    assert depot.partial_files() == []


@pytest.mark.both_installers
def test_a_failed_build_is_told_with_its_reason(depot: Depot) -> None:
    project = make_project(depot.root / "blog", "blog")
    (project / "backend.py").write_text('raise RuntimeError("the-reason-why")\n')
    depot.declare('project = "blog"')
    assert_told(depot, "the-reason-why")
    assert not depot.path.exists()


def test_one_installation_that_fails_stops_only_its_environment(depot: Depot) -> None:
    depot.declare('packages = ["of-no-index"]', "[envs.two]", 'path = "two"', 'packages = ["tool"]')
    done = depot.place.envsync("apply", "--json", **os.environ)
    outcomes = {name: entry["outcome"] for name, entry in done.environments.items()}
    assert (outcomes, done.status) == ({"one": "failed", "two": "created"}, 1)


def test_files_of_packages_share_the_installers_cache(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_LINK_MODE", "hardlink")
    monkeypatch.setenv("UV_CACHE_DIR", str(depot.root / "cache"))
    depot.make('packages = ["app"]')
    for name in ("app.py", "lib.py", "app-1.0.dist-info/METADATA"):
        assert (depot.site / name).stat().st_nlink > 1
    assert naming(depot.root / "cache/archive-v0", str(depot.root / "ends")) == []
    assert_whole(depot)


@pytest.mark.both_installers
def test_the_user_is_not_asked_and_no_setting_leads_elsewhere(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_TARGET", "PIP_PREFIX", "UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV", "UV_PYTHON", "PYTHONPATH"):
        monkeypatch.setenv(name, str(depot.root / "elsewhere"))
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    depot.make('packages = ["app"]')
    assert depot.versions() == APP
    assert not (depot.root / "elsewhere").exists()


def test_commands_are_exposed_as_soon_as_they_are_installed(depot: Depot) -> None:
    depot.make('packages = ["app"]', 'expose = ["app"]')
    exposed = depot.root / "exposed/app"
    assert os.readlink(exposed) == f"{depot.path}/bin/app"
    done = subprocess.run([exposed], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == f"app 1.0 {depot.path}"
