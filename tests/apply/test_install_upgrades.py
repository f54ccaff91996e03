"""Newer releases are taken where somebody asks for them, within the declarations, and told before and after."""

import pytest

from envsync.cli.main import main
from harness.bench import changed, files, listing
from harness.depot import Depot
from harness.stability import assert_stable, make, skip_unless
from harness.wheels import make_project

pytestmark = [pytest.mark.sampled(18), pytest.mark.both_installers]
AGAIN = [
    {"name": "app", "before": "1.0", "after": "1.5"},
    {"name": "lib", "before": "1.1", "after": "2.0"},
]


def release(depot: Depot) -> None:
    for version in ("1.5", "2.0"):
        depot.wheel("app", version, "lib>=1")
    depot.wheel("lib", "2.0")


def outdated(depot: Depot) -> None:
    """Make an environment for whose packages newer releases come out then."""
    make(depot, 'packages = ["app<2", "tool"]')
    release(depot)
    assert_stable(depot)


def test_what_could_be_upgraded_is_listed_and_nothing_is_changed(
    depot: Depot, capsys: pytest.CaptureFixture[str]
) -> None:
    outdated(depot)
    before = files(listing(depot.root))
    for arguments in (["outdated"], ["upgrade", "--dry-run"]):
        entry = depot.command(*arguments)
        assert sorted(entry["packages"], key=lambda one: one["name"]) == AGAIN, arguments
        capsys.readouterr()
        assert main(arguments) == 0
        shown = capsys.readouterr().out
        assert all(word in shown for word in ("app", "1.0", "1.5", "lib", "1.1", "2.0")), shown
        assert "tool" not in shown
    assert changed(before, files(listing(depot.root))) == set()
    assert_stable(depot)


def test_an_upgrade_takes_the_newest_that_is_declared_and_keeps_a_generation(depot: Depot) -> None:
    outdated(depot)
    entry = depot.command("upgrade")
    assert sorted(entry["packages"], key=lambda one: one["name"]) == AGAIN
    assert depot.versions() == {"app": "1.5", "lib": "2.0", "tool": "0.5"}
    assert_stable(depot)
    assert len(depot.generations()) == 1
    assert depot.command("outdated")["packages"] == []
    entry = depot.command("upgrade")
    assert (entry["outcome"], entry["packages"]) == ("unchanged", [])
    assert len(depot.generations()) == 1
    assert main(["rollback", "one"]) == 0
    assert depot.versions() == {"app": "1.0", "lib": "1.1", "tool": "0.5"}
    assert_stable(depot)


def test_one_package_is_upgraded_and_the_others_stay(depot: Depot) -> None:
    outdated(depot)
    entry = depot.command("upgrade", "one", "--package", "App")
    assert depot.versions() == {"app": "1.5", "lib": "1.1", "tool": "0.5"}
    assert entry["packages"] == AGAIN[:1]
    assert_stable(depot)


def test_a_package_that_only_others_need_is_upgraded_by_name(depot: Depot) -> None:
    outdated(depot)
    depot.command("upgrade", "--package", "lib")
    assert depot.versions() == {"app": "1.0", "lib": "2.0", "tool": "0.5"}
    assert_stable(depot)


def test_a_package_that_is_not_installed_is_told(depot: Depot) -> None:
    outdated(depot)
    entry = depot.command("upgrade", "--package", "nowhere")
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "upgrade-unknown")
    assert entry["conflict"]["message"] == "nowhere is not installed"
    assert depot.versions() == {"app": "1.0", "lib": "1.1", "tool": "0.5"}


