"""prune lists what interrupted passes have left, of any manifest, and removes it; not where somebody is at work."""

import os
from pathlib import Path

import pytest

from envsync.formats.staging_marker import BUILT, Marker
from envsync.write.locks import hold
from envsync.write.staging import make_staging_dir
from harness.place import Place


@pytest.fixture
def made(place: Place) -> Place:
    """Return an environment, in a state directory."""
    place.write('[envs.one]\npath = "one"\ntarget = "deep/one"\n')
    place.apply()
    return place


def leave(parent: Path, end: Path, *, manifest: str = "") -> Path:
    """Leave what a pass that was killed has begun to build."""
    staging_dir = Path(make_staging_dir(str(parent), Marker("one", str(end), str(end), manifest=manifest)))
    (staging_dir / BUILT / "bin").mkdir(parents=True)
    (staging_dir / BUILT / "bin/tool").write_text("half")
    return staging_dir


def staging(place: Place, *arguments: str) -> list[tuple[str, bool]]:
    entries = place.envsync("prune", "--json", *arguments).document["removals"]
    return [(entry["place"], entry["removed"]) for entry in entries if entry["kind"] == "staging"]


@pytest.mark.parametrize("where", ["state", "state/deep", "beside", "own"])
def test_what_an_interrupted_pass_has_left_is_listed_and_removed(made: Place, where: str) -> None:
    home = Path(made.variables["HOME"])
    parent = {"beside": made.root, "own": home / ".local/state/envsync/staging"}.get(where, made.root / where)
    if where == "beside":
        made.write('[envs.one]\npath = "one"\ntarget = "deep/one"\n[envs.two]\npath = "two"\n')
    parent.mkdir(parents=True, exist_ok=True)
    staging_dir = leave(parent, made.root / "state/gone", manifest="/elsewhere/envs.toml")
    assert staging(made) == [(str(staging_dir), False)]
    assert staging_dir.exists()
    assert staging(made, "--yes") == [(str(staging_dir), True)]
    assert not staging_dir.exists()
    assert staging(made) == []


def test_a_staging_directory_that_is_in_use_is_left_alone(made: Place) -> None:
    end = made.root / "state/other"
    staging_dir = leave(made.root / "state", end)
    with hold(f"{made.variables['HOME']}/.local/state/envsync/locks", str(end), 1.0):
        assert staging(made, "--yes") == []
        assert staging_dir.exists()
    assert staging(made, "--yes") == [(str(staging_dir), True)]


def test_one_that_was_never_marked_goes_and_foreign_files_stay(made: Place) -> None:
    bare = made.root / "state/.envsync-0123456789abcdef"
    bare.mkdir(mode=0o700)
    foreign = made.root / "state/.envsync-fedcba9876543210"
    foreign.mkdir(mode=0o700)
    (foreign / "mine").write_text("mine")
    assert staging(made, "--yes") == [(str(bare), True)]
    assert not bare.exists()
    assert os.listdir(foreign) == ["mine"]
