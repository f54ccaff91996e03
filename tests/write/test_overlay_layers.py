"""An environment in a lower layer of an overlay, as in a container's image: its directory cannot be renamed (EXDEV)."""

import contextlib
import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from envsync.apply.steps import clear_staging_dir
from envsync.formats.staging_marker import BUILT, Marker
from envsync.observe.mounts import in_lower_layer
from envsync.write import rename
from envsync.write.copy_up import swap_up
from envsync.write.directories import Root, open_directory
from envsync.write.staging import make_staging_dir
from harness.bench import contents, files, listing
from harness.depot import Depot, broken_records
from harness.mounting import overlaid

pytestmark = pytest.mark.sampled(5)

if sys.platform != "linux":
    pytest.skip("overlays are of Linux", allow_module_level=True)


@pytest.fixture
def layered(depot: Depot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Depot]:
    """Yield an environment that was made, with all around it, before an overlay was laid over it."""
    depot.make('packages = ["app"]')
    with overlaid(depot.root, tmp_path / "layers", depot.root):
        monkeypatch.chdir("/")
        monkeypatch.chdir(depot.root)
        yield depot


def exchange_paths(one: Path, other: Path) -> None:
    with open_directory(str(one.parent)) as here, open_directory(str(other.parent)) as there:
        rename.exchange(rename.Place(here, one.name, ""), rename.Place(there, other.name, ""))


def seen(place: Path) -> dict[str, tuple[int, str | bytes | None]]:
    return contents(files(listing(place)))


def test_a_directory_of_a_lower_layer_is_told_from_one_of_the_upper(layered: Depot) -> None:
    (layered.root / "new").mkdir()
    assert in_lower_layer(str(layered.end))
    assert not in_lower_layer(str(layered.root / "new"))
    with pytest.raises(OSError, match=os.strerror(errno.EXDEV)):
        exchange_paths(layered.root / "new", layered.end)


def test_an_environment_of_a_lower_layer_is_rebuilt_and_rolled_back(layered: Depot) -> None:
    old = seen(layered.end)
    layered.flip("3.12")
    plan = layered.command("plan")
    assert "not atomically" in plan["actions"][0]["message"]
    assert any("copied up" in note for note in plan["notes"])
    assert layered.apply()["outcome"] == "rebuilt"
    assert layered.says("app") == f"app 1.0 {layered.path}"
    assert list(broken_records(layered.path, layered.site)) == []
    (kept,) = layered.generations()
    assert seen(kept) == old
    assert not in_lower_layer(str(layered.end))
    layered.flip("3.11")
    assert layered.command("rollback", "one")["outcome"] == "rolled-back"
    assert seen(layered.end) == old
    layered.flip("3.13")
    plan = layered.command("plan")
    assert "not atomically" not in plan["actions"][0]["message"]
    assert layered.apply()["outcome"] == "rebuilt"
    assert layered.partial_files() == []


def test_packages_are_installed_and_upgraded_in_a_lower_layer(layered: Depot) -> None:
    layered.declare('packages = ["app", "tool"]')
    entry = layered.apply()
    assert entry["outcome"] == "installed", entry["error"]
    assert layered.versions() == {"app": "1.0", "lib": "1.1", "tool": "0.5"}
    assert layered.apply()["outcome"] == "unchanged"
    assert layered.partial_files() == []