def test_environments_without_the_package_are_left_out_and_named(
    depot: Depot, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_unless(depot, "uv")
    outdated(depot)
    with depot.place.manifest.open("a") as manifest:
        manifest.write(f'[envs.two]\npath = "two"\npython = "{depot.link}/python"\npackages = ["tool"]\n')
    assert main(["apply"]) == 0
    capsys.readouterr()
    lines: list[str] = []
    for words in (["outdated"], ["upgrade", "--dry-run"], ["upgrade"], ["upgrade"]):
        assert main([*words, "--package", "app"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert "app is not installed in 1 other: two" in lines
        assert ("Next: envsync upgrade --package app" in lines) == (words == ["outdated"])
    assert lines == ["nothing to upgrade", "app is not installed in 1 other: two"]
    entry = depot.command("upgrade", "--package", "app")
    assert entry["name"] == "one"
    assert main(["upgrade"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] in {"1 upgraded, 1 in sync", "nothing to upgrade"}


def test_what_is_not_in_sync_is_named_with_the_command_that_mends_it(
    depot: Depot, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_unless(depot, "uv")
    make(depot, 'packages = ["app==1.0"]')
    depot.declare('packages = ["app>1"]')
    capsys.readouterr()
    assert main(["outdated"]) == 1
    assert capsys.readouterr().out == "note: one: it is not in sync. Apply first: envsync apply one\n"


def test_what_nothing_declares_is_not_upgraded(depot: Depot) -> None:
    make(depot, 'packages = ["tool"]')
    depot.install("app")
    release(depot)
    depot.command("upgrade")
    assert depot.versions() == {"app": "1.0", "lib": "1.1", "tool": "0.5"}


def test_a_lock_decides_its_versions_itself(depot: Depot) -> None:
    skip_unless(depot, "uv")
    directory = make_project(depot.root / "blog", "blog", "1.0", ["app"])
    depot.uv("lock", "--project", str(directory), "--python", str(depot.link / "python"))
    make(depot, 'project = "blog"')
    release(depot)
    entry = depot.command("upgrade")
    assert entry["outcome"] == "unchanged"
    assert "uv lock --upgrade" in " ".join(entry["notes"])
    assert depot.versions()["lib"] == "1.1"


def test_what_is_not_in_sync_is_not_upgraded(depot: Depot) -> None:
    outdated(depot)
    depot.declare('packages = ["app<2", "tool", "speed"]')
    assert main(["upgrade"]) == 1
    assert depot.versions() == {"app": "1.0", "lib": "1.1", "tool": "0.5"}


@pytest.mark.parametrize("more", ["", 'constraints = ["limits.txt"]'])
def test_what_is_up_to_date_stays_as_it_is(depot: Depot, more: str, capsys: pytest.CaptureFixture[str]) -> None:
    (depot.root / "limits.txt").write_text("app<1.1\nlib<1.2\n")
    make(depot, 'packages = ["app"]', more)
    if more:
        release(depot)
    before = files(listing(depot.root))
    entry = depot.command("upgrade")
    assert (entry["outcome"], entry["packages"]) == ("unchanged", [])
    for words in (["upgrade", "--dry-run"], ["outdated"]):
        capsys.readouterr()
        assert main(words) == 0
        assert capsys.readouterr().out == "nothing to upgrade\n"
    assert changed(before, files(listing(depot.root))) == set()
    assert_stable(depot)


def test_an_upgrade_that_fails_changes_nothing(depot: Depot) -> None:
    skip_unless(depot, "pip")  # uv passes over a wheel that is damaged
    outdated(depot)
    for wheel in depot.wheels.glob("app-1.5*"):
        wheel.write_bytes(wheel.read_bytes()[:-70])
    before = files(listing(depot.end))
    assert main(["upgrade"]) == 1
    after = files(listing(depot.end))
    assert {name: one.held for name, one in before.items()} == {name: one.held for name, one in after.items()}
    assert_stable(depot)


def test_what_another_file_or_a_lock_holds_is_not_upgraded(depot: Depot) -> None:
    for name in ("aa", "bb"):
        make_project(depot.root / name, name)
        (depot.root / name / "requirements.txt").write_text(f"-e .\nlib{'<1.2' if name == 'bb' else ''}\n")
    make(depot, 'requirements = ["aa/requirements.txt", "bb/requirements.txt"]')
    held = depot.versions()["lib"]
    release(depot)
    assert depot.command("outdated")["packages"] == []
    depot.command("upgrade")
    assert depot.versions()["lib"] == held
    assert_stable(depot)
