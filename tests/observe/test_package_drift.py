"""A change of any input is seen, and what is met already is left alone."""

import hashlib
import os
import re
import subprocess
import time

import pytest

from envsync.cli.main import main
from harness.bench import changed, listing
from harness.depot import Depot
from harness.stability import PROBE, processes
from harness.wheels import make_project, make_repository

pytestmark = pytest.mark.sampled(9)


def assert_in_sync(depot: Depot) -> None:
    """A further pass writes nothing, and asks no installer.

    A Python may be probed once more: beside files that are written just now, by others too, no stamp is evidence.
    """
    for _ in range(3):  # what was written just now proved nothing to the pass before
        time.sleep(0.05)
        assert depot.apply()["outcome"] == "unchanged"
    before = listing(depot.root)
    with processes() as started:
        assert depot.apply()["outcome"] == "unchanged"
        assert [one for one in started if PROBE not in one] == []
    assert changed(before, listing(depot.root)) == set()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("more.txt", "tool\n"),
        ("limits.txt", "lib<1.1\n"),
        ("all.txt", "-r more.txt\nspeed\n"),
        ("blog/pyproject.toml", None),
    ],
)
def test_a_change_of_any_input_is_seen_after_a_snapshot(depot: Depot, file: str, text: str | None) -> None:
    for name, content in {"more.txt": "lib\n", "limits.txt": "", "all.txt": "-r more.txt\n"}.items():
        (depot.root / name).write_text(content)
    project = make_project(depot.root / "blog", "blog", "1.0", ["app"])
    depot.make('requirements = ["all.txt"]', 'constraints = ["limits.txt"]', 'project = "blog"')
    assert_in_sync(depot)
    assert depot.place.envsync("check", **os.environ).status == 0
    pyproject = (project / "pyproject.toml").read_text().replace('["app"]', '["app", "tool"]')
    (depot.root / file).write_text(pyproject if text is None else text)
    assert main(["check"]) == 3
    assert depot.place.envsync("check", **os.environ).status == 3
    assert depot.apply()["outcome"] == "installed"
    assert_in_sync(depot)


def test_a_requirement_that_is_met_already_reinstalls_nothing(depot: Depot) -> None:
    (depot.root / "all.txt").write_text("lib\n")
    depot.make('requirements = ["all.txt"]')
    for text in ("lib>=1\n", "# new\nlib==1.1\n", "LIB ~= 1.0\n", 'lib\nnowhere; python_version < "3"\n'):
        (depot.root / "all.txt").write_text(text)
        assert_in_sync(depot)


