"""A move that is cut off anywhere is finished by the next pass, whatever was imported meanwhile."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from virtualenv.seed.wheels.embed import get_embed_wheel

from harness.depot import Depot
from harness.place import SOURCE

CUT = {
    "before anything": "move._make_target",
    "in the copy": "copies.refuse_difference",
    "before the copy is at its place": "copies.move_in",
    "before the link": "move._make_link",
    "in the exchange": "copy_up.exchange_in_steps",
    "behind the exchange": "write_move.flush_open",
    "before the rest": "move._follow",
    "in the rest": "move.edit_settings",
    "before the end": "move._clear_staging_dirs",
}
"""What a killed process did not come to do any more."""


@pytest.fixture
def depot(depot: Depot) -> Depot:
    depot.path.unlink()
    return depot


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """Yield a directory on another file system."""
    places = [Path(one) for one in ("/dev/shm", "/run/user") if os.access(one, os.W_OK)]
    if not places or places[0].stat().st_dev == Path.cwd().stat().st_dev:
        pytest.skip("needs a second file system")
    place = places[0] / f"envsync-{os.urandom(4).hex()}"
    place.mkdir()
    yield place
    shutil.rmtree(place)


def declare(depot: Depot, target: str | None) -> None:
    more = [f"target = {json.dumps(target)}"] if target else []
    depot.declare('packages = ["app"]', *more)


def make(depot: Depot, target: str) -> None:
    """Make an environment in a directory at its path, with a generation, and declare a target for it."""
    declare(depot, None)
    assert depot.apply()["outcome"] == "created"
    assert depot.apply("--force-rebuild", "one")["outcome"] == "rebuilt"
    assert len(depot.generations()) == 1
    declare(depot, target)


def cut_off(where: str) -> None:
    """Run a move that ends at once where it would call something."""
    module, name = CUT[where].split(".")
    code = "import os; from envsync.cli.main import main; from envsync.apply import copies, move; "
    code += f"from envsync.write import copy_up, relocate as write_move; {module}.{name} = lambda *_: os._exit(9); "
    code += "main(['move', 'one'])"
    variables = {**os.environ, "PYTHONPATH": SOURCE}
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=variables)
    assert done.returncode == 9, done.stdout + done.stderr


def say(depot: Depot) -> str:
    """Run the environment, as somebody does who knows of nothing: Python writes byte code."""
    code = "import app, lib, sys; print(app.version, lib.version, sys.prefix)"
    done = subprocess.run([depot.path / "bin/python", "-c", code], check=True, capture_output=True, text=True)
    assert list(depot.site.glob("__pycache__/app.*"))
    return done.stdout.strip()


def assert_moved(depot: Depot, end: Path) -> None:
    assert (depot.path.is_symlink(), depot.path.resolve()) == (True, end.resolve())
    assert say(depot) == f"1.0 1.1 {depot.path}"
    assert depot.apply()["outcome"] == "unchanged"
    assert depot.command("check", "--deep")["damage"] == []
    assert [path for path in depot.partial_files() if depot.root in path.parents] == []
    assert not [
        path for path in end.parent.glob(".envsync-*") if '"generation"' not in (path / "envsync.json").read_text()
    ]


def apply(depot: Depot) -> str:
    """Apply, without a look at the links that envsync itself has in a staging directory; gives the outcome."""
    entry = depot.place.envsync("apply", "--json", **os.environ).environments["one"]
    assert entry["outcome"] in {"unchanged", "repaired"}, entry
    return str(entry["outcome"])


def move(depot: Depot) -> dict[str, Any]:
    return depot.place.envsync("move", "one", "--json", **os.environ).document


@pytest.mark.sampled(12)
@pytest.mark.parametrize("by", ["apply", "move"])
@pytest.mark.parametrize("where", CUT)
def test_a_move_that_is_cut_off_is_finished_by_the_next_pass(depot: Depot, where: str, by: str) -> None:
    make(depot, "one")
    cut_off(where)
    assert say(depot) == f"1.0 1.1 {depot.path}"
    if by == "apply":
        assert apply(depot) == "unchanged"
    else:
        assert move(depot)["errors"] == []
        depot.apply()
    assert_moved(depot, depot.root / "state/one")
    assert len(depot.generations()) == 1
    assert depot.command("rollback", "one")["outcome"] == "rolled-back"
    assert say(depot) == f"1.0 1.1 {depot.path}"
    assert depot.apply()["outcome"] in {"unchanged", "repaired"}


@pytest.mark.sampled(12)
@pytest.mark.parametrize("where", [*CUT, ""])
def test_on_another_file_system_too(depot: Depot, elsewhere: Path, where: str) -> None:
    make(depot, str(elsewhere / "one"))
    if where:
        cut_off(where)
        assert say(depot) == f"1.0 1.1 {depot.path}"
        assert apply(depot) == "unchanged"
    else:
        assert move(depot)["errors"] == []
    assert_moved(depot, elsewhere / "one")
    assert not list(depot.root.glob(".envsync-*"))
    assert depot.command("rollback", "one")["outcome"] == "rolled-back"
    assert say(depot) == f"1.0 1.1 {depot.path}"


def test_a_half_moved_environment_is_not_called_in_sync(depot: Depot) -> None:
    make(depot, "one")
    cut_off("before the link")
    run = depot.place.envsync("check", "--json", **os.environ)
    (entry,) = run.document["environments"]
    assert (run.status, entry["state"], [one["code"] for one in entry["drift"]]) == (3, "drift", ["link-missing"])
    entry = depot.place.envsync("apply", "--json", **os.environ).environments["one"]
    assert entry["notes"] == ["its move was interrupted, and is finished now"]
    assert depot.place.envsync("check", **os.environ).status == 0


def test_what_was_installed_in_a_half_moved_environment_is_not_lost(depot: Depot) -> None:
    make(depot, "one")
    cut_off("before the link")
    depot.install("tool")
    assert depot.apply()["outcome"] == "unchanged"
    assert_moved(depot, depot.root / "state/one")
    assert depot.versions() == {"app": "1.0", "lib": "1.1", "tool": "0.5"}


def test_what_came_into_the_directory_at_the_last_instant_is_kept(depot: Depot) -> None:
    make(depot, "one")
    cut_off("behind the exchange")
    (former,) = (path for path in (depot.root / "state").glob(".envsync-*/env") if path not in depot.generations())
    (former / "bin/mine").write_text("mine")
    depot.apply()
    assert_moved(depot, depot.root / "state/one")
    assert [path for path in depot.generations() if (path / "bin/mine").exists()]


def test_a_move_that_is_not_wanted_any_more_is_undone(depot: Depot) -> None:
    make(depot, "one")
    cut_off("before the link")
    assert (depot.root / "state/one").is_dir()
    declare(depot, None)
    assert depot.apply()["outcome"] == "unchanged"
    assert (depot.path.is_symlink(), (depot.root / "state/one").exists(), depot.partial_files()) == (False, False, [])
    assert len(depot.generations()) == 1


def test_what_is_another_ones_at_the_target_is_not_touched(depot: Depot) -> None:
    make(depot, "one")
    cut_off("before the link")
    (depot.root / "state/one").rename(depot.root / "copy")
    (depot.root / "state/one").mkdir()
    (depot.root / "state/one/precious").touch()
    entry = depot.apply()
    assert (entry["outcome"], entry["error"]["code"]) == ("failed", "target-taken")
    assert os.listdir(depot.root / "state/one") == ["precious"]
    assert say(depot) == f"1.0 1.1 {depot.path}"
    assert depot.apply()["outcome"] in {"failed", "conflict"}


def test_byte_code_that_the_trial_run_itself_writes_is_no_difference(depot: Depot) -> None:
    declare(depot, None)
    assert depot.apply()["outcome"] == "created"
    wheel = get_embed_wheel("setuptools", "3.11")
    assert wheel is not None
    depot.install("--no-deps", str(wheel.path))
    # As setuptools does, something is imported whenever Python starts; and here byte code is wanted all the same.
    (depot.site / "a-start.pth").write_text("import sys; sys.dont_write_bytecode = False; import _distutils_hack\n")
    assert not list(depot.site.rglob("*.pyc"))
    declare(depot, "one")
    assert move(depot)["errors"] == []
    assert list(depot.site.rglob("*.pyc"))
    assert_moved(depot, depot.root / "state/one")


@pytest.mark.sampled(6)
@pytest.mark.parametrize("kind", ["rebuild", "move"])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_an_exchange_in_steps_that_is_cut_off_loses_nothing(depot: Depot, step: int, kind: str) -> None:
    make(depot, "one") if kind == "move" else declare(depot, None)
    if kind == "rebuild":
        assert depot.apply()["outcome"] == "created"
    (depot.path / "share").mkdir(exist_ok=True)
    (depot.path / "share/mine").write_text("mine")
    code = f"""
import os
from envsync.cli.main import main
from envsync.write import rename, swap
rename.exchange = lambda *_: False
moves, plain = [], os.rename
def counted(*arguments, **more):
    moves.append(arguments)
    if len(moves) == {step}: os._exit(9)
    plain(*arguments, **more)
def watched(*arguments):
    os.rename = counted
    real(*arguments)
    os.rename = plain
real, swap.exchange_in_steps = swap.exchange_in_steps, watched
import envsync.write.copy_up
envsync.write.copy_up.exchange_in_steps = watched
main({["move", "one"] if kind == "move" else ["apply", "--force-rebuild", "one"]})
"""
    variables = {**os.environ, "PYTHONPATH": SOURCE}
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=variables)
    assert done.returncode == 9, done.stdout + done.stderr
    apply(depot)
    assert say(depot) == f"1.0 1.1 {depot.path}"
    assert depot.partial_files() == []
    assert depot.path.is_symlink() == (kind == "move")
    if kind == "rebuild" and step == 3:
        assert len(depot.generations()) == 1, "the former environment is kept"