def test_a_generation_of_a_lower_layer_is_rolled_back_to(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    depot.make('packages = ["app"]')
    old = seen(depot.end)
    depot.flip("3.12")
    depot.apply()
    new = seen(depot.end)
    with overlaid(depot.root, tmp_path / "layers", depot.root):
        monkeypatch.chdir("/")
        monkeypatch.chdir(depot.root)
        depot.flip("3.11")
        assert depot.command("rollback", "one")["outcome"] == "rolled-back"
        assert seen(depot.end) == old
        (kept,) = depot.generations()
        assert seen(kept) == new
        assert depot.partial_files() == []


def test_an_environment_of_a_lower_layer_is_moved(layered: Depot) -> None:
    before = seen(layered.end)
    layered.place.write(f'[envs.one]\npath = "ends/env"\ntarget = "../moved"\npython = "{layered.link}/python"\n')
    layered.place.variables = dict(os.environ)
    moved = layered.place.envsync("move", "one")
    assert moved.status == 0, moved.err
    assert (layered.root / "ends/env").is_symlink()
    after = seen(layered.root / "moved")
    assert {name for name in after if after[name] != before.get(name)} <= {"pyvenv.cfg"}
    assert layered.partial_files() == []


def test_an_orphan_of_a_lower_layer_is_pruned(depot: Depot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    head = f'python = "{depot.link}/python"\n'
    depot.place.write(f'[envs.one]\npath = "one"\ntarget = "one"\n{head}')
    assert depot.apply()["outcome"] == "created"
    (depot.root / "one").unlink()
    with overlaid(depot.root, tmp_path / "layers", depot.root):
        monkeypatch.chdir("/")
        monkeypatch.chdir(depot.root)
        depot.place.write("")
        depot.place.variables = dict(os.environ)
        pruned = depot.place.envsync("prune", "--yes")
        assert pruned.status == 0, pruned.err
        assert not (depot.root / "state/one").exists()
        assert depot.partial_files() == []


def test_entries_of_a_lower_layer_are_exchanged_where_the_parent_is_another_mount(depot: Depot, tmp_path: Path) -> None:
    depot.make('packages = ["app"]')
    old = seen(depot.end)
    with overlaid(depot.end, tmp_path / "layers", depot.end):
        depot.flip("3.12")
        assert depot.apply()["outcome"] == "rebuilt"
        assert depot.says("app") == f"app 1.0 {depot.path}"
        (kept,) = depot.generations()
        assert seen(kept) == old
        depot.flip("3.11")
        assert depot.command("rollback", "one")["outcome"] == "rolled-back"
        now = {name: one for name, one in seen(depot.end).items() if not name.startswith(".envsync-")}
        assert now == old
        assert depot.partial_files() == []


class _KilledError(BaseException):
    """As good as SIGKILL: nobody handles it."""


@pytest.mark.parametrize("mount", ["around", "at"])
def test_a_rebuild_that_is_killed_while_it_copies_up_is_ended_by_the_next_pass(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mount: str
) -> None:
    """Each attempt has an overlay of its own; the calls of which it fails at one are those that change the disk."""
    depot.make()
    (depot.end / "share").mkdir()
    (depot.end / "share/mine").write_text("mine")
    lower = depot.root if mount == "around" else depot.end
    number, step, done = 12, 1, False
    while not done:
        with overlaid(lower, tmp_path / str(number), lower):
            monkeypatch.chdir("/")
            monkeypatch.chdir(depot.root)
            depot.flip("3.12")
            done = _rebuilt(depot, monkeypatch, number)
            entry = depot.apply()
            assert entry["outcome"] in {"rebuilt", "unchanged"}, (number, entry)
            assert "version = 3.12" in (depot.end / "pyvenv.cfg").read_text()
            assert (depot.end / "share/mine").read_text() == "mine"
            assert depot.partial_files() == [], number
        step *= 2
        number += step
    assert step > 8


def _rebuilt(depot: Depot, monkeypatch: pytest.MonkeyPatch, number: int) -> bool:
    with _failing(monkeypatch, number, _KilledError()) as left:
        try:
            depot.apply()
        except _KilledError:
            return False
    return left() > 0


@contextlib.contextmanager
def _failing(monkeypatch: pytest.MonkeyPatch, number: int, fault: BaseException) -> Iterator[Callable[[], int]]:
    """Let one of the calls that change the disk fail; gives how many were left until then."""
    left = number

    def around(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                raise fault
            return function(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("link", "mkdir", "rename", "rmdir", "unlink"):
            patch.setattr(os, name, around(getattr(os, name)))
        yield lambda: left


OLD = {"bin/python": "old", "lib/old/a": "old", "lib/b": "old", "pyvenv.cfg": "old"}
NEW = {"bin/python": "new", "lib/new/a": "new", "lib/b": "new", "pyvenv.cfg": "new"}


def plant(directory: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def held(directory: Path) -> dict[str, str]:
    return {str(one.relative_to(directory)): one.read_text() for one in directory.rglob("*") if one.is_file()}


@pytest.mark.parametrize("fault", [_KilledError(), OSError(errno.EIO, os.strerror(errno.EIO))])
@pytest.mark.parametrize("written", [False, True])
def test_wherever_copying_up_is_cut_off_old_or_new_is_there_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException, *, written: bool
) -> None:
    """And a file that somebody wrote in between is there as well."""
    lower, point, generations_dir = tmp_path / "lower", tmp_path / "point", tmp_path / "point/generations_dir"
    point.mkdir()
    plant(lower / "end", OLD)
    ends = []
    for number in range(1, 200):
        with overlaid(lower, tmp_path / str(number), point):
            end = point / "end"
            staging_dir = Path(make_staging_dir(str(point), Marker("one", str(end), str(end))))
            plant(staging_dir / BUILT, NEW)
            with _failing(monkeypatch, number, fault) as left, contextlib.suppress(OSError, _KilledError):
                swap_up(str(staging_dir), Root(str(end)))
            expected = {"lib/mine": "mine"} if written and end.is_dir() else {}
            if expected and not (staging_dir / BUILT / "lib/old").exists():
                plant(end, expected)
            for one in point.glob(".envsync-*"):
                clear_staging_dir(str(one), str(end), str(generations_dir))
            found = held(end)
            if (end / "lib/mine").exists():
                assert found.pop("lib/mine") == "mine"
            assert found in (OLD, NEW)
            ends.append(found["pyvenv.cfg"])
            assert [one.name for one in point.iterdir() if one.name not in {"end", "generations_dir"}] == []
            if found == NEW:
                assert [held(one / BUILT) for one in generations_dir.iterdir()] == [OLD]
        if left() > 0:
            break
    assert {*ends} == {"old", "new"}


def test_what_somebody_has_made_at_the_place_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lower, point = tmp_path / "lower", tmp_path / "point"
    point.mkdir()
    plant(lower / "end", OLD)
    with overlaid(lower, tmp_path / "layers", point):
        end = point / "end"
        staging_dir = Path(make_staging_dir(str(point), Marker("one", str(end), str(end))))
        plant(staging_dir / BUILT, NEW)
        with monkeypatch.context() as patch:
            patch.setattr("envsync.write.copy_up._take_place", _killed)
            with pytest.raises(_KilledError):
                swap_up(str(staging_dir), Root(str(end)))
        shutil.rmtree(end)
        plant(end, {"pyvenv.cfg": "another"})
        clear_staging_dir(str(staging_dir), str(end), str(point / "generations_dir"))
        assert held(end) == {"pyvenv.cfg": "another"}
        assert [held(one / BUILT) for one in (point / "generations_dir").iterdir()] == [OLD]


def _killed(*_: object) -> None:
    raise _KilledError
