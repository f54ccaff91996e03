"""File systems that lack something: rights to write, to start programs, room, symlinks."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.bench import contents, files, listing
from harness.depot import Depot
from harness.mounting import mounted
from harness.place import Place

pytestmark = pytest.mark.sampled(3)

if sys.platform != "linux":
    pytest.skip("mount(8) is Linux's here", allow_module_level=True)


@contextlib.contextmanager
def formatted(kind: str, image: Path, point: Path) -> Iterator[None]:
    """Make a file system in a file, and mount it; skip the test where that cannot be."""
    mkfs = shutil.which(f"mkfs.{kind}", path="/usr/sbin:/sbin:/usr/bin")
    if mkfs is None:
        pytest.skip(f"there is no mkfs.{kind}")
    image.touch()
    os.truncate(image, 512 << 20)
    subprocess.run([mkfs, "-q", image], check=True, capture_output=True)
    with mounted("-o", "loop", image, point):
        yield


@pytest.fixture(params=["tmpfs", "ext4", "btrfs"])
def disk(request: pytest.FixtureRequest, depot: Depot, tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of its own over where the environment and its generations are to be."""
    point = depot.root / "ends"
    with contextlib.ExitStack() as stack:
        if request.param == "tmpfs":
            stack.enter_context(mounted("-t", "tmpfs", "none", point))
        else:
            stack.enter_context(formatted(request.param, tmp_path / "image", point))
        if request.param == "btrfs":  # which are no mount points, and yet cannot be exchanged for directories
            subprocess.run(["btrfs", "subvolume", "create", point / "env"], check=True, capture_output=True)
        yield point


def of_packages(place: Path) -> dict[str, tuple[int, str | bytes | None]]:
    """List an environment's files without what is kept inside of it."""
    return {name: one for name, one in contents(files(listing(place))).items() if not name.startswith(".envsync-")}


def test_an_environment_on_a_disk_of_its_own_is_rebuilt_and_rolled_back(depot: Depot, disk: Path) -> None:
    depot.make('packages = ["app"]')
    old = of_packages(depot.end)
    depot.flip("3.12")
    assert depot.apply()["outcome"] == "rebuilt"
    assert depot.says("app") == f"app 1.0 {depot.path}"
    depot.flip("3.11")
    assert depot.command("rollback", "one")["outcome"] == "rolled-back"
    assert of_packages(depot.end) == old
    assert {one.name for one in disk.iterdir() if not one.name.startswith(".envsync-")} <= {"env", "lost+found"}
    assert depot.partial_files() == []


def test_on_a_disk_that_is_mounted_read_only_only_work_is_refused(depot: Depot) -> None:
    with mounted("-t", "tmpfs", "none", depot.root / "ends"):
        depot.make()
        assert depot.apply("--force-rebuild", "one")["outcome"] == "rebuilt"
        subprocess.run(["mount", "-o", "remount,ro", depot.root / "ends"], check=True)
        assert depot.apply()["outcome"] == "unchanged"
        for words in (("apply", "--force-rebuild", "one"), ("rollback", "one")):
            assert depot.command(*words)["conflict"]["code"] == "not-writable"


def test_doctor_tells_of_commands_that_cannot_start_where_they_are(depot: Depot) -> None:
    with mounted("-t", "tmpfs", "-o", "noexec,nosuid", "none", depot.root / "ends"):
        depot.make('packages = ["app"]')
        assert depot.place.python("env", "import app") == ""
        with pytest.raises(PermissionError):
            depot.says("app")
        depot.place.variables = dict(os.environ)
        checks = {one["code"]: one for one in depot.place.envsync("doctor", "--json").document["checks"]}
        assert checks["noexec"]["status"] == "warning"


def test_a_full_disk_leaves_what_was_there(depot: Depot) -> None:
    with mounted("-t", "tmpfs", "-o", "nr_inodes=150", "none", depot.root / "ends"):
        depot.make()
        old = contents(files(listing(depot.end)))
        depot.wheel("many", "1", files={f"many/{number}.py": "" for number in range(200)})
        depot.declare('packages = ["many"]')
        entry = depot.apply()
        assert entry["outcome"] == "failed"
        (depot.end / ".lock").unlink(missing_ok=True)  # uv's, which was asked
        assert contents(files(listing(depot.end))) == old
        assert depot.partial_files() == []


@pytest.mark.parametrize("builder", ["virtualenv", "venv", "uv"])
@pytest.mark.parametrize("room", ["size=64k", "nr_inodes=12"])
def test_a_builder_that_finds_no_room_fails_for_that(place: Place, builder: str, room: str) -> None:
    """No builder's message is read for it, in whatever language it is."""
    (place.root / "tiny").mkdir()
    with mounted("-t", "tmpfs", "-o", room, "none", place.root / "tiny"):
        place.write(f'builder = "{builder}"\n[envs.blog]\npath = "tiny/blog"\n')
        entry = place.apply()["blog"]
        assert (entry["outcome"], entry["error"]["code"]) == ("failed", "disk-full"), entry
        assert os.listdir(place.root / "tiny") == []


def test_a_file_system_without_symlinks_is_named(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT has none: symlink(2) says EPERM there, as if somebody lacked a right."""
    symlink = os.symlink

    def refuse(text: str, link: str, **options: object) -> None:
        if str(depot.end.parent) in str(link) or "dir_fd" in options:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM), text, None, str(link))
        symlink(text, link)

    monkeypatch.setattr(os, "symlink", refuse)
    depot.declare()
    entry = depot.apply()
    assert (entry["outcome"], entry["error"]["code"]) == ("failed", "symlinks-unsupported")
    assert depot.partial_files() == []
    assert not depot.end.exists()


def test_what_nfs_leaves_of_open_files_is_not_brought_along(depot: Depot) -> None:
    depot.make()
    (depot.end / "lib/.nfs00000000013500a60000001b").write_text("removed, and open still")
    (depot.end / ".nfs00000000013500a60000001c").write_text("removed, and open still")
    depot.flip("3.12")
    assert depot.apply()["outcome"] == "rebuilt"
    assert [one.name for one in depot.end.rglob(".nfs*")] == []
