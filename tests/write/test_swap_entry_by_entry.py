"""Where a directory cannot be exchanged, its contents are: not atomically, and yet old or new in the end."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envsync.formats.staging_marker import BUILT, Marker
from envsync.write import rename
from envsync.write import staging as staging_dirs
from envsync.write.copy_up import exchange_up
from envsync.write.directories import Root
from envsync.write.exchange import roll_back, swap_contents, undo_contents
from harness.bench import contents, files, listing
from harness.depot import Depot, broken_records, naming
from harness.processes import unprivileged

OLD = ("bin/python", "lib/old/a", "pyvenv.cfg", "mine/notes", "both/file")
NEW = ("bin/python", "lib/new/b", "pyvenv.cfg", "extra", "both")


@pytest.fixture
def mount(depot: Depot) -> Iterator[Path]:
    """Yield an empty mount point where the environment is to be; needs root."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root mounts")
    point = depot.root / "ends/env"
    point.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", point], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield point
    finally:
        subprocess.run(["umount", "-l", point], check=True)


def of_packages(place: Path) -> dict[str, tuple[int, str | bytes | None]]:
    """List an environment's files without the staging directories inside of it."""
    seen = contents(files(listing(place)))
    return {name: one for name, one in seen.items() if not name.startswith(".envsync-")}


def test_an_environment_at_a_mount_point_is_created_rebuilt_and_rolled_back(depot: Depot, mount: Path) -> None:
    depot.make('packages = ["app"]')
    old = of_packages(mount)
    assert depot.says("app") == f"app 1.0 {depot.path}"
    depot.flip("3.12")
    (action,) = depot.command("plan")["actions"]
    assert action["kind"] == "rebuild"
    assert "not atomically" in action["message"]
    assert depot.apply()["outcome"] == "rebuilt"
    assert depot.says("app") == f"app 1.0 {depot.path}"
    assert list(broken_records(mount, mount / "lib/python3.12/site-packages")) == []
    assert naming(mount / "bin", ".envsync-") == []
    assert depot.apply()["outcome"] == "unchanged"
    new = of_packages(mount)
    for version, expected, other in (("3.11", old, new), ("3.12", new, old)):
        depot.flip(version)
        assert depot.command("rollback", "one")["outcome"] == "rolled-back"
        assert of_packages(mount) == expected
        (kept,) = depot.generations()
        assert contents(files(listing(kept))) == other
    assert depot.partial_files() == []
    assert mount.is_mount()


