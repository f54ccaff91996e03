"""A directory with nothing in it but small files of other tools counts as empty; they stay as they are."""

import os

import pytest

from harness.bench import listing
from harness.depot import Depot

pytestmark = pytest.mark.sampled(3)

STRAY_FILES = [".DS_Store", ".gitignore", "CACHEDIR.TAG", ".lock"]


@pytest.mark.parametrize("builder", ["venv", "virtualenv", "uv"])
@pytest.mark.parametrize("names", [STRAY_FILES, [".gitignore"]])
def test_an_environment_is_created_beside_them(depot: Depot, names: list[str], builder: str) -> None:
    end = depot.root / "ends/env"
    end.mkdir(mode=0o750)
    for name in names:
        (end / name).write_text(f"mine: {name}")
    depot.declare('packages = ["app"]', head=f'builder = "{builder}"')
    plan = depot.command("plan")
    assert (plan["state"], plan["actions"][0]["kind"]) == ("missing", "create")
    assert depot.apply()["outcome"] == "created"
    assert depot.apply()["outcome"] == "unchanged"
    assert {name: (end / name).read_text() for name in names} == {name: f"mine: {name}" for name in names}
    assert end.stat().st_mode & 0o777 == 0o750
    assert depot.says("app").startswith("app 1.0")
    assert (depot.partial_files(), depot.generations()) == ([], [])


@pytest.mark.parametrize("what", ["another file", "folder", "link", "FIFO"])
def test_anything_else_is_in_the_way(depot: Depot, what: str) -> None:
    end = depot.root / "ends/env"
    end.mkdir()
    (end / ".DS_Store").touch()
    match what:
        case "another file":
            (end / "notes.txt").touch()
        case "folder":
            (end / ".lock").mkdir()
        case "link":
            (end / ".gitignore").symlink_to("/etc/passwd")
        case _:
            os.mkfifo(end / "CACHEDIR.TAG")
    depot.declare()
    before = listing(depot.root)
    assert depot.apply()["conflict"]["code"] == "not-a-venv"
    assert listing(depot.root) == before


def test_where_the_directory_cannot_be_exchanged_they_stay_as_well(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from envsync.observe.mounts import Mounts  # noqa: PLC0415  # what is patched

    end = depot.root / "ends/env"
    end.mkdir()
    (end / ".DS_Store").write_text("mine")
    monkeypatch.setattr(Mounts, "within", lambda _, place: (place,) if place == str(end) else ())
    depot.declare()
    assert depot.apply()["outcome"] == "created"
    assert (end / ".DS_Store").read_text() == "mine"
    assert depot.partial_files() == []
