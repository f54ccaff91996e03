"""Where nothing is wrong, nothing is reported: read-only places, and mount points."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.bench import run
from harness.depot import Depot

LOOKS = (("check",), ("plan",), ("status",), ("explain", "one"), ("apply",))


@contextmanager
def mounted(point: Path, *how: str) -> Iterator[None]:
    """Let something be mounted; needs root."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root mounts")
    if subprocess.run(["mount", *how, point], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", point], check=True)


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Let a directory be on a file system that is mounted read-only."""
    with mounted(directory, "--bind", str(directory)):
        subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)
        yield


def outcomes(depot: Depot) -> set[str]:
    """Return the state that each command tells of the environment, with caches and without."""
    reported = [run(depot.place, depot.capsys, *look, *more) for look in LOOKS for more in ((), ("--no-cache",))]
    return {one["environments"][0]["state"] for one in reported}


@pytest.mark.parametrize("which", ["ends", "."])
def test_what_is_in_sync_is_so_on_a_read_only_file_system(which: str, depot: Depot) -> None:
    depot.make('packages = ["app"]', 'expose = ["app"]')
    with read_only(depot.root / which):
        assert outcomes(depot) == {"in-sync"}


def test_a_cache_that_cannot_be_written_changes_no_verdict(depot: Depot) -> None:
    depot.make()
    home = Path(os.environ["HOME"])
    with read_only(home):
        assert outcomes(depot) == {"in-sync"}


def test_work_in_a_read_only_place_is_a_conflict_and_the_work_is_told(depot: Depot) -> None:
    depot.make()
    depot.declare('packages = ["app"]')
    with read_only(depot.root / "ends"):
        assert outcomes(depot) == {"conflict"}
        entry = depot.apply()
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "not-writable")
    assert {one["code"] for one in entry["drift"]} == {"packages"}


def test_a_link_to_a_read_only_environment_can_be_made(depot: Depot) -> None:
    depot.make()
    depot.declare('aliases = ["alias"]')
    with read_only(depot.root / "ends"):
        assert depot.apply()["outcome"] == "linked"


def test_a_fresh_file_system_is_created_in_and_keeps_lost_and_found(depot: Depot) -> None:
    point = depot.root / "ends/env"
    point.mkdir()
    with mounted(point, "-t", "tmpfs", "none"):
        (point / "lost+found").mkdir(0o700)
        (point / "lost+found/#12").write_text("found")
        inode = (point / "lost+found").stat().st_ino
        depot.make()
        depot.declare('packages = ["app"]')
        assert depot.apply()["outcome"] == "installed"
        depot.flip("3.12")
        plan = depot.command("plan")
        assert not any("lost+found" in note for note in plan["notes"])
        assert depot.apply()["outcome"] == "rebuilt"
        assert depot.says("app") == f"app 1.0 {depot.path}"
        depot.flip("3.11")
        assert depot.command("rollback", "one")["outcome"] == "rolled-back"
        assert depot.apply()["outcome"] == "unchanged"
        assert (point / "lost+found").stat().st_ino == inode
        assert (point / "lost+found/#12").read_text() == "found"


def test_no_hint_moves_a_mount_point(depot: Depot) -> None:
    depot.path.unlink()
    depot.path.mkdir()
    with mounted(depot.path, "-t", "tmpfs", "none"):
        (depot.path / "data").write_text("mine")
        for lines, code in (((), "not-a-venv"), (('target = "there"',), "not-a-link")):
            depot.declare(*lines)
            conflict = depot.command("plan")["conflict"]
            assert (conflict["code"], "mv " in conflict["hint"]) == (code, False)
            assert "mount point" in conflict["hint"]
    assert "mv " in depot.command("plan")["conflict"]["hint"]


def test_lost_and_found_that_is_no_file_systems_is_a_users(depot: Depot) -> None:
    (depot.root / "ends/env/lost+found").mkdir(parents=True)
    depot.declare()
    assert depot.command("plan")["conflict"]["code"] == "not-a-venv"


def test_an_install_does_not_carry_a_mount_away(depot: Depot) -> None:
    depot.make()
    data = depot.path / "share/data"
    data.mkdir(parents=True)
    depot.declare('packages = ["lib"]')
    with mounted(data, "-t", "tmpfs", "none"):
        entry = depot.apply()
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "mounted-inside")
    assert depot.apply()["outcome"] == "installed"