def test_nothing_is_kept_at_a_mount_point_where_nothing_is_to_be_kept(depot: Depot, mount: Path) -> None:
    depot.make(head="keep = 0")
    depot.flip("3.12")
    assert depot.apply()["outcome"] == "rebuilt"
    assert not any(name.startswith(".envsync-") for name in os.listdir(mount))
    assert depot.apply()["outcome"] == "unchanged"


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_rebuild_at_a_mount_point_that_fails_leaves_the_old_environment(
    depot: Depot, mount: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    depot.make('packages = ["app"]')
    old = of_packages(mount)
    depot.flip("3.12")
    calls = _Calls(number, OSError(errno.EIO, os.strerror(errno.EIO)))
    monkeypatch.setattr("envsync.write.exchange.exchange_up", calls.around(exchange_up))
    entry = depot.apply()
    assert (entry["outcome"], entry["error"]["code"]) == ("failed", "io-error")
    assert of_packages(mount) == old
    assert not any(name.startswith(".envsync-") for name in os.listdir(mount))
    monkeypatch.undo()


def test_an_environment_in_a_directory_that_is_not_writable_is_rebuilt_inside(depot: Depot) -> None:
    depot.make('packages = ["app"]')
    depot.flip("3.12")
    depot.place.variables = dict(os.environ)
    (depot.root / "ends").chmod(0o555)
    try:
        run = unprivileged(depot.place, "apply", "--json")
    finally:
        (depot.root / "ends").chmod(0o755)
    if run is None:
        pytest.skip("root cannot give up its powers here")
    entry = run.environments["one"]
    assert entry["outcome"] == "rebuilt", entry
    assert "not atomically" in entry["actions"][0]["message"]
    assert depot.says("app") == f"app 1.0 {depot.path}"
    assert depot.partial_files() == []


class _KilledError(BaseException):
    """As good as SIGKILL: nobody handles it."""


class _Calls:
    """Counts calls, and fails at one of them."""

    def __init__(self, number: int, error: BaseException) -> None:
        self.left = number
        self.error = error

    def around(self, function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            self.left -= 1
            if self.left == 0:
                raise self.error
            return function(*arguments, **options)

        return call


def plant(directory: Path, names: tuple[str, ...], text: str) -> None:
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(f"{text} {name}")


def held(directory: Path) -> dict[str, str]:
    found = (path for path in directory.rglob("*") if path.is_file())
    return {
        name: path.read_text() for path in found if not (name := str(path.relative_to(directory))).startswith(".env")
    }


def prepared(end: Path, names: tuple[str, ...] = NEW) -> Path:
    """Return a staging directory in ``end`` with a new environment in it."""
    shutil.rmtree(end, ignore_errors=True)
    plant(end, OLD, "old")
    staging_dir = Path(staging_dirs.make_staging_dir(str(end), Marker("one", str(end), str(end))))
    plant(staging_dir / BUILT, names, "new")
    return staging_dir


def attempts(
    monkeypatch: pytest.MonkeyPatch, end: Path, error: BaseException, swap: Callable[[str, Root], None], *, atomic: bool
) -> Iterator[tuple[Path, bool]]:
    """Exchange contents again and again, failing at the first change to the disk, the second, and so on."""
    exchange, move = rename.exchange, os.rename
    for number in range(1, 100):
        staging_dir = prepared(end)
        calls = _Calls(number, error)
        with monkeypatch.context() as patch:
            patch.setattr(rename, "exchange", calls.around(exchange) if atomic else lambda *_: False)
            patch.setattr(os, "rename", calls.around(move))
            try:
                swap(str(staging_dir), Root(str(end)))
            except (OSError, _KilledError) as raised:
                assert error in {raised, raised.__cause__}  # noqa: PT017
        yield staging_dir, calls.left <= 0
        if calls.left > 0:
            return


def assert_old(end: Path) -> None:
    assert held(end) == {name: f"old {name}" for name in OLD}


@pytest.mark.parametrize("atomic", [True, False])
def test_whatever_move_fails_the_old_contents_are_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, atomic: bool
) -> None:
    error = OSError(errno.EIO, os.strerror(errno.EIO))
    end = tmp_path / "end"
    for staging_dir, failed in attempts(monkeypatch, end, error, swap_contents, atomic=atomic):
        if not failed:
            assert held(end) == {name: f"new {name}" for name in NEW}
            assert held(staging_dir / BUILT) == {name: f"old {name}" for name in OLD}
            return
        assert_old(end)
        staging_dirs.remove_staging_dir(str(staging_dir), str(end))
        assert_old(end)
        assert not staging_dir.exists()
    pytest.fail("it never came to its end")


@pytest.mark.parametrize("atomic", [True, False])
def test_wherever_it_is_killed_the_next_pass_finds_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, atomic: bool
) -> None:
    end = tmp_path / "end"
    seen = set()
    for staging_dir, _ in attempts(monkeypatch, end, _KilledError(), swap_contents, atomic=atomic):
        undo_contents(str(staging_dir), str(end))
        now, other = held(end), held(staging_dir / BUILT)
        text = now["pyvenv.cfg"].partition(" ")[0]
        seen.add(text)
        assert now == {name: f"{text} {name}" for name in (OLD if text == "old" else NEW)}
        assert other == {
            name: f"{'old' if text == 'new' else 'new'} {name}" for name in (NEW if text == "old" else OLD)
        }
    assert seen == {"old", "new"}


@pytest.mark.parametrize("atomic", [True, False])
def test_wherever_undoing_is_killed_the_next_pass_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, atomic: bool
) -> None:
    end = tmp_path / "end"

    def begin_and_undo(staging_dir: str, root: Root) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(rename, "exchange", lambda *_: False)
            patch.setattr("envsync.write.exchange.flush_open", _fail)
            with contextlib.suppress(OSError):
                swap_contents(staging_dir, root)

    for staging_dir, _ in attempts(monkeypatch, end, _KilledError(), begin_and_undo, atomic=atomic):
        undo_contents(str(staging_dir), str(end))
        assert held(end)["pyvenv.cfg"].partition(" ")[0] in {"old", "new"}
        text = held(end)["pyvenv.cfg"].partition(" ")[0]
        assert held(end) == {name: f"{text} {name}" for name in (OLD if text == "old" else NEW)}
        assert held(staging_dir / BUILT).keys() == {*(NEW if text == "old" else OLD)}


def _fail(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("atomic", [True, False])
def test_a_rollback_that_is_killed_leaves_old_or_new_and_the_other_one_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, atomic: bool
) -> None:
    end = tmp_path / "end"

    def swap(staging_dir: str, root: Root) -> None:
        staging_dirs.update_marker(staging_dir, kind="generation", made="2020")
        roll_back(staging_dir, root, "2021", exchangeable=False)

    for staging_dir, _ in attempts(monkeypatch, end, _KilledError(), swap, atomic=atomic):
        undo_contents(str(staging_dir), str(end))
        text = held(end)["pyvenv.cfg"].partition(" ")[0]
        assert held(end) == {name: f"{text} {name}" for name in (OLD if text == "old" else NEW)}
        assert held(staging_dir / BUILT).keys() == {*(NEW if text == "old" else OLD)}
