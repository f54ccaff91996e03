"""Another build of the same version: its architecture, its platform, its ABI; and messages that name the difference."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.place import Place
from harness.trees import make_tree

pytestmark = pytest.mark.sampled(3)

PythonOf = Callable[[str], str]


def pretend(tree: Path, platform: str) -> None:
    """Let the Python of a tree say that it is for another platform."""
    library = tree / "lib/python3.12"
    content = (library / "sysconfig.py").read_text()
    (library / "sysconfig.py").unlink()
    (library / "sysconfig.py").write_text(f"{content}\ndef get_platform():\n    return {platform!r}\n")


def flip(place: Place, one: str, other: str) -> None:
    """Create an environment with a Python of one platform, and point its link to one of another."""
    for name, platform in (("one", one), ("other", other)):
        make_tree(place.root / name)
        if platform:
            pretend(place.root / name, platform)
    link = place.root / "current"
    link.symlink_to("one")
    place.write('[envs.blog]\npath = "blog"\npython = "current/bin/python3"\n')
    assert place.apply()["blog"]["outcome"] == "created"
    link.unlink()
    link.symlink_to("other")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("linux-x86_64", "linux-aarch64"),
        ("macosx-10.9-x86_64", "macosx-11.0-arm64"),
        ("linux-x86_64", "macosx-14.0-x86_64"),
    ],
)
def test_another_platform_behind_the_link_is_drift_and_the_environment_is_rebuilt(
    place: Place, one: str, other: str
) -> None:
    flip(place, one, other)
    (drift,) = place.envsync("check", "--json").environments["blog"]["drift"]
    assert drift["code"] == "python-implementation"
    assert one.rsplit("-", maxsplit=1)[-1] in drift["message"]
    assert other.rsplit("-", maxsplit=1)[-1] in drift["message"]
    assert place.apply()["blog"]["outcome"] == "rebuilt"
    assert place.apply()["blog"]["outcome"] == "unchanged"


@pytest.mark.parametrize(
    ("one", "other"),
    [("macosx-10.9-x86_64", "macosx-11.0-x86_64"), ("macosx-10.9-universal2", "macosx-11.0-universal2")],
)
def test_another_oldest_macos_is_no_other_platform(place: Place, one: str, other: str) -> None:
    flip(place, one, other)
    assert place.apply()["blog"]["outcome"] in {"unchanged", "repaired"}


def test_an_environment_that_does_not_say_its_platform_is_not_rebuilt_for_that(place: Place) -> None:
    flip(place, "linux-x86_64", "linux-aarch64")
    cfg = place.root / "blog/pyvenv.cfg"
    lines = cfg.read_text().splitlines(keepends=True)
    assert [line for line in lines if line.startswith("envsync-platform")] == ["envsync-platform = linux-x86_64\n"]
    cfg.write_text("".join(line for line in lines if not line.startswith("envsync-platform")))
    codes = {one["code"] for one in place.envsync("plan", "--json").environments["blog"]["drift"]}
    assert "python-implementation" not in codes


def test_what_a_shell_sets_for_cross_builds_does_not_reach_the_interpreter(place: Place) -> None:
    make_tree(place.root / "tree")
    place.write('[envs.blog]\npath = "blog"\npython = "tree/bin/python3"\n')
    place.apply()
    place.variables["_PYTHON_HOST_PLATFORM"] = "linux-riscv64"
    assert place.envsync("check", "--no-cache").status == 0
    shutil.rmtree(place.root / "blog")
    place.apply()
    assert "riscv64" not in (place.root / "blog/pyvenv.cfg").read_text()
    assert os.path.exists(place.root / "blog/bin/python")
