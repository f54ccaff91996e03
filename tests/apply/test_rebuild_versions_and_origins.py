"""A rebuild brings every package back at the version and from the place that it had, and says what changes."""

import json
import subprocess

import pytest

from envsync.cli.main import main
from harness.bench import files, listing
from harness.depot import Depot
from harness.stability import assert_fails, assert_stable, change, make
from harness.wheels import make_project, make_repository

pytestmark = [pytest.mark.sampled(18), pytest.mark.both_installers]


def release(depot: Depot) -> None:
    """Let newer releases of everything come out."""
    depot.wheel("app", "2.0", "lib>=1", extras={"fast": ["speed"]})
    for name, version in (("lib", "2.0"), ("speed", "4.0"), ("tool", "0.6")):
        depot.wheel(name, version)


@pytest.mark.parametrize("exact", ["exact = true", ""])
def test_versions_are_held_declared_or_not(depot: Depot, exact: str) -> None:
    before = make(depot, 'packages = ["app[fast]", "tool>=0.5"]', exact)
    requested = depot.requested()
    release(depot)
    assert_stable(depot)
    depot.flip("3.12")
    assert depot.command("plan")["packages"] == []
    assert change(depot, "rebuilt") == before
    if depot.installer == "pip":
        assert depot.requested() == requested


def test_versions_are_held_where_a_rebuild_is_asked_for(depot: Depot) -> None:
    before = make(depot, 'packages = ["app"]')
    release(depot)
    assert depot.apply("--force-rebuild", "one")["outcome"] == "rebuilt"
    assert depot.versions() == before
    assert_stable(depot)


@pytest.mark.parametrize("declared", ['packages = ["app"]', 'packages = ["app", "lib"]', ""])
@pytest.mark.parametrize("kind", ["editable", "candidate", "commit", "wheel"])
def test_what_was_put_in_by_hand_comes_back(depot: Depot, kind: str, declared: str) -> None:
    url, commit = make_repository(depot.root / "repo.git", "lib")
    depot.wheel("lib", "1.2rc1")
    wheel = depot.wheel("lib", "1.3").rename(depot.root / "lib-1.3-py3-none-any.whl")
    by_hand = {
        "editable": ["-e", str(make_project(depot.root / "lib", "lib", "1.5"))],
        "candidate": ["--prerelease=allow", "lib==1.2rc1"],
        "commit": [f"lib @ {url}@{commit}"],
        "wheel": [f"lib @ {wheel.as_uri()}"],
    }[kind]
    depot.make(declared)
    depot.install(*by_hand)
    before = (depot.versions(), depot.origins())
    assert depot.apply()["outcome"] in {"unchanged", "installed"}
    assert (depot.versions(), depot.origins()) == before
    depot.flip("3.12")
    change(depot, "rebuilt")
    assert (depot.versions(), depot.origins()) == before


def test_a_version_that_is_gone_keeps_the_old_environment_and_is_told(depot: Depot) -> None:
    before = make(depot, 'packages = ["app"]')
    release(depot)
    (depot.wheels / "lib-1.1-py3-none-any.whl").unlink()
    depot.flip("3.12")
    assert_fails(depot, "lib", "1.1", "on-missing")
    assert depot.versions() == before


def test_a_version_that_is_gone_is_replaced_where_that_is_allowed(depot: Depot) -> None:
    make(depot, 'packages = ["app", "tool"]', 'on-missing = "relax"')
    release(depot)
    (depot.wheels / "lib-1.1-py3-none-any.whl").unlink()
    depot.flip("3.12")
    entry = depot.apply()
    assert entry["outcome"] == "rebuilt", entry
    assert depot.versions() == {"app": "1.0", "lib": "2.0", "tool": "0.5"}
    assert entry["packages"] == [{"name": "lib", "before": "1.1", "after": "2.0"}]
    assert_stable(depot)


