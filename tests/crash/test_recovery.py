"""What a killed pass left is cleared away by the next pass, of any manifest, and only what is marked as envsync's."""

import json
import os
import shutil
from pathlib import Path

import pytest

from envsync.apply.steps import clear_staging_dir
from harness.place import Place

pytestmark = pytest.mark.sampled(5)

NAME = ".envsync-0123456789abcdef"


def staging_dir(directory: Path, end: Path, **more: object) -> Path:
    """Forge a staging directory as a killed pass leaves it."""
    place = directory / NAME
    (place / "env" / "bin").mkdir(parents=True)
    (place / "env" / "bin" / "python").symlink_to("/usr/bin/python3")
    marker = {"name": "x", "path": str(end), "end": str(end), "kind": "staging", "made": "", "envsync": 1}
    (place / "envsync.json").write_text(json.dumps(marker | more))
    return place


@pytest.fixture
def made(place: Place) -> Place:
    place.write('[envs.blog]\npath = "blog/.venv"\ntarget = "blog"\n', "blog")
    assert place.apply()["blog"]["outcome"] == "created"
    return place


def test_a_staging_dir_of_the_same_environment_is_removed(made: Place) -> None:
    left = staging_dir(made.root / "state", made.root / "state" / "blog")
    assert made.envsync("apply", "--no-cache", "--verbose").status == 0
    assert not left.exists()


def test_a_staging_dir_of_another_manifests_environment_is_removed(made: Place) -> None:
    left = staging_dir(made.root / "state", made.root / "state" / "elsewhere")
    made.envsync("plan", "--verbose")
    assert left.exists(), "plan writes nothing"
    assert made.envsync("apply", "--no-cache", "--verbose").status == 0
    assert not left.exists()


def test_a_generation_of_another_manifests_environment_stays(made: Place) -> None:
    left = staging_dir(
        made.root / "state", made.root / "state" / "elsewhere", kind="generation", made="2026-01-01T00:00:00"
    )
    assert made.envsync("apply", "--no-cache", "--verbose").status == 0
    assert left.exists()


def test_an_staging_dir_with_something_foreign_in_it_keeps_it(made: Place) -> None:
    left = staging_dir(made.root / "state", made.root / "state" / "blog")
    (left / "precious.txt").write_text("mine")
    made.envsync("apply", "--no-cache", "--verbose")
    assert (left / "precious.txt").read_text() == "mine"


@pytest.mark.parametrize("text", ["", "{}", '{"envsync": 2}', "[1]", "null", '{"name": 1}', "\0"])
def test_a_directory_that_is_not_marked_as_envsyncs_stays(made: Place, text: str) -> None:
    left = made.root / "state" / NAME
    (left / "env").mkdir(parents=True)
    (left / "env" / "precious.txt").write_text("mine")
    (left / "envsync.json").write_text(text)
    made.envsync("apply", "--no-cache", "--verbose")
    assert (left / "env" / "precious.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["env", "former", "scratch"])
def test_a_link_in_an_staging_dir_is_never_followed(made: Place, name: str) -> None:
    left = staging_dir(made.root / "state", made.root / "state" / "blog")
    precious = made.root / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    shutil.rmtree(left / name, ignore_errors=True)
    (left / name).symlink_to(precious)
    made.envsync("apply", "--no-cache", "--verbose")
    assert (precious / "file").read_text() == "mine"


def test_a_former_environment_whose_swap_was_the_last_act_becomes_a_generation(made: Place) -> None:
    end = made.root / "state" / "blog"
    left = staging_dir(made.root / "state", end, built=end.stat().st_ino)
    (left / "env" / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.2\n")
    (left / "env" / "notes.txt").write_text("mine")
    assert made.envsync("apply", "--no-cache", "--verbose").status == 0
    assert (left / "env" / "notes.txt").read_text() == "mine"
    (kept,) = made.envsync("status", "--json").environments["blog"]["generations"]
    assert os.path.samefile(kept, left)
    assert "3.11.2" in made.envsync("status").out


def test_half_written_files_in_an_environment_are_removed(made: Place) -> None:
    end = made.root / "state" / "blog"
    for directory in (end, end / "bin"):
        (directory / NAME).write_text("half")
    assert made.envsync("apply", "--no-cache", "--verbose").status == 0
    assert not (end / NAME).exists()
    assert not (end / "bin" / NAME).exists()


def test_an_staging_dir_that_became_a_generation_since_it_was_listed_stays(made: Place) -> None:
    end = made.root / "state" / "blog"
    left = staging_dir(made.root / "state", end, kind="generation", made="2026-01-01T00:00:00")
    clear_staging_dir(str(left), str(end), str(made.root / "state"))
    assert (left / "env").is_dir()
