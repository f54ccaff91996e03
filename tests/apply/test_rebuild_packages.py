"""A rebuild brings back what was installed, as it was installed, or leaves everything as it is."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.bench import Listing, contents, files, listing
from harness.depot import Depot, broken_records, naming
from harness.wheels import make_project, make_repository

pytestmark = pytest.mark.sampled(9)


def assert_rebuilt(depot: Depot, minor: str = "3.12") -> dict[str, Any]:
    """The environment is rebuilt for a version, whole, and in sync."""
    entry = depot.apply()
    assert entry["outcome"] == "rebuilt", entry
    assert depot.place.python("env", "import sys; print('%d.%d' % sys.version_info[:2], sys.prefix)") == (
        f"{minor} {depot.path}"
    )
    assert naming(depot.end, ".envsync-") == []
    assert list(broken_records(depot.path, depot.site)) == []
    assert depot.partial_files() == []
    assert depot.apply()["outcome"] == "unchanged"
    return entry


def assert_refused(depot: Depot) -> str:
    """The rebuild fails, and nothing is changed; gives the message."""
    before = steady(listing(depot.end))
    entry = depot.apply()
    assert (entry["outcome"], entry["error"]["code"]) == ("failed", "package-missing")
    assert steady(listing(depot.end)) == before
    assert depot.partial_files() == []
    assert depot.generations() == []
    assert entry["error"]["hint"]
    return str(entry["error"]["message"])


def steady(seen: Listing) -> Listing:
    """Leave out what changes when an installer makes one more link to a file."""
    return {name: one._replace(links=0, changed=0) for name, one in seen.items()}


def fill(depot: Depot) -> None:
    """Install by hand, from everywhere that packages come from."""
    depot.wheel("filed", "1.0")
    depot.install("app==1.0", "lib==1.0")
    depot.install(str(depot.wheels / "filed-1.0-py3-none-any.whl"), "--no-deps")
    url, commit = make_repository(depot.root / "repo.git", "gitty")
    depot.install(f"gitty @ {url}@{commit}", "--no-deps")
    depot.install("-e", str(make_project(depot.root / "blog", "blog")))
    depot.install(str(make_project(depot.root / "plain", "plain")))


@pytest.mark.parametrize(("installer", "gone"), [("uv", False), ("uv", True), ("pip", True)])
def test_packages_come_back_with_their_versions_and_origins(depot: Depot, installer: str, gone: bool) -> None:
    depot.installer = installer
    depot.make()
    fill(depot)
    versions, origins = depot.versions(), depot.origins()
    assert versions == {"app": "1.0", "lib": "1.0", "filed": "1.0", "gitty": "1.0", "blog": "1.0", "plain": "1.0"}
    if gone:
        depot.link.unlink()
        depot.name = "other"
        depot.declare()
    depot.flip("3.12")
    entry = assert_rebuilt(depot)
    assert "6 packages" in entry["actions"][0]["message"]
    assert depot.versions() == versions
    assert depot.origins() == origins
    for script in ("app", "blog", "gitty", "plain"):
        assert depot.says(script) == f"{script} 1.0 {depot.path}"


def test_what_was_requested_is_requested_again_and_nothing_else(depot: Depot) -> None:
    depot.installer = "pip"
    depot.make('packages = ["tool"]')
    command = [str(depot.path / "bin/python"), str(depot.pip_wheel() / "pip"), "install", "-q", "app"]
    subprocess.run(command, check=True, capture_output=True)
    assert depot.requested() == {"app", "tool"}
    depot.flip("3.12")
    assert_rebuilt(depot)
    assert depot.requested() == {"app", "tool"}


@pytest.mark.both_installers
def test_newer_releases_change_nothing_in_a_rebuild(depot: Depot, installer: str) -> None:
    depot.installer = installer
    depot.make('packages = ["app"]')
    depot.install("lib==1.0", "tool==0.5")
    depot.wheel("tool", "0.6")
    depot.wheel("app", "1.2", "lib>=1.1")
    assert depot.apply()["outcome"] == "unchanged"
    depot.flip("3.12")
    assert_rebuilt(depot)
    assert depot.versions() == {"app": "1.0", "lib": "1.0", "tool": "0.5"}


@pytest.mark.both_installers
def test_a_version_that_the_new_python_lacks_keeps_the_old_environment(depot: Depot, installer: str) -> None:
    depot.installer = installer
    depot.wheel("old", "1.0", python_tag="cp311")
    depot.wheel("old", "2.0")
    depot.make()
    depot.install("old==1.0", "tool")
    depot.flip("3.12")
    if installer == "uv":  # the same code; pip takes its time
        message = assert_refused(depot)
        assert "old 1.0" in message
        assert "tool" not in message.partition("(")[0]
    depot.declare('on-missing = "relax"')
    assert_rebuilt(depot)
    assert depot.versions() == {"old": "2.0", "tool": "0.5"}


def test_relaxing_does_not_take_an_older_release_nor_nothing_at_all(depot: Depot) -> None:
    depot.wheel("old", "1.0")
    depot.wheel("old", "2.0", python_tag="cp311")
    depot.make('on-missing = "relax"')
    depot.install("old==2.0")
    depot.flip("3.12")
    assert "old 2.0" in assert_refused(depot)


def test_an_editable_project_that_is_gone_keeps_the_old_environment(depot: Depot) -> None:
    depot.make('on-missing = "relax"')
    depot.install("-e", str(make_project(depot.root / "blog", "blog")))
    shutil.rmtree(depot.root / "blog")
    depot.flip("3.12")
    assert "blog 1.0" in assert_refused(depot)


def test_exact_lets_go_of_what_nothing_declares(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    depot.install("tool", "speed")
    depot.declare('packages = ["app"]', "exact = true")
    depot.flip("3.12")
    assert_rebuilt(depot)
    assert depot.versions() == {"app": "1.0", "lib": "1.1"}


def test_seeds_of_another_builder_never_block(depot: Depot) -> None:
    (depot.root / "ends").mkdir(exist_ok=True)
    subprocess.run([depot.link / "python", "-m", "venv", depot.root / "ends/env"], check=True, capture_output=True)
    depot.declare()
    depot.apply()
    depot.install("tool")
    depot.flip("3.12")
    assert_rebuilt(depot)
    assert depot.versions() == {"tool": "0.5"}
    assert "pip" in {one.metadata["Name"] for one in depot.distributions()}
    done = subprocess.run([depot.path / "bin/pip", "--version"], check=True, capture_output=True, text=True)
    assert str(depot.path) in done.stdout


def test_a_rebuild_that_is_asked_for_is_made_though_nothing_is_wrong(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    depot.install("tool")
    (depot.site / "app.py").unlink()  # its file is the installer's cache's as well
    (depot.site / "app.py").write_text("damaged = True\n")
    before = depot.versions()
    plan = depot.command("plan")
    assert plan["actions"] == []
    entry = depot.apply("--force-rebuild", "one")
    assert (entry["outcome"], [one["kind"] for one in entry["actions"]]) == ("rebuilt", ["rebuild"])
    assert depot.versions() == before
    assert depot.says("app") == f"app 1.0 {depot.path}"
    assert depot.apply()["outcome"] == "unchanged"


def test_a_linked_dist_info_is_not_lost(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    info = depot.site / "app-1.0.dist-info"
    info.rename(depot.root / "mine")
    info.symlink_to(depot.root / "mine")
    depot.flip("3.12")
    before = listing(depot.root)
    entry = depot.apply()
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "linked-inside")
    assert "app-1.0.dist-info" in entry["conflict"]["message"]
    assert listing(depot.root) == before


@pytest.mark.parametrize("keep", [0, 1])
def test_a_users_own_files_are_told_in_the_plan_and_kept_in_the_generation(depot: Depot, keep: int) -> None:
    depot.make('packages = ["app"]', head=f"keep = {keep}")
    mine = ["etc/notes.txt", "bin/mine", "lib/python3.11/site-packages/mine.py", "share/a/b"]
    for name in mine:
        (depot.end / name).parent.mkdir(parents=True, exist_ok=True)
        (depot.end / name).write_text("mine")
    before = steady(files(listing(depot.end)))
    depot.flip("3.12")
    notes = " ".join(depot.command("plan")["notes"])
    assert [name for name in mine if name.partition("/a/")[0] not in notes] == [], notes
    assert_rebuilt(depot)
    (kept,) = depot.generations()
    assert steady(files(listing(kept))) == before


def test_broken_metadata_is_told_and_stops_nothing(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    (depot.site / "hollow-1.0.dist-info").mkdir()
    depot.flip("3.12")
    entry = assert_rebuilt(depot)
    assert any("hollow-1.0.dist-info" in note for note in entry["notes"])


def test_an_old_egg_link_comes_back_as_an_editable_install(depot: Depot) -> None:
    depot.make()
    project = make_project(depot.root / "blog", "blog")
    (project / "blog.egg-info").mkdir()
    (project / "blog.egg-info/PKG-INFO").write_text("Metadata-Version: 2.1\nName: blog\nVersion: 1.0\n")
    (depot.site / "blog.egg-link").write_text(f"{project}\n.")
    (depot.site / "easy-install.pth").write_text(f"{project}\n")
    depot.flip("3.12")
    assert_rebuilt(depot)
    assert depot.origins()["blog"]["editable"]
    assert depot.says("blog") == f"blog 1.0 {depot.path}"


def test_a_rollback_swaps_back_and_a_second_one_returns(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    old = contents(files(listing(depot.end)))
    depot.flip("3.12")
    assert_rebuilt(depot)
    new = contents(files(listing(depot.end)))
    for version, expected, other in (("3.11", old, new), ("3.12", new, old)):
        depot.flip(version)
        entry = depot.command("rollback", "one")
        assert entry["outcome"] == "rolled-back", entry
        assert contents(files(listing(depot.end))) == expected
        (kept,) = depot.generations()
        assert contents(files(listing(kept))) == other
    assert depot.apply()["outcome"] == "unchanged"


def test_a_rollback_without_a_generation_is_a_conflict(depot: Depot) -> None:
    depot.make()
    before = listing(depot.root)
    run = depot.place.envsync("rollback", "one", "--json", **os.environ)
    assert (run.status, run.environments["one"]["conflict"]["code"]) == (1, "no-generation")
    assert listing(depot.root) == before


def test_status_shows_each_generation_with_its_version_and_size(depot: Depot, python_of: Callable[[str], str]) -> None:
    depot.make(head="keep = 2")
    (depot.site / "big").write_bytes(os.urandom(3 << 20))
    for version in ("3.12", "3.11"):
        depot.flip(version)
        assert depot.apply()["outcome"] == "rebuilt"
    assert len(depot.generations()) == 2
    run = depot.place.envsync("status", **os.environ)
    assert run.status == 0
    for version in ("3.11", "3.12"):
        release = Path(python_of(version)).parent.parent.name
        assert release in run.out.partition("\n")[2], run.out
    assert re.search(r"\b3\.[1-9] MB", run.out), run.out
    entry = json.loads(depot.place.envsync("status", "--json", **os.environ).out)["environments"][0]
    assert len(entry["generations"]) == 2
