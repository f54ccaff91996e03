"""``init``: a manifest for this machine where none is, and never over anything."""

import os
import tomllib
from pathlib import Path

import pytest

from envsync.manifest import load
from envsync.model.interpreter import Candidate
from envsync.plan.adopt import template
from harness.bench import listing, run
from harness.links import fingerprint
from harness.place import Place
from harness.refusals import refused


@pytest.fixture
def trees(here: Place) -> Path:
    """Make interpreters of versions that nobody has; one of them has a link that survives upgrades."""
    versions = Path(here.variables["HOME"]) / ".pyenv/versions"
    for name in ("3.91.1", "3.90.7", "3.90.10", "3.92.0t", "3.6.15", "pypy3.99"):
        (versions / name / "bin").mkdir(parents=True)
        (versions / name / "bin/python").touch(0o755)
    (versions / "3.91").symlink_to("3.91.1")
    return versions


def test_a_new_manifest_names_the_interpreters_by_their_stable_links(
    here: Place, trees: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listing(trees)
    document = run(here, capsys, "init", "--file", "envs.toml")
    assert (document["changed"], document["manifest"]) == (True, str(here.manifest))
    assert listing(trees) == before
    text = here.manifest.read_text()
    output = tomllib.loads(text)
    assert output.keys() == {"version", "pythons"}
    assert {name: path for name, path in output["pythons"].items() if path.startswith("~")} == {
        "3.91": "~/.pyenv/versions/3.91/bin/python",
        "pypy3.99": "~/.pyenv/versions/pypy3.99/bin/python",
    }
    commented = [line.partition("   #")[0] for line in text.split("\n") if line.startswith('# "3.')]
    assert '# "3.90" = "~/.pyenv/versions/3.90.10/bin/python"' in commented
    assert '# "3.92t" = "~/.pyenv/versions/3.92.0t/bin/python"' in commented
    assert not any(line.startswith(('# "3.6', '"3.6')) for line in text.split("\n"))
    assert load(str(here.manifest)).environments == ()


def test_what_it_wrote_can_be_edited_and_planned(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    run(here, capsys, "init", "--file", "envs.toml")
    before = here.manifest.read_bytes()
    run(here, capsys, "add", "a", "--path", "a")
    assert [one["state"] for one in run(here, capsys, "plan")["environments"]] == ["missing"]
    run(here, capsys, "remove", "a")
    assert here.manifest.read_bytes() == before
    assert run(here, capsys, "plan")["environments"] == []


@pytest.mark.parametrize("by", ["default", "variable", "option"])
def test_it_stands_where_it_is_looked_for(
    here: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    config = here.root / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    here.manifest.write_text("version = 1\n")
    expected = {"default": config / "envsync/envs.toml", "variable": here.root / "v.toml", "option": here.root / "o/x"}
    if by == "variable":
        monkeypatch.setenv("ENVSYNC_FILE", "v.toml")
    arguments = ("--file", "o/x") if by == "option" else ()
    assert run(here, capsys, "init", *arguments)["manifest"] == str(expected[by])
    assert load(str(expected[by])).environments == ()
    assert refused(here, capsys, "init", *arguments)["errors"][0]["code"] == "manifest-exists"
    assert here.manifest.read_text() == "version = 1\n"


def test_dangling_links_are_written_through(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (here.root / "config").mkdir()
    (here.root / "config/directory").symlink_to("../dotfiles/new")
    (here.root / "second").symlink_to(here.root / "config/directory/deep/envs.toml")
    here.manifest.symlink_to("./second")
    links = fingerprint(here.root)
    assert len(links) == 3
    run(here, capsys, "init", "--file", "envs.toml")
    assert fingerprint(here.root) == links
    end = here.root / "dotfiles/new/deep/envs.toml"
    assert end.is_file()
    assert not end.is_symlink()
    assert load(str(here.manifest)).environments == ()
    assert os.listdir(end.parent) == ["envs.toml"]


@pytest.mark.parametrize("kind", ["file", "empty file", "link to a file", "folder", "FIFO"])
def test_nothing_is_ever_replaced(here: Place, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    match kind:
        case "folder":
            here.manifest.mkdir()
        case "FIFO":
            os.mkfifo(here.manifest)
        case "link to a file":
            (here.root / "x").write_text("mine")
            here.manifest.symlink_to("x")
        case _:
            here.manifest.write_text("mine" if kind == "file" else "")
    problem = refused(here, capsys, "init", "--file", "envs.toml")["errors"][0]
    assert (problem["code"], problem["hint"][:20]) == ("manifest-exists", "Nothing was written.")


@pytest.mark.parametrize(
    ("file", "reported"),
    [
        ("loop", "leads back to itself"),
        ("loop/envs.toml", "leads back to itself"),
        ("file/envs.toml", "not a directory"),
        ("", "--file is empty"),
        ("a\0b", "NUL"),
        ("n" * 300, "name too long"),
    ],
)
def test_a_place_where_no_file_can_be_is_told(
    here: Place, capsys: pytest.CaptureFixture[str], file: str, reported: str
) -> None:
    (here.root / "loop").symlink_to("loop")
    (here.root / "file").write_text("")
    assert reported.lower() in refused(here, capsys, "init", "--file", file)["errors"][0]["message"].lower()


@pytest.mark.parametrize(
    "directory", ['q"q', "back\\slash", "${HOME}", "$x", "new\nline", "x\udcff", "a b", "ünï", "#", "'"]
)
def test_a_link_is_written_so_that_it_means_itself_or_not_at_all(here: Place, directory: str) -> None:
    links = [f"{here.root}/{directory}/python3.12", f"{here.root}/{directory}/3.11.7/bin/python"]
    candidates = [
        Candidate(links[0], "cpython", (3, 12), stable=True),
        Candidate(links[1], "cpython", (3, 11, 7), False),
    ]
    text = template(candidates, "/home/me")
    here.manifest.write_text(text)
    load(str(here.manifest))
    expressible = directory not in {"${HOME}", "$x", "new\nline", "x\udcff"}
    assert tomllib.loads(text)["pythons"] == ({"3.12": links[0]} if expressible else {})
    uncommented = text.replace('# "3.11"', '"3.11"')
    assert tomllib.loads(uncommented)["pythons"].get("3.11") == (links[1] if expressible else None)


def test_without_any_interpreter_it_is_a_manifest_all_the_same(here: Place) -> None:
    here.manifest.write_text(template([], "/home/me"))
    assert load(str(here.manifest)).environments == ()
    assert '# python = "3.12"' in here.manifest.read_text()
