"""What a watcher does about interpreters, environments and packages that change: told by events, seen on the disk."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.bench import listing
from harness.dotfiles import Dotfiles, named, replace
from harness.watching import Watching, watching

pytestmark = pytest.mark.sampled(9)

PythonOf = Callable[[str], str]
REQUIREMENTS = 'requirements = ["../src/project/requirements.txt"]'


@pytest.fixture
def installed(dotfiles: Dotfiles) -> Dotfiles:
    """Declare a package by means of a requirements file."""
    (dotfiles.root / "src/project/requirements.txt").write_text("tool\n")
    dotfiles.file.write_text(dotfiles.manifest(dotfiles.one(REQUIREMENTS)))
    return dotfiles


def assert_mends(dotfiles: Dotfiles, watcher: Watching) -> None:
    """It is awake still: what breaks is mended."""
    (dotfiles.end / "bin/python").unlink()
    watcher.applied("one", "repaired")
    assert os.readlink(dotfiles.end / "bin/python") == f"{dotfiles.pycur}/bin/python"


@pytest.mark.parametrize("mode", ["events", "polling"])
def test_a_flip_to_another_minor_version_rebuilds(dotfiles: Dotfiles, mode: str) -> None:
    dotfiles.python_of("3.12")
    with dotfiles.watched(*["--poll"] * (mode == "polling")) as watcher:
        assert watcher.events[0]["mode"] == mode
        assert dotfiles.says() == f"3.11 {dotfiles.path}"
        dotfiles.point("3.12")
        entry = watcher.applied("one", "rebuilt")["environment"]
        assert [drift["code"] for drift in entry["drift"]] == ["python-minor"]
        assert dotfiles.says() == f"3.12 {dotfiles.path}"
        assert os.readlink(dotfiles.end / "bin/python") == f"{dotfiles.pycur}/bin/python"
        assert watcher.until("pass")["outcomes"] == {"rebuilt": 1}
        assert_mends(dotfiles, watcher)


def test_a_flip_to_another_tree_of_the_same_minor_version_repairs(dotfiles: Dotfiles) -> None:
    dotfiles.python_of("debian")
    dotfiles.file.write_text(dotfiles.manifest(dotfiles.one(python="../pycur/bin/python3.11")))
    with dotfiles.watched() as watcher:
        site, version = dotfiles.site.stat().st_ino, dotfiles.settings["version"]
        dotfiles.point("debian")
        entry = watcher.applied("one", "repaired")["environment"]
        assert {drift["code"] for drift in entry["drift"]} == {"python-patch"}
        assert dotfiles.settings["home"] == f"{dotfiles.pycur}/bin"
        assert os.readlink(dotfiles.end / "bin/python") == f"{dotfiles.pycur}/bin/python3.11"
        assert dotfiles.settings["version"] != version
        assert (
            dotfiles.place.python(dotfiles.path, "import sys; print('%d.%d.%d' % sys.version_info[:3])")
            == (dotfiles.settings["version"])
        )
        assert dotfiles.site.stat().st_ino == site


def test_a_flip_to_a_tree_that_is_as_good_costs_one_pass_and_no_work(dotfiles: Dotfiles) -> None:
    tree = dotfiles.pycur.resolve()
    (dotfiles.root / "trees").mkdir()
    (dotfiles.root / "trees/other").symlink_to(tree)
    with dotfiles.watched() as watcher:
        watcher.calm(0.8)
        before, reported = listing(dotfiles.end), len(watcher.events)
        (dotfiles.root / "pycur.new").symlink_to("trees/other")
        (dotfiles.root / "pycur.new").replace(dotfiles.pycur)
        assert watcher.until("pass")["reason"] == "change"
        watcher.rest(0.8)
        assert [event["event"] for event in watcher.events[reported:]] == ["pass"]
        assert listing(dotfiles.end) == before
        assert_mends(dotfiles, watcher)


@pytest.mark.parametrize("impatient", [False, True], ids=["left alone", "asked for passes meanwhile"])
def test_an_interpreter_gone_for_less_than_the_settle_time_is_not_missed(dotfiles: Dotfiles, impatient: bool) -> None:
    dotfiles.python_of("3.12")
    with dotfiles.watched(settle=1) as watcher:
        before, reported = listing(dotfiles.end), len(watcher.events)
        for version, state in ((None, "conflict"), ("3.12", "drift"), (None, "conflict"), ("3.11", "in-sync")):
            dotfiles.point(version)
            time.sleep(0.1)
            if impatient:
                watcher.process.send_signal(signal.SIGHUP)
                assert watcher.until("pass")["states"][state] == 1
        watcher.rest(2.5)
        assert {event["event"] for event in watcher.events[reported:]} == {"pass"}
        assert watcher.events[-1]["states"]["in-sync"] == 1
        assert listing(dotfiles.end) == before


def test_an_interpreter_gone_for_good_is_told_once_and_so_is_its_return(dotfiles: Dotfiles) -> None:
    with dotfiles.watched() as watcher:
        before = listing(dotfiles.end)
        dotfiles.point(None)
        assert watcher.until("conflict")["environment"]["conflict"]["code"] == "interpreter-missing"
        for _ in range(3):
            watcher.process.send_signal(signal.SIGHUP)
            watcher.until("pass", lambda event: bool(event["reason"] == "signal"))
        assert len(named(watcher.events, "conflict")) == 1
        assert listing(dotfiles.end) == before
        dotfiles.point("3.11")
        assert watcher.until("conflict")["environment"]["conflict"] is None
        watcher.rest(0.8)
        assert [event["environment"]["outcome"] for event in named(watcher.events, "applied")] == ["created"]
        assert listing(dotfiles.end) == before
        assert_mends(dotfiles, watcher)


def _edit(dotfiles: Dotfiles) -> None:
    cfg = dotfiles.end / "pyvenv.cfg"
    cfg.write_text(cfg.read_text().replace(f"{dotfiles.pycur}/bin", "/opt/other/bin"))


def _unlink(dotfiles: Dotfiles) -> None:
    dotfiles.own.add(dotfiles.root / "src/project/.venv")
    dotfiles.path.unlink()


DAMAGES: dict[str, tuple[Callable[[Dotfiles], None], str]] = {
    "bin/python removed": (lambda dotfiles: (dotfiles.end / "bin/python").unlink(), "repaired"),
    "pyvenv.cfg edited": (_edit, "repaired"),
    "path's link removed": (_unlink, "linked"),
    "end removed": (lambda dotfiles: shutil.rmtree(dotfiles.end), "created"),
    "state directory removed": (lambda dotfiles: shutil.rmtree(dotfiles.end.parent), "created"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_damaged_is_mended(dotfiles: Dotfiles, damage: str) -> None:
    do, outcome = DAMAGES[damage]
    with dotfiles.watched() as watcher:
        for _ in range(2):
            do(dotfiles)
            watcher.applied("one", outcome)
            assert dotfiles.path.resolve() == dotfiles.end
            assert dotfiles.settings["home"] == f"{dotfiles.pycur}/bin"
            assert dotfiles.says() == f"3.11 {dotfiles.path}"
        watcher.until("pass")
        assert watcher.rest(0.8) == [], "its own writes wake it"


def test_a_declared_package_that_was_removed_is_installed_again(installed: Dotfiles) -> None:
    with installed.watched() as watcher:
        shutil.rmtree(installed.site / "tool-1.0.dist-info")
        (installed.site / "tool.py").unlink()
        watcher.applied("one", "installed")
        assert installed.place.python(installed.path, "import tool; print(tool.version)") == "1.0"
        watcher.until("pass")
        assert watcher.rest(0.8) == [], "its own writes wake it"
        assert_mends(installed, watcher)


def test_what_a_requirements_file_says_once_it_is_replaced_is_installed(installed: Dotfiles) -> None:
    with installed.watched() as watcher:
        for _ in range(2):
            replace(installed.root / "src/project/requirements.txt", "tool\nlib\n")
            watcher.applied("one", "installed")
            assert installed.place.python(installed.path, "import lib; print(lib.version)") == "2.0"
            watcher.until("pass")
            shutil.rmtree(installed.site / "lib-2.0.dist-info")


def _pour(directory: Path) -> None:
    for number in range(5000):
        os.close(os.open(f"{directory}/poured_{number}.py", os.O_CREAT | os.O_WRONLY))


def _exchange(site: Path) -> None:
    root = site.parents[4]
    shutil.copytree(site, root / "other")
    _pour(root / "other")
    site.rename(root / "former")
    (root / "other").rename(site)


@pytest.mark.parametrize(
    ("storm", "settle"), [(_pour, 1), (_exchange, 0.5)], ids=["files written", "directory replaced"]
)
def test_after_a_storm_comes_one_pass_and_silence(
    installed: Dotfiles, storm: Callable[[Path], None], settle: float
) -> None:
    with installed.watched(settle=settle) as watcher:
        watcher.calm(1.3)
        reported = len(watcher.events)
        storm(installed.site)
        assert watcher.until("pass")["states"]["in-sync"] == 1
        watcher.rest(1.5)
        assert [event["event"] for event in watcher.events[reported:]] == ["pass"]
        assert watcher.events[reported]["reason"] == "change"
        (installed.site / "poured_0.py").unlink()
        assert watcher.until("pass")["reason"] == "change"


def assert_does_not_mind(installed: Dotfiles, *directories: str) -> None:
    with installed.watched() as watcher:
        watcher.calm(0.8)
        reported = len(watcher.events)
        installed.place.python(installed.path, "import tool")
        for directory in directories:
            unrelated = installed.root / directory / "unrelated"
            unrelated.parent.mkdir(exist_ok=True)
            unrelated.write_text("")
            unrelated.replace(unrelated.with_name("renamed")).unlink()
        watcher.rest(0.8)
        assert watcher.events[reported:] == []
        assert_mends(installed, watcher)


def test_what_comes_and_goes_beside_what_matters_does_not_wake_it(installed: Dotfiles) -> None:
    cache = "state/one/lib/python3.11/site-packages/__pycache__"
    assert_does_not_mind(installed, cache, "project", "dotfiles", "state")


def test_what_comes_and_goes_beside_the_link_to_the_manifest_does_not_wake_it(installed: Dotfiles) -> None:
    assert_does_not_mind(installed, "config")


def test_only_what_is_named_is_looked_after(dotfiles: Dotfiles) -> None:
    two = dotfiles.table("two", "../two")
    dotfiles.file.write_text(dotfiles.manifest(dotfiles.one(), two))
    with dotfiles.watched("one") as watcher:
        assert sum(watcher.events[-1]["states"].values()) == 1
        dotfiles.file.write_text(dotfiles.manifest(dotfiles.one(), two, 'prompt = "changed"'))
        (dotfiles.root / "two").mkdir()
        assert_mends(dotfiles, watcher)
        watcher.rest(0.8)
        assert {event["environment"]["name"] for event in named(watcher.events, "applied")} == {"one"}
        assert os.listdir(dotfiles.root / "two") == []


def _once(dotfiles: Dotfiles) -> tuple[list[str], int]:
    """Run a watcher that ends by itself; give what became of each environment, and the exit status."""
    with watching(dotfiles.place, f"--file={dotfiles.link}", "--once", settle=0.2) as watcher:
        assert watcher.until("stopped")["exit_code"] == watcher.process.wait(30)
        applied = [event["environment"]["outcome"] for event in named(watcher.events, "applied")]
        conflicts = [event["environment"]["conflict"]["code"] for event in named(watcher.events, "conflict")]
        return applied + conflicts, watcher.process.returncode


def test_once_ends_when_all_is_done(dotfiles: Dotfiles) -> None:
    dotfiles.python_of("3.12")
    assert _once(dotfiles) == (["created"], 0)
    dotfiles.point("3.12")
    assert _once(dotfiles) == (["rebuilt"], 0)
    assert dotfiles.says() == f"3.12 {dotfiles.path}"
    assert _once(dotfiles) == ([], 0)


@pytest.mark.parametrize("trouble", ["failed", "not-a-venv"])
def test_once_tells_by_its_exit_status_that_not_all_could_be_done(dotfiles: Dotfiles, trouble: str) -> None:
    two = dotfiles.table("two", "../two", *['packages = ["of-no-index"]'] * (trouble == "failed"))
    dotfiles.file.write_text(dotfiles.manifest(dotfiles.one(), two))
    if trouble == "not-a-venv":
        (dotfiles.root / "two").mkdir()
        (dotfiles.root / "two/mine").write_text("")
    came, status = _once(dotfiles)
    assert (sorted(came), status) == (sorted(["created", trouble]), 1)
    assert dotfiles.says() == f"3.11 {dotfiles.path}"
    assert sorted(Path(dotfiles.root).glob("two/*")) == sorted(Path(dotfiles.root).glob("two/mine"))