def test_a_version_that_the_declaration_forbids_by_now_is_not_held_in_silence(depot: Depot) -> None:
    make(depot, 'packages = ["app"]')
    release(depot)
    depot.flip("3.12")
    depot.declare('packages = ["app>=2"]')
    assert_fails(depot, "app", "on-missing")
    depot.declare('packages = ["app>=2"]', 'on-missing = "relax"')
    entry = depot.apply()
    assert (entry["outcome"], depot.versions()["app"]) == ("rebuilt", "2.0"), entry
    assert {"name": "app", "before": "1.0", "after": "2.0"} in entry["packages"]
    assert_stable(depot)


def test_what_would_not_be_consistent_is_not_swapped_in(depot: Depot) -> None:
    depot.wheel("picky", "1.0", 'lib>=2; python_version >= "3.12"')
    before = make(depot, 'packages = ["picky", "lib"]')
    release(depot)
    depot.flip("3.12")
    assert_fails(depot, "lib")
    assert depot.versions() == before


def test_a_file_that_a_rebuild_brings_names_what_changes_for_people(
    depot: Depot, capsys: pytest.CaptureFixture[str]
) -> None:
    make(depot, 'packages = ["app"]', 'on-missing = "relax"')
    release(depot)
    (depot.wheels / "app-1.0-py3-none-any.whl").unlink()
    depot.flip("3.12")
    assert main(["apply"]) == 0
    shown = capsys.readouterr().out
    assert "1.0 -> 2.0" in shown
    assert "app" in shown


def test_a_rebuild_keeps_a_generation_and_rollback_brings_it_back(depot: Depot) -> None:
    before = make(depot, 'packages = ["app"]')
    depot.flip("3.12")
    change(depot, "rebuilt")
    assert len(depot.generations()) == 1
    depot.flip("3.11")
    assert main(["rollback", "one"]) == 0
    assert depot.versions() == before
    assert_stable(depot)


def test_an_installation_keeps_a_generation_and_rollback_brings_it_back(depot: Depot) -> None:
    before = make(depot, 'packages = ["app"]')
    seen = {name: one.held for name, one in files(listing(depot.end)).items()}
    depot.declare('packages = ["app", "tool"]')
    change(depot)
    assert len(depot.generations()) == 1
    assert main(["rollback", "one"]) == 0
    assert depot.versions() == before
    assert {name: one.held for name, one in files(listing(depot.end)).items()} == seen
    assert main(["check"]) == 3
    assert change(depot) == before | {"tool": "0.5"}


def test_a_failed_rebuild_leaves_every_bit_as_it_was(depot: Depot) -> None:
    project = make_project(depot.root / "blog", "blog", "1.0", ["lib"])
    make(depot, 'project = "blog"', 'packages = ["app"]')
    (project / "backend.py").write_text('raise RuntimeError("the-reason")\n')
    depot.flip("3.12")
    assert_fails(depot, "the-reason")


def test_a_failed_installation_leaves_every_bit_as_it_was(depot: Depot) -> None:
    make(depot, 'packages = ["app"]')
    depot.install("tool")
    depot.declare('packages = ["app>=1.0", "tool", "lib==1.0", "nowhere"]')
    assert_fails(depot, "nowhere")
    depot.declare('packages = ["app"]', 'requirements = ["first.txt"]')
    (depot.root / "first.txt").write_text("lib==1.0\nbroken @ file:///nowhere/broken-1.0-py3-none-any.whl\n")
    assert_fails_or_conflicts(depot)


def assert_fails_or_conflicts(depot: Depot) -> None:
    before = listing(depot.end)
    assert depot.apply()["outcome"] in {"failed", "conflict"}
    assert {name: one.held for name, one in before.items()} == {
        name: one.held for name, one in listing(depot.end).items()
    }


def test_an_imported_environment_is_asked_about_once_and_nothing_is_installed(depot: Depot) -> None:
    subprocess.run(
        [depot.link / "python", "-m", "venv", "--without-pip", depot.path.resolve()], check=True, capture_output=True
    )
    depot.install("app", "lib==1.0")
    depot.declare('packages = ["app"]')
    entry = depot.apply()
    assert "install" not in {one["kind"] for one in entry["actions"]}, json.dumps(entry)
    assert depot.versions() == {"app": "1.0", "lib": "1.0"}
    assert_stable(depot)
