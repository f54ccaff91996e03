"""What an installer's cache damages never comes into an environment: it is installed again without that cache."""

import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envsync.apply import build
from envsync.cli.main import main
from harness.bench import Listing, files, listing, staged
from harness.depot import Depot
from harness.wheels import make_project, make_repository

MANY = {"many/__init__.py": "one = 1\n", "many/deep/two.py": "two = 2\n" * 9}


@pytest.fixture
def depot(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> Depot:
    """Prepare a place in which the installers have caches of their own, with what envsync remembers beside them."""
    for version in ("1.0", "2.0"):
        depot.wheel("many", version, files=MANY, scripts={"many": "many:main"})
    monkeypatch.setenv("UV_CACHE_DIR", str(cache(depot)))
    monkeypatch.setenv("PIP_CACHE_DIR", str(depot.root / "pip-cache"))
    # What failed in one test must not keep another from trying; but templates may be shared.
    monkeypatch.setattr(build, "_PAUSE", 0.0)
    return depot


def cache(depot: Depot) -> Path:
    return depot.root / "uv-cache"


def fill(depot: Depot, *requirements: str) -> None:
    """Let uv put packages into its cache, by way of an environment that goes at once."""
    place = str(depot.root / "throw-away")
    depot.uv("venv", place)
    depot.uv("pip", "install", "--python", place, *requirements)
    shutil.rmtree(place)


Damage = Callable[[bytes], bytes | None]
DAMAGE: dict[str, Damage] = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda _: b"",
    "as long, but zeros": lambda content: b"\0" * len(content),
    "gone": lambda _: None,
}


def spoil(directory: Path, pattern: str, damage: Damage) -> int:
    """Damage files of a cache without writing into those that environments share; gives their number."""
    found = [file for file in sorted(directory.rglob(pattern)) if file.is_file() and not file.is_symlink()]
    for file in found:
        content = damage(file.read_bytes())
        file.unlink()
        if content is not None:
            file.write_bytes(content)
    return len(found)


def sound(depot: Depot) -> bool:
    return depot.command("check", "--deep")["damage"] == [] and main(["check", "--deep"]) == 0


def reported(entry: dict[str, Any]) -> str:
    return "; ".join(entry["notes"])


def steady(seen: Listing) -> Listing:
    return {name: one for name, one in staged(files(seen)).items() if name != ".lock"}


