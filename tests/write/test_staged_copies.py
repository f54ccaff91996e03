"""What is written into a staged copy of an environment does not reach the one that is in use."""

import os
import subprocess
from pathlib import Path

import pytest

from envsync.write.directories import Root
from envsync.write.trees import contents_of, link_tree
from harness.depot import Depot

SITE = "lib/python3.12/site-packages"
EDITED = (
    "pyvenv.cfg",
    "bin/activate",
    "bin/tool",
    f"{SITE}/easy-install.pth",
    f"{SITE}/own.pth",
    f"{SITE}/old.egg-link",
)
REPLACED = ("bin/python3.12", f"{SITE}/tool.py", f"{SITE}/tool/weights.pth", f"{SITE}/tool/pyvenv.cfg", "share/bin/a")


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """Make a tree with what an environment has."""
    live = tmp_path / "live"
    for number, name in enumerate((*EDITED, *REPLACED)):
        (live / name).parent.mkdir(parents=True, exist_ok=True)
        (live / name).write_text(name)
        (live / name).chmod(0o640 | number % 2)
        os.utime(live / name, ns=(10**18 + number, 10**18 + 7 * number))
    (live / "bin/python").symlink_to("python3.12")
    (live / f"{SITE}/linked.pth").symlink_to("../elsewhere.pth")
    return live


@pytest.mark.parametrize("name", EDITED)
def test_writing_into_what_installers_edit_leaves_the_live_file_alone(live: Path, tmp_path: Path, name: str) -> None:
    before = contents_of(str(live))
    link_tree(Root(str(live)), str(tmp_path / "copy"))
    made, found = (tmp_path / "copy" / name).stat(), (live / name).stat()
    assert (made.st_mode, made.st_mtime_ns, made.st_size) == (found.st_mode, found.st_mtime_ns, found.st_size)
    with (tmp_path / "copy" / name).open("a") as file:
        file.write("more")
    assert (live / name).read_text() == name
    assert contents_of(str(live)) == before


@pytest.mark.parametrize("name", REPLACED)
def test_all_else_is_shared(live: Path, tmp_path: Path, name: str) -> None:
    link_tree(Root(str(live)), str(tmp_path / "copy"))
    assert (tmp_path / "copy" / name).samefile(live / name)


def test_symlinks_stay_what_they_are(live: Path, tmp_path: Path) -> None:
    link_tree(Root(str(live)), str(tmp_path / "copy"))
    for name in ("bin/python", f"{SITE}/linked.pth"):
        assert os.readlink(tmp_path / "copy" / name) == os.readlink(live / name)


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_an_old_editable_install_is_replaced_and_the_others_stay(depot: Depot, tmp_path: Path, installer: str) -> None:
    depot.installer = installer
    depot.wheel("app", "1.0")
    depot.wheel("aa", "1.0")
    depot.make('packages = ["app"]')
    for name in ("aa", "old"):
        info = tmp_path / name / f"{name}.egg-info"
        info.mkdir(parents=True)
        (info / "PKG-INFO").write_text(f"Metadata-Version: 1.0\nName: {name}\nVersion: 0.9\n")
        (tmp_path / name / f"{name}.py").write_text("")
        (depot.site / f"{name}.egg-link").write_text(f"{tmp_path / name}\n.")
    (depot.site / "easy-install.pth").write_text(f"{tmp_path}/aa\n{tmp_path}/old\n")
    depot.declare('packages = ["app", "aa==1.0"]')
    entry = depot.apply()
    assert entry["outcome"] == "installed", entry
    assert depot.command("check")["state"] == "in-sync"
    code = "import aa, old; print(aa.version, old.__file__)"
    done = subprocess.run([depot.path / "bin/python", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["1.0", f"{tmp_path}/old/old.py"]
