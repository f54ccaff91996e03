"""Another build of the same version: its architecture, its platform, its ABI; and messages that name the difference."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from envsync.model import desired
from envsync.model.environment import Contents, Environment, InnerLink
from envsync.model.interpreter import Facts, Interpreter
from envsync.model.links import Chain, EndKind
from envsync.plan.drift import compare
from harness.place import Place
from harness.trees import make_tree

pytestmark = pytest.mark.sampled(2)

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


def interpreter(minor: str, library: str, implementation: str = "cpython", abi: str = "abi") -> Interpreter:
    facts = Facts(
        version=f"{minor}.1",
        implementation=implementation,
        abi=abi,
        base_prefix="/opt",
        base_exec_prefix="/opt",
        executable="/opt/bin/python",
        stdlib=f"/opt/{library}",
        purelib=f"{library}/site-packages",
        platlib=f"{library}/site-packages",
        platlibdir="lib",
        version_info=f"{minor}.1.final.0",
        platform="linux-x86_64",
    )
    chain = Chain("/opt/bin/python", (), "/opt/bin/python", EndKind.FILE)
    return Interpreter("python", "/opt/bin/python", "/opt/bin", chain, facts)


def environment(version: str, library: str, **settings: str) -> Environment:
    named = {key.replace("_", "-"): value for key, value in settings.items()}
    cfg = {"home": "/opt/bin", "version": f"{version}.1", "include-system-site-packages": "false", **named}
    python = InnerLink("python", "/opt/bin/python", works=True)
    return Environment(
        cfg=tuple(cfg.items()),
        pythons=(python,),
        libraries=(library,),
        lib64=None,
        scripts=(),
        has_bin=True,
        activators=("activate",),
        contents=Contents(),
    )


@pytest.mark.parametrize(
    ("found", "now", "message"),
    [
        (environment("3.13", "lib/python3.13t"), interpreter("3.13", "lib/python3.13"), "built for 3.13t, * 3.13"),
        (environment("3.13", "lib/python3.13"), interpreter("3.13", "lib/python3.13t"), "built for 3.13, * 3.13t"),
        (environment("3.12", "lib/python3.12"), interpreter("3.13", "lib/python3.13t"), "built for 3.12, * 3.13t"),
        (environment("3.13", "lib/python3.13t"), interpreter("3.14", "lib/python3.14t"), "built for 3.13t, * 3.14t"),
        (
            environment("3.10", "lib/python3.10"),
            interpreter("3.10", "lib/pypy3.10", "pypy"),
            "built for 3.10, * pypy3.10",
        ),
        (
            environment("3.10", "lib/pypy3.10", implementation="PyPy"),
            interpreter("3.10", "lib/python3.10"),
            "built for pypy3.10, * 3.10",
        ),
        (
            environment("3.11", "lib/python3.11", envsync_abi="cpython-311-x86_64-linux-gnu"),
            interpreter("3.11", "lib/python3.11", abi="cpython-311d-x86_64-linux-gnu"),
            "built for cpython-311-x86_64-linux-gnu, * cpython-311d-x86_64-linux-gnu",
        ),
        (
            environment("3.11", "lib/python3.11", envsync_platform="linux-aarch64"),
            interpreter("3.11", "lib/python3.11"),
            "built for linux-aarch64, * linux-x86_64",
        ),
    ],
)
def test_the_reason_for_a_rebuild_names_what_differs(found: Environment, now: Interpreter, message: str) -> None:
    findings = compare(desired.Environment("blog", "/blog"), found, now)
    assert findings.rebuild
    assert message.replace("*", "the link is now") in [one.message for one in findings.drift]
