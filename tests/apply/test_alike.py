"""What several environments of a pass install alike is installed once, and each of them is as if alone."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from harness.bench import make_project_of, run
from harness.depot import Depot, broken_records, naming
from harness.wheels import make_project

pytestmark = pytest.mark.sampled(3)

NAMES = ("one", "two", "three")


def paths(depot: Depot) -> list[Path]:
    return [depot.root / f"envs of {name}" / ".venv" for name in NAMES]


def declare(depot: Depot, *lines: str, own: tuple[str, str, str] = ("", "", "")) -> None:
    head = f'installer = "{depot.installer}"\n[defaults]\npython = "{depot.link}/python"\n'
    tables = []
    for name, path, line in zip(NAMES, paths(depot), own, strict=True):
        make_project_of(path)
        tables.append(f"[envs.{name}]\npath = {json.dumps(str(path))}\n{line}\n")
    depot.place.write(head + "\n".join((*lines, *tables)))


def count_installs(depot: Depot, monkeypatch: pytest.MonkeyPatch, *, failing: int = 0) -> Path:
    """Let a uv be found that notes each installation; the first ``failing`` ones fail."""
    log = depot.root / "installs"
    log.write_text("")
    real = find_uv_bin()
    script = depot.root / "uv"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *"pip install"*"--dry-run"*) ;; *"pip install"*) echo run >> {log}\n'
        f'[ "$(wc -l < {log})" -gt {failing} ] || exit 1 ;; esac\nexec {real} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr("uv.find_uv_bin", lambda: str(script))
    return log


def installs(log: Path) -> int:
    return len(log.read_text().splitlines())


def outcomes(depot: Depot, *arguments: str) -> dict[str, Any]:
    document = run(depot.place, depot.capsys, "apply", *arguments)
    return {one["name"]: one["outcome"] for one in document["environments"]}


def assert_each_is_whole(depot: Depot, minor: str) -> None:
    """Each has scripts and RECORDs of its own, and nothing says where it was built."""
    for path in paths(depot):
        (site,) = path.glob("lib/python3.*/site-packages")
        ran = subprocess.run([path / "bin/app"], check=True, capture_output=True, text=True)
        assert ran.stdout == f"app 1.0 {path}\n"
        asked = "import sys, lib; print('%d.%d' % sys.version_info[:2], sys.prefix, lib.version)"
        assert depot.place.python(path, asked) == f"{minor} {path} 1.0"
        assert naming(path, ".envsync-") == []
        assert list(broken_records(path, site)) == []
    assert depot.partial_files() == []
    assert set(outcomes(depot).values()) == {"unchanged"}
    deep = run(depot.place, depot.capsys, "check", "--deep")
    assert deep["status"] == "in-sync"


@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_they_are_created_and_rebuilt_by_one_installation(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, installer: str, jobs: str
) -> None:
    depot.installer = installer
    log = count_installs(depot, monkeypatch)
    declare(depot, 'packages = ["app==1.0", "lib==1.0"]')
    assert set(outcomes(depot, "--jobs", jobs).values()) == {"created"}
    if installer == "uv":
        assert installs(log) == 1
    assert_each_is_whole(depot, "3.11")
    depot.flip("3.12")
    assert set(outcomes(depot, "--jobs", jobs).values()) == {"rebuilt"}
    if installer == "uv":
        assert installs(log) == 2
    assert_each_is_whole(depot, "3.12")


def test_what_an_installer_copied_is_copied_and_lists_of_paths_always_are(depot: Depot) -> None:
    depot.wheel("listed", "1.0", files={"listed.pth": "/nowhere\n", "listed.py": "", "empty/__init__.py": ""})
    for installer, shared in (("uv", True), ("pip", False)):
        depot.installer = installer
        declare(depot, 'packages = ["listed"]')
        assert set(outcomes(depot).values()) == {"created"}
        sites = [next(path.glob("lib/python3.*/site-packages")) for path in paths(depot)]
        assert len({(site / "listed.py").stat().st_ino for site in sites}) == (1 if shared else 3)
        # METADATA comes from the wheel as the rest does; INSTALLER is written by the installer, for each.
        for name, count in (("METADATA", 1 if shared else 3), ("INSTALLER", 3)):
            assert len({next(site.glob(f"listed-*/{name}")).stat().st_ino for site in sites}) == count
        assert len({(site / "listed.pth").stat().st_ino for site in sites[1:]}) == 2
        assert not (sites[1] / "listed.pth").samefile(sites[0] / "listed.pth")
        for path in paths(depot):
            shutil.rmtree(path)


def test_one_that_differs_installs_for_itself(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    log = count_installs(depot, monkeypatch)
    declare(depot, 'packages = ["app==1.0", "lib==1.0"]', own=("", "", 'packages = ["app==1.0", "lib==1.1"]'))
    assert set(outcomes(depot).values()) == {"created"}
    assert installs(log) == 2
    assert depot.place.python(paths(depot)[1], "import lib; print(lib.version)") == "1.0"
    assert depot.place.python(paths(depot)[2], "import lib; print(lib.version)") == "1.1"


def test_each_keeps_what_it_alone_had(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(depot, 'packages = ["app==1.0", "lib==1.0"]')
    outcomes(depot)
    first, second, third = paths(depot)
    subprocess.run([find_uv_bin(), "-q", "pip", "install", "--python", second / "bin/python", "tool"], check=True)
    (third / "share").mkdir()
    (third / "share/notes.txt").write_text("mine")
    log = count_installs(depot, monkeypatch)
    depot.flip("3.12")
    assert set(outcomes(depot).values()) == {"rebuilt"}
    assert installs(log) == 3  # one for the two alike, and two for the one with a package that nothing declares
    assert_each_is_whole(depot, "3.12")
    assert (third / "share/notes.txt").read_text() == "mine"
    assert not (first / "share/notes.txt").exists()
    assert [(path / "bin/tool").exists() for path in paths(depot)] == [False, True, False]


def test_where_the_first_fails_each_tries_for_itself(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    log = count_installs(depot, monkeypatch, failing=2)  # the first try, and its repetition without a cache
    declare(depot, 'packages = ["app==1.0", "lib==1.0"]')
    assert sorted(outcomes(depot, "--jobs", "1").values()) == ["created", "created", "failed"]
    assert installs(log) == 4
    assert set(outcomes(depot).values()) == {"created", "unchanged"}
    assert_each_is_whole(depot, "3.11")


def test_what_is_built_from_a_directory_is_built_for_each(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(depot.root / "plain", "plain")
    log = count_installs(depot, monkeypatch)
    declare(depot, f'packages = ["plain @ file://{project}"]')
    assert set(outcomes(depot).values()) == {"created"}
    assert installs(log) == 3


def test_nothing_of_it_is_left_after_the_pass(depot: Depot) -> None:
    declare(depot, 'packages = ["app==1.0", "lib==1.0"]')
    outcomes(depot)
    assert depot.partial_files() == []
    assert not list(Path(os.environ["HOME"]).rglob(".envsync-*"))
