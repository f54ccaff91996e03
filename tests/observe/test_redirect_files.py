"""A file at the path that says where the environment is (PEP 832) is another tool's answer, not in the way."""

import os
from pathlib import Path

import pytest

from harness.bench import build, listing, run
from harness.depot import Depot


@pytest.fixture
def depot(depot: Depot) -> Depot:
    """Make a project with a redirect file to be, and an environment elsewhere."""
    (depot.root / "proj").mkdir()
    depot.directory = "proj/.venv"
    build("venv", depot.python_of("3.11"), depot.root / "far/env")
    return depot


def redirect(depot: Depot, text: str | bytes) -> Path:
    file = depot.root / "proj/.venv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.mark.parametrize("text", ["@/far/env", "../far/env\n", "@/far/env\r\n", "../proj/./../far//env/\n"])
def test_it_is_read_and_never_to_be_moved_away(depot: Depot, text: str) -> None:
    redirect(depot, text.replace("@", str(depot.root)))
    depot.declare()
    before = listing(depot.root)
    entry = depot.apply()
    conflict = entry["conflict"]
    assert (entry["outcome"], conflict["code"], conflict["remedy"]) == ("conflict", "not-a-directory", [])
    assert f'path = "{depot.root}/far/env"' in conflict["hint"]
    assert "mv " not in conflict["hint"]
    assert listing(depot.root) == before
    depot.directory = str(depot.root / "far/env")
    depot.declare()
    assert depot.apply()["conflict"] is None


@pytest.mark.parametrize("text", ["../gone\n", "@/proj", ".venv", "../other\n"])
def test_one_that_leads_to_no_environment_is_not_to_be_moved_either(depot: Depot, text: str) -> None:
    (depot.root / "other").write_text("../far/env")
    redirect(depot, text.replace("@", str(depot.root)))
    depot.declare()
    conflict = depot.apply()["conflict"]
    assert (conflict["code"], conflict["remedy"]) == ("not-a-directory", [])
    assert "mv " not in conflict["hint"]


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"a\0b", b"\xff\xfe", b"x" * 70000, b"\x1b[31m", b"a\rb"])
def test_what_is_no_redirect_is_a_file_like_any_other(depot: Depot, content: bytes) -> None:
    file = redirect(depot, content)
    depot.declare()
    conflict = depot.apply()["conflict"]
    assert (conflict["code"], conflict["remedy"]) == ("not-a-directory", [["mv", str(file), f"{file}.old"]])
    depot.place.write("")
    assert len(run(depot.place, depot.capsys, "import", ".")["declared"]) == 1


def test_it_is_seen_when_it_comes_to_name_another(depot: Depot) -> None:
    redirect(depot, "../gone")
    depot.declare()
    assert "where there is none" in depot.apply()["conflict"]["message"]
    (depot.root / "far/env").rename(depot.root / "gone")
    assert "where there is none" not in depot.apply()["conflict"]["message"]


@pytest.mark.parametrize("argument", ["proj", "proj/.venv"])
def test_import_follows_it(depot: Depot, argument: str) -> None:
    redirect(depot, "../far/env\n")
    depot.place.write("")
    document = run(depot.place, depot.capsys, "import", argument)
    (declared,) = document["declared"]
    assert os.path.realpath(depot.root / declared["path"]) == os.path.realpath(depot.root / "far/env")
    assert run(depot.place, depot.capsys, "import", ".")["declared"] == []


def test_import_waits_at_nothing_and_follows_no_circle(depot: Depot) -> None:
    for name, text in (("a", "../b/.venv"), ("b", "../a/.venv"), ("c", ".venv"), ("d", "/proc/self/fd/0")):
        (depot.root / name).mkdir()
        (depot.root / name / ".venv").write_text(text)
    (depot.root / "e").mkdir()
    os.mkfifo(depot.root / "e/.venv")
    depot.place.write("")
    (declared,) = run(depot.place, depot.capsys, "import", ".")["declared"]
    assert declared["path"].endswith("far/env")


def test_one_in_place_of_an_alias_counts_where_it_leads_there(depot: Depot) -> None:
    (depot.root / "tree").mkdir()
    (depot.root / "tree/.venv").write_text("../far/env")
    depot.directory = "far/env"
    depot.declare('aliases = ["tree/.venv"]')
    assert depot.apply()["conflict"] is None
    assert depot.apply()["outcome"] == "unchanged"
    (depot.root / "tree/.venv").write_text("../other")
    (taken,) = depot.apply()["left_out"]
    assert (taken["code"], taken["remedy"]) == ("not-a-link", [])