def test_a_package_that_is_removed_by_hand_is_seen(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    assert main(["check"]) == 0
    for path in depot.site.glob("lib*"):
        subprocess.run(["rm", "-r", path], check=True)
    assert main(["check"]) == 3
    assert depot.apply()["outcome"] == "installed"
    assert depot.versions() == {"app": "1.0", "lib": "1.1"}


def test_a_file_without_a_name_is_installed_once_per_change(depot: Depot) -> None:
    wheel = depot.wheel("tool", "0.7")
    (depot.root / "all.txt").write_text(f"./{wheel.relative_to(depot.root)}\n")
    depot.make('requirements = ["all.txt"]')
    assert depot.versions() == {"tool": "0.7"}
    assert_in_sync(depot)
    with (depot.root / "all.txt").open("a") as file:
        file.write("lib\n")
    assert depot.apply()["outcome"] == "installed"
    assert_in_sync(depot)


def locked(depot: Depot, *lines: str) -> None:
    """Create an environment from a project with uv's lock."""
    project = make_project(depot.root / "blog", "blog", "1.0", ["app"], '[dependency-groups]\ndev = ["tool"]')
    with (project / "pyproject.toml").open("a") as file:
        file.write(f'[tool.uv]\nfind-links = ["{depot.wheels}"]\nno-index = true\n')
    depot.uv("lock", "--project", str(project), "--python", str(depot.link / "python"))
    depot.wheel("lib", "1.2")
    depot.make('project = "blog"', 'groups = ["dev"]', *lines)


def test_a_locked_project_is_installed_by_its_lock(depot: Depot) -> None:
    locked(depot)
    assert depot.versions() == {"app": "1.0", "blog": "1.0", "lib": "1.1", "tool": "0.5"}
    assert depot.origins()["blog"]["editable"]
    assert depot.says("blog") == f"blog 1.0 {depot.path}"
    assert_in_sync(depot)
    depot.uv("lock", "--project", str(depot.root / "blog"), "--python", str(depot.link / "python"), "--upgrade")
    assert depot.apply()["outcome"] == "installed"
    assert depot.versions()["lib"] == "1.2"
    assert_in_sync(depot)


@pytest.mark.parametrize("by_hand", [("install", "lib==1.0"), ("uninstall", "lib"), ("uninstall", "tool")])
def test_what_a_lock_says_is_restored_after_a_change_by_hand(depot: Depot, by_hand: tuple[str, str]) -> None:
    locked(depot)
    depot.uv("pip", by_hand[0], "--python", str(depot.path / "bin/python"), by_hand[1])
    assert main(["check"]) == 3
    assert depot.apply()["outcome"] == "installed"
    assert depot.versions() == {"app": "1.0", "blog": "1.0", "lib": "1.1", "tool": "0.5"}


def test_exact_keeps_the_groups_of_a_locked_project(depot: Depot) -> None:
    locked(depot, "exact = true")
    assert depot.versions() == {"app": "1.0", "blog": "1.0", "lib": "1.1", "tool": "0.5"}
    assert_in_sync(depot)
    depot.install("speed")
    assert depot.apply()["outcome"] == "installed"
    assert depot.versions() == {"app": "1.0", "blog": "1.0", "lib": "1.1", "tool": "0.5"}


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_standard_lock_is_installed_with_its_hashes(depot: Depot, installer: str) -> None:
    depot.installer = installer
    project = make_project(depot.root / "blog", "blog", "1.0", ["app"])
    texts = ['lock-version = "1.0"\ncreated-by = "test"\n']
    wheels = [depot.wheels / f"{name}-1.0-py3-none-any.whl" for name in ("app", "lib")]
    for wheel in wheels:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        texts.append(f'[[packages]]\nname = "{wheel.name[:3]}"\nversion = "1.0"\n[[packages.wheels]]\n')
        texts.append(f'name = "{wheel.name}"\npath = "{wheel}"\nhashes = {{ sha256 = "{digest}" }}\n')
    (project / "pylock.toml").write_text("".join(texts))
    depot.make('project = "blog"')
    assert depot.versions() == {"app": "1.0", "blog": "1.0", "lib": "1.0"}
    assert_in_sync(depot)
    depot.uv("pip", "uninstall", "--python", str(depot.path / "bin/python"), "lib")
    texts[-1] = re.sub("[0-9a-f]{64}", "0" * 64, texts[-1])
    (project / "pylock.toml").write_text("".join(texts))
    entry = depot.apply()
    assert (entry["outcome"], (entry["error"] or {}).get("code")) == ("failed", "install-failed")


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_project_behind_a_link_with_a_blank_in_its_name_is_in_sync(depot: Depot, installer: str) -> None:
    depot.installer = installer
    make_project(depot.root / "real/my blog", "blog")
    (depot.root / "src").symlink_to("real")
    depot.make('project = "src/my blog"', "editable = false")
    assert_in_sync(depot)
    make_project(depot.root / "real/my", "my")
    depot.declare('project = "src/my"', "editable = false")
    assert depot.apply()["outcome"] == "installed"
    assert depot.versions() == {"blog": "1.0", "my": "1.0"}
    assert_in_sync(depot)


def test_the_extras_of_a_project_that_is_no_package_are_installed(depot: Depot) -> None:
    (depot.root / "blog").mkdir()
    text = '[project]\nname = "blog"\nversion = "1"\ndependencies = ["lib"]\noptional-dependencies.x = ["tool"]\n'
    (depot.root / "blog/pyproject.toml").write_text(text)
    depot.make('project = "blog"', 'extras = ["x"]')
    assert depot.versions() == {"lib": "1.1", "tool": "0.5"}
    assert_in_sync(depot)


def test_a_commit_that_is_changed_in_a_requirement_is_installed(depot: Depot) -> None:
    url, first = make_repository(depot.root / "repo.git", "gitty")
    again = depot.root / "clone"
    subprocess.run(["git", "clone", "-q", url.removeprefix("git+"), again], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, "commit", "-qm", "two", "--allow-empty"], cwd=again, check=True)
    subprocess.run(["git", "push", "-q"], cwd=again, check=True, capture_output=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=again, check=True, capture_output=True, text=True)
    depot.make(f'packages = ["gitty @ {url}@{first}"]')
    assert_in_sync(depot)
    depot.declare(f'packages = ["gitty @ {url}@{head.stdout.strip()}"]')
    assert depot.apply()["outcome"] == "installed"
    assert depot.origins()["gitty"]["commit"] == head.stdout.strip()
    assert_in_sync(depot)


def test_inputs_that_cannot_be_read_are_a_conflict_and_nothing_is_touched(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    depot.declare('requirements = ["gone.txt"]')
    before = listing(depot.end)
    entry = depot.apply()
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "inputs-unreadable")
    assert "gone.txt" in entry["conflict"]["message"]
    assert listing(depot.end) == before
