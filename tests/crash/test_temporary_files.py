"""Whatever is killed leaves nothing in the directory of temporary files, and the next pass clears away what is left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envsync.formats.staging_marker import Marker
from envsync.write.staging import make_brief_staging_dir
from envsync.write.temporary import temporary_directory
from harness.depot import Depot
from harness.place import Place
from harness.wheels import make_project

pytestmark = pytest.mark.both_installers

_NOTES = """
import os, pathlib, tempfile, time
pathlib.Path(os.environ["NOTED"]).write_text(tempfile.mkdtemp(prefix="mine"))
time.sleep(60)
"""


def own_staging() -> Path:
    return Path(os.environ["HOME"]) / ".local/state/envsync/staging"


def test_a_build_that_is_killed_with_envsync_leaves_no_temporary_file(depot: Depot, tmp_path: Path) -> None:
    temporary, noted = Path(os.environ["TMPDIR"]), tmp_path / "noted"
    project = make_project(depot.root / "slow", "slow")
    backend = project / "backend.py"
    backend.write_text(_NOTES + backend.read_text())
    depot.declare('project = "slow"')
    variables = os.environ | {"NOTED": str(noted)}
    process = subprocess.Popen([sys.executable, "-m", "envsync", "apply"], cwd=depot.root, env=variables)
    deadline = time.monotonic() + 50
    while not noted.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert noted.exists(), "the backend was run"
    assert os.listdir(temporary) == []
    depot.declare()
    assert depot.apply()["outcome"] == "created"
    assert not Path(noted.read_text()).exists()
    assert depot.partial_files() == []
    assert not own_staging().exists() or os.listdir(own_staging()) == []


def test_one_that_is_left_is_cleared_by_the_next_pass_and_one_in_use_stays(place: Place) -> None:
    place.write('[envs.one]\npath = "one"\n')
    own_staging().mkdir(parents=True, mode=0o700)
    left = Path(make_brief_staging_dir(str(own_staging()), Marker("", "", "", kind="temporary")))
    (left / "scratch").mkdir()
    (left / "scratch/half").touch()
    with temporary_directory() as used:
        (Path(used) / "mine").touch()
        place.apply()
        assert not left.exists()
        assert (Path(used) / "mine").exists()
    assert os.listdir(own_staging()) == []


def test_it_is_there_although_the_own_directory_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with temporary_directory() as used:
        assert os.listdir(used) == []
    assert not Path(used).exists()