@pytest.mark.sampled(9)
@pytest.mark.parametrize("link_mode", ["hardlink", "copy"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_module_that_is_damaged_in_the_cache_is_installed_again_without_it(
    depot: Depot, kind: str, link_mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_LINK_MODE", link_mode)
    fill(depot, "many==1.0", "app")
    assert spoil(cache(depot), "two.py", DAMAGE[kind]) == 1
    depot.declare('packages = ["many==1.0", "app"]')
    entry = depot.apply()
    assert (entry["outcome"], depot.site.joinpath("many/deep/two.py").read_text()) == ("created", "two = 2\n" * 9)
    assert "installed again without the installer's cache, where they are damaged: many" in reported(entry)
    assert sound(depot)
    assert depot.apply()["outcome"] == "unchanged"
    assert depot.partial_files() == []


@pytest.mark.sampled(12)
@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("name", ["METADATA", "RECORD", "WHEEL", "entry_points.txt"])
def test_what_describes_a_package_may_be_damaged_as_well(depot: Depot, name: str, kind: str) -> None:
    fill(depot, "many==1.0")
    assert spoil(cache(depot), name, DAMAGE[kind]) == 1
    depot.make('packages = ["many==1.0"]')
    assert depot.versions() == {"many": "1.0"}
    assert sound(depot)
    assert depot.apply()["outcome"] == "unchanged"


def installed(depot: Depot) -> None:
    depot.make()
    depot.declare('packages = ["many==1.0"]')


def upgraded(depot: Depot) -> None:
    depot.make('packages = ["many==2.0"]')
    depot.declare('packages = ["many==1.0"]')


def rebuilt(depot: Depot) -> None:
    depot.make('packages = ["many==1.0"]')
    depot.flip("3.12")


def deeply(depot: Depot) -> None:
    depot.make('packages = ["many==1.0"]')
    (depot.site / "many/__init__.py").unlink()


WAYS = {"installed": installed, "upgraded": upgraded, "rebuilt": rebuilt, "deeply": deeply}


@pytest.mark.sampled(6)
@pytest.mark.parametrize("way", WAYS)
def test_no_way_by_which_packages_come_brings_damaged_ones(depot: Depot, way: str) -> None:
    WAYS[way](depot)
    fill(depot, "many==1.0")
    assert spoil(cache(depot), "two.py", DAMAGE["empty"]) >= 1
    entry = depot.apply(*(["--deep"] if way == "deeply" else []))
    assert entry["outcome"] == {"rebuilt": "rebuilt"}.get(way, "installed"), entry
    assert depot.versions() == {"many": "1.0"}
    assert sound(depot)
    assert depot.partial_files() == []


def test_an_upgrade_on_demand_brings_no_damaged_package(depot: Depot) -> None:
    (depot.wheels / "many-2.0-py3-none-any.whl").rename(depot.root / "many-2.0-py3-none-any.whl")
    depot.make('packages = ["many"]')
    (depot.root / "many-2.0-py3-none-any.whl").rename(depot.wheels / "many-2.0-py3-none-any.whl")
    fill(depot, "many==2.0")
    assert spoil(cache(depot), "two.py", DAMAGE["truncated"]) >= 1
    assert depot.command("upgrade", "one")["outcome"] == "upgraded"
    assert depot.versions() == {"many": "2.0"}
    assert sound(depot)


def test_what_was_there_before_is_not_compared(depot: Depot) -> None:
    depot.make('packages = ["many==1.0"]')
    (depot.site / "many/__init__.py").unlink()
    (depot.site / "many/__init__.py").write_text("edited = True\n")
    depot.declare('packages = ["many==1.0", "tool"]')
    entry = depot.apply()
    assert (entry["outcome"], entry["notes"]) == ("installed", [])
    assert (depot.site / "many/__init__.py").read_text() == "edited = True\n"


def make_wrong(wheel: Path) -> None:
    """Make a wheel hold something else than its RECORD says."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, b"" if name.endswith("two.py") else content)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_wheel_that_is_damaged_itself_is_told_and_nothing_changes(depot: Depot, installer: str) -> None:
    depot.installer = installer
    depot.make('packages = ["app"]')
    make_wrong(depot.wheels / "many-1.0-py3-none-any.whl")
    before = steady(listing(depot.end))
    depot.declare('packages = ["app", "many==1.0"]')
    entry = depot.apply()
    assert (entry["outcome"], entry["error"]["code"]) == ("failed", "package-damaged")
    assert "many 1.0: 1 file is changed (many/deep/two.py)" in entry["error"]["message"]
    assert steady(listing(depot.end)) == before
    assert depot.partial_files() == []


@pytest.mark.sampled(9)
@pytest.mark.parametrize("kind", ["truncated", "empty", "as long, but zeros"])
def test_a_cache_that_a_loss_of_power_has_damaged_altogether_stops_nobody(depot: Depot, kind: str) -> None:
    url, commit = make_repository(depot.root / "repo.git", "gitty")
    project = make_project(depot.root / "blog", "blog")
    declared = ["many==1.0", "app", f"gitty @ {url}@{commit}", f"blog @ file://{project}"]
    fill(depot, *declared)
    assert spoil(cache(depot), "*", DAMAGE[kind]) > 30
    depot.make(f"packages = {declared}".replace("'", '"'))
    assert depot.versions() == {"app": "1.0", "lib": "1.1", "many": "1.0", "gitty": "1.0", "blog": "1.0"}
    assert sound(depot)
    assert depot.apply()["outcome"] == "unchanged"
    assert depot.partial_files() == []


def test_a_damaged_clone_in_the_cache_is_made_again(depot: Depot) -> None:
    url, commit = make_repository(depot.root / "repo.git", "gitty")
    fill(depot, f"gitty @ {url}@{commit}")
    assert spoil(cache(depot), "HEAD", DAMAGE["truncated"])
    for built in cache(depot).glob("sdists-*"):
        shutil.rmtree(built)
    depot.make(f'packages = ["gitty @ {url}@{commit}"]')
    assert depot.versions() == {"gitty": "1.0"}


def test_a_damaged_wheel_in_the_cache_of_pip_is_built_again(depot: Depot) -> None:
    url, commit = make_repository(depot.root / "repo.git", "gitty")
    depot.installer = "pip"
    depot.make(f'packages = ["gitty @ {url}@{commit}"]')
    assert spoil(depot.root / "pip-cache/wheels", "*.whl", DAMAGE["truncated"]) == 1
    shutil.rmtree(depot.end)
    entry = depot.apply()
    assert (entry["outcome"], depot.versions()) == ("created", {"gitty": "1.0"})
    assert "installed without the installer's cache" in reported(entry)


def attempts() -> int:
    logs = Path(os.environ["HOME"]).rglob("one.log")
    return sum(log.read_text().count(" pip install ") for log in logs)


def test_what_fails_without_the_cache_as_well_is_not_tried_twice_again(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_PAUSE", 3600.0)
    depot.declare('packages = ["no-such-package"]')
    counted = []
    for _ in range(3):
        entry = depot.apply()
        assert (entry["outcome"], entry["error"]["code"]) == ("failed", "install-failed")
        counted.append(attempts())
    assert counted == [2, 3, 4]


def test_a_rollback_says_what_is_damaged_in_the_generation(depot: Depot) -> None:
    depot.make('packages = ["many==1.0"]')
    depot.declare('packages = ["many==2.0"]')
    assert depot.apply()["outcome"] == "installed"
    (generation,) = depot.generations()
    (module,) = generation.rglob("two.py")
    module.unlink()
    module.touch()
    entry = depot.command("rollback", "one")
    assert depot.versions() == {"many": "1.0"}
    assert "many 1.0: 1 file is changed (many/deep/two.py)" in reported(entry)
    assert "envsync apply --deep one" in reported(entry)


def test_an_empty_record_lists_nothing_and_says_so(depot: Depot) -> None:
    depot.make('packages = ["many==1.0"]')
    record = depot.site / "many-1.0.dist-info/RECORD"
    rows = [row for row in record.read_text().splitlines(keepends=True) if "INSTALLER" in row]
    record.unlink()
    record.write_text("".join(rows))
    entry = depot.command("check", "--deep")
    assert [one["unchecked"] for one in entry["damage"]] == ["RECORD is malformed"]
    subprocess.run([depot.path / "bin/python", "-c", "import many"], check=True)
