"""When an environment is rebuilt, when it is held instead, and what stays in either case."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from envsync.apply import builders
from harness.bench import files, listing, run
from harness.place import Place

pytestmark = pytest.mark.sampled(3)

SITE = "lib/python3.11/site-packages/"


@dataclass
class Flip:
    """An environment behind a link, whose interpreter link can be flipped."""

    place: Place
    python_of: Callable[[str], str]
    capsys: pytest.CaptureFixture[str]

    @property
    def link(self) -> Path:
        return self.place.root / "pythons/3/bin"

    @property
    def end(self) -> Path:
        return self.place.root / "ends/env"

    def point(self, version: str | None) -> None:
        """Let the interpreter's directory, a link, lead to that version's, as a version manager does."""
        self.link.parent.mkdir(parents=True, exist_ok=True)
        self.link.unlink(missing_ok=True)
        directory = os.path.dirname(self.python_of(version)) if version else "/opt/gone"
        self.link.symlink_to(directory)

    def declare(self, *lines: str, head: str = "") -> None:
        self.place.write(f'{head}\n[envs.one]\npath = "env"\npython = "{self.link}/python"\n' + "\n".join(lines))

    def command(self, *arguments: str) -> dict[str, Any]:
        (entry,) = run(self.place, self.capsys, *arguments)["environments"]
        return dict(entry)

    def apply(self, *arguments: str) -> dict[str, Any]:
        return self.command("apply", *arguments)

    def staging_dirs(self) -> list[Path]:
        return sorted(self.place.root.glob("state/.envsync-*"))

    def version(self) -> str:
        return self.place.python("env", "import sys; print('%d.%d' % sys.version_info[:2], sys.prefix)")


@pytest.fixture
def flip(here: Place, python_of: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> Flip:
    """Return an environment for 3.11 at the end of a relative link."""
    flip = Flip(here, python_of, capsys)
    (here.root / "env").symlink_to("ends/../ends/env")
    (here.root / "ends").mkdir()
    flip.point("3.11")
    flip.declare()
    assert flip.apply()["outcome"] == "created"
    return flip


def assert_held(flip: Flip, code: str) -> dict[str, Any]:
    """Both a plan and a pass name the conflict, and leave everything exactly as it is."""
    before = listing(flip.place.root)
    entries = [flip.command(command) for command in ("plan", "apply", "apply")]
    for entry in entries:
        assert (entry["state"], entry["conflict"]["code"], entry["actions"]) == ("conflict", code, [])
        assert entry["conflict"]["hint"]
    assert listing(flip.place.root) == before
    return entries[0]


def test_a_flip_to_another_minor_version_rebuilds_and_keeps_the_old_content(flip: Flip) -> None:
    before = listing(flip.end)
    flip.point("3.12")
    entry = flip.apply()
    assert entry["outcome"] == "rebuilt"
    assert [drift["code"] for drift in entry["drift"]] == ["python-minor"]
    assert [action["kind"] for action in entry["actions"]] == ["rebuild"]
    assert flip.version() == f"3.12 {flip.place.root}/env"
    assert os.readlink(flip.end / "bin/python") == f"{flip.link}/python"
    assert not (flip.end / "lib/python3.11").exists()
    (staging_dir,) = flip.staging_dirs()
    (old,) = (path.parent for path in staging_dir.glob("*/pyvenv.cfg"))
    assert files(listing(old)) == files(before), "the former content is kept as it was"
    after = listing(flip.place.root)
    assert flip.apply()["outcome"] == "unchanged"
    assert listing(flip.place.root) == after


@pytest.mark.parametrize(("keep", "expected"), [(0, 0), (1, 1), (2, 2)])
def test_as_many_generations_are_kept_as_declared(flip: Flip, keep: int, expected: int) -> None:
    flip.declare(head=f"keep = {keep}")
    for version in ("3.12", "3.11", "3.12"):
        flip.point(version)
        assert flip.apply()["outcome"] == "rebuilt"
        assert flip.version().startswith(version)
    assert len(flip.staging_dirs()) == expected
    for staging_dir in flip.staging_dirs():
        assert len(list(staging_dir.glob("*/pyvenv.cfg"))) == 1


def test_the_directory_keeps_its_mode_when_it_is_rebuilt(flip: Flip) -> None:
    flip.end.chmod(0o750)
    flip.point("3.12")
    assert flip.apply()["outcome"] == "rebuilt"
    assert stat.S_IMODE(flip.end.stat().st_mode) == 0o750


def test_an_environment_whose_packages_cannot_come_back_is_left_as_it_is(flip: Flip) -> None:
    held = flip.end / "lib/python3.11/site-packages/of_no_index-1.dist-info/METADATA"
    held.parent.mkdir()
    held.write_text("Name: of-no-index\nVersion: 1\n")
    before = listing(flip.end)
    flip.point("3.12")
    for _ in range(2):
        entry = flip.apply()
        assert entry["outcome"] in {"conflict", "failed"}
        assert (entry["conflict"] or entry["error"])["hint"]
        assert listing(flip.end) == before
    assert flip.staging_dirs() == []


@pytest.mark.parametrize(
    "name", ["bin/tool", "lib/python3.11/site-packages/mine", "lib/python3.11/mine", "share", "lib/mine"]
)
def test_a_symlink_of_the_users_inside_is_not_lost_to_a_rebuild(flip: Flip, name: str) -> None:
    (flip.place.root / "mine").mkdir()
    (flip.end / name).symlink_to(flip.place.root / "mine")
    flip.point("3.12")
    assert name in assert_held(flip, "linked-inside")["conflict"]["message"]


def test_a_linked_site_packages_is_not_lost_to_a_rebuild(flip: Flip) -> None:
    site = flip.end / "lib/python3.11/site-packages"
    site.rename(flip.place.root / "mine")
    site.symlink_to(flip.place.root / "mine")
    flip.point("3.12")
    assert_held(flip, "linked-inside")


@pytest.mark.parametrize("name", ["notes.txt", "bin/my-script", "etc/mine.conf", SITE + "mine.py", SITE + "mine.pth"])
def test_a_file_that_no_package_owns_is_in_the_kept_generation(flip: Flip, name: str) -> None:
    mine = flip.end / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    flip.point("3.12")
    entry = flip.apply()
    kept = (
        mine
        if entry["outcome"] == "conflict"
        else next(path for staging_dir in flip.staging_dirs() for path in staging_dir.glob(f"*/{name}"))
    )
    assert kept.read_text() == "mine"


@pytest.mark.parametrize("gone", ["lib/python3.11", "lib"])
def test_an_environment_without_its_library_is_rebuilt(flip: Flip, gone: str) -> None:
    shutil.rmtree(flip.end / gone)
    entry = flip.apply()
    assert (entry["outcome"], [drift["code"] for drift in entry["drift"]]) == ("rebuilt", ["layout"])
    assert flip.version() == f"3.11 {flip.place.root}/env"
    assert flip.apply()["outcome"] == "unchanged"


def test_an_interpreter_outside_of_requires_python_holds_the_environment(flip: Flip) -> None:
    flip.declare('requires-python = ">=3.11,<3.12"')
    assert flip.apply()["outcome"] == "unchanged"
    flip.point("3.12")
    assert "3.12" in assert_held(flip, "interpreter-held")["conflict"]["message"]
    flip.point("3.11")
    assert flip.apply()["outcome"] == "unchanged"


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize("how", ["dangling", "gone", "folder", "not executable", "no interpreter", "fails", "loop"])
def test_an_environment_is_left_as_it_is_while_its_interpreter_does_not_work(
    flip: Flip, how: str, damaged: bool
) -> None:
    if damaged:
        (flip.end / "bin/python3").unlink()
        shutil.rmtree(flip.end / "lib")
    flip.point(None)
    if how != "dangling":
        flip.link.unlink()
    if how in {"folder", "not executable", "no interpreter", "fails", "loop"}:
        flip.link.mkdir()
    python = flip.link / "python"
    match how:
        case "folder":
            python.mkdir()
        case "not executable":
            python.write_text("#!/bin/sh\n")
        case "no interpreter":
            python.symlink_to("/bin/true")
        case "fails":
            python.symlink_to("/bin/false")
        case "loop":
            python.symlink_to("python")
        case _:
            assert how in {"dangling", "gone"}
    assert_held(flip, "interpreter-missing")


def test_an_environment_that_works_again_is_in_sync_again(flip: Flip) -> None:
    before = listing(flip.end)
    flip.point(None)
    assert_held(flip, "interpreter-missing")
    flip.point("3.11")
    assert flip.apply()["outcome"] == "unchanged"
    assert listing(flip.end) == before


def test_a_failed_rebuild_leaves_the_old_environment(flip: Flip, monkeypatch: pytest.MonkeyPatch) -> None:
    before = listing(flip.end)
    flip.declare(head='builder = "venv"')
    monkeypatch.setitem(builders._BUILD, "venv", _refuse)
    flip.point("3.12")
    entry = flip.apply()
    assert entry["outcome"] == "failed"
    assert entry["error"]["message"]
    assert listing(flip.end) == before
    assert flip.staging_dirs() == []


def _refuse(*_: object) -> None:
    raise OSError(28, os.strerror(28))


def test_one_environment_in_conflict_stops_only_itself(flip: Flip) -> None:
    python = flip.python_of("3.12")
    flip.place.write(
        f'[envs.one]\npath = "env"\npython = "{flip.link}/gone"\n[envs.two]\npath = "two"\npython = "{python}"\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "envsync", "apply", "--json"],
        check=False,
        capture_output=True,
        env=flip.place.variables,
        cwd=flip.place.root,
    )
    outcomes = {entry["name"]: entry["outcome"] for entry in json.loads(done.stdout)["environments"]}
    assert (outcomes, done.returncode) == ({"one": "conflict", "two": "created"}, 1)


def test_status_tells_what_is_kept_with_its_version_and_size(flip: Flip) -> None:
    flip.point("3.12")
    flip.apply()
    (kept,) = flip.place.envsync("status", "--json").document["environments"][0]["kept"]
    assert kept["version"].startswith("3.11.")
    assert (kept["size"] > 10_000, kept["sound"]) == (True, True)
    assert "MB" in flip.place.envsync("status").out
