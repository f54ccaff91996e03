"""prune, move and run: what is there is cleared up, moved and used, and nothing foreign is touched."""

import json
import os
import shutil
from pathlib import Path

import pytest

from harness.links import fingerprint
from harness.place import Place
from harness.pythons import PYTHONS
from harness.wheels import make_wheel

pytestmark = pytest.mark.sampled(6)

ONE = '[envs.one]\npath = "one"\ntarget = "one"\n'
TWO = '[envs.two]\npath = "two"\n'


def snapshot(directory: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(directory)): (path.lstat().st_ino, path.lstat().st_mtime_ns)
        for path in directory.rglob("*")
    }


def removals(place: Place, *arguments: str) -> list[tuple[str, str, bool]]:
    entries = place.envsync("prune", "--json", *arguments).document["removals"]
    return [(entry["kind"], entry["name"], entry["removed"]) for entry in entries]


@pytest.fixture
def orphaned(place: Place) -> Place:
    """Return a place whose environment ``one`` was made, with an exposed command, and is no longer declared."""
    make_wheel(place.root / "wheels", "tool", "1", scripts={"tool": "tool:main"})
    place.variables |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(place.root / "wheels")}
    place.variables |= {"UV_OFFLINE": "1", "UV_FIND_LINKS": str(place.root / "wheels")}
    place.write(ONE + 'packages = ["tool"]\nexpose = ["tool"]\n' + TWO)
    place.apply()
    place.apply("--force-rebuild", "one")
    place.write(TWO)
    (place.root / "one").unlink()
    return place


def test_an_orphan_that_a_link_leads_to_still_stays_until_the_link_is_gone(orphaned: Place) -> None:
    (orphaned.root / "by-way").symlink_to("state/one")
    (orphaned.root / "one").symlink_to("by-way")  # envsync's own would lead straight there
    run = orphaned.envsync("prune", "--yes")
    assert f"rm {orphaned.root}/one" in run.out
    assert (orphaned.root / "state/one/pyvenv.cfg").exists()
    assert len(list((orphaned.root / "state").glob(".envsync-*"))) == 1  # what is kept of it stays with it
    assert (orphaned.root / "exposed/tool").is_symlink()


def test_a_copy_of_an_environment_bears_no_valid_mark(orphaned: Place) -> None:
    shutil.copytree(orphaned.root / "state/one", orphaned.root / "state/backup", symlinks=True)
    orphaned.envsync("prune", "--yes")
    assert (orphaned.root / "state/backup/pyvenv.cfg").exists()


def test_a_directory_of_includes_that_is_not_there_prunes_nothing(place: Place) -> None:
    (place.root / "d").mkdir()
    (place.root / "d/one.toml").write_text('[envs.one]\npath = "../one"\ntarget = "one"\n')
    place.write('include = ["d/*.toml"]\n')
    place.apply()
    (place.root / "one").unlink()
    (place.root / "d").rename(place.root / "away")
    run = place.envsync("prune", "--yes")
    assert (run.status, "is not there" in run.err) == (1, True)
    assert (place.root / "state/one/pyvenv.cfg").exists()


def test_a_generation_with_files_of_the_users_goes_only_with_all(place: Place) -> None:
    place.write(ONE)
    place.apply()
    (place.root / "one/bin/mine").write_text("mine")
    place.apply("--force-rebuild", "one")
    place.apply("--force-rebuild", "one")
    assert "no package owns" in place.envsync("prune", "--yes").out
    assert [path.read_text() for path in place.root.glob("state/.envsync-*/env/bin/mine")] == ["mine"]
    place.envsync("prune", "--all", "--yes")
    assert list(place.root.glob("state/.envsync-*/env/bin/mine")) == []


def flapped(place: Place, texts: list[str]) -> list[str]:
    """Flip the interpreter link to and fro, with a file of the user's written after each; returns what was noted."""
    link = place.root / "python"
    notes: list[str] = []
    for number, text in enumerate(texts):
        link.unlink(missing_ok=True)
        link.symlink_to(PYTHONS[("3.11", "3.12")[number % 2]])
        place.write(f'{ONE}python = "{link}"\n')
        notes += place.envsync("apply", "--json").environments["one"]["notes"]
        (site,) = place.root.glob("one/lib/python3*/site-packages")
        (site / "mine.dat").write_text(text)
    return notes


def test_a_link_that_flips_to_and_fro_keeps_each_file_of_the_users_once(place: Place) -> None:
    notes = flapped(place, ["mine"] * 6)
    assert len(list(place.root.glob("state/.envsync-*"))) == 2
    assert not any("3 earlier contents" in note for note in notes)


def test_what_is_kept_beyond_that_since_it_holds_more_is_told(place: Place) -> None:
    notes = flapped(place, list("abcdef"))
    kept = {path.read_text() for path in place.root.glob("state/.envsync-*/env/lib/python3*/site-packages/mine.dat")}
    assert kept == {*"abcde"}
    assert any("5 earlier contents are kept" in note for note in notes)


def test_what_is_declared_no_more_is_listed_and_stays(orphaned: Place) -> None:
    before = snapshot(orphaned.root)
    assert removals(orphaned) == [
        ("command", "tool", False),
        ("environment", "one", False),
        ("generation", "one", False),
    ]
    assert snapshot(orphaned.root) == before
    assert "3 to remove" in orphaned.envsync("prune").out


def test_yes_removes_it_and_nothing_else(orphaned: Place) -> None:
    root = orphaned.root
    foreign = root / "state/foreign"
    shutil.copytree(root / "two", foreign, symlinks=True)
    settings = (foreign / "pyvenv.cfg").read_text().splitlines(keepends=True)
    (foreign / "pyvenv.cfg").write_text("".join(line for line in settings if not line.startswith("envsync-")))
    (root / "state/link").symlink_to(root / "two")
    links = fingerprint(root)
    assert all(removed for _, _, removed in removals(orphaned, "--yes"))
    assert not (root / "state/one").exists()
    assert sorted(path.name for path in (root / "state").iterdir()) == ["foreign", "link"]
    assert list((root / "exposed").iterdir()) == []
    kept = {
        link for link in links if "/state/one/" not in link and "/.envsync-" not in link and "/exposed/" not in link
    }
    assert {link: fingerprint(root).get(link) for link in kept} == {link: links[link] for link in kept}
    assert orphaned.python("two", "print(1)") == "1"
    assert removals(orphaned) == []


@pytest.mark.parametrize("where", ["notes.txt", "bin/mine", "lib/mine.txt"])
def test_an_orphan_with_files_of_the_users_stays_with_its_command(orphaned: Place, where: str) -> None:
    (orphaned.root / "state/one" / where).write_text("mine")
    run = orphaned.envsync("prune", "--yes")
    assert where in run.out
    assert (orphaned.root / "state/one" / where).read_text() == "mine"
    assert (orphaned.root / "exposed/tool").is_symlink()


def test_another_manifests_environment_is_no_orphan(orphaned: Place) -> None:
    other = orphaned.root / "other.toml"
    other.write_text(orphaned.manifest.read_text())
    assert orphaned.envsync("prune", "--json", "--file", str(other)).document["removals"] == []


def test_the_same_manifest_behind_a_link_is_the_same(orphaned: Place) -> None:
    (orphaned.root / "link.toml").symlink_to("envs.toml")
    entries = orphaned.envsync("prune", "--json", "--file", "link.toml").document["removals"]
    assert len(entries) == 3


def test_what_is_declared_for_another_host_is_no_orphan(orphaned: Place) -> None:
    orphaned.write(ONE + 'hosts = ["elsewhere"]\n' + TWO)
    assert removals(orphaned) == []


def test_a_declared_environment_whose_link_is_away_is_no_orphan(place: Place) -> None:
    place.write('[envs.one]\npath = "one"\n')
    (place.root / "state").mkdir()
    (place.root / "one").symlink_to("state/mine")
    place.apply()
    (place.root / "one").unlink()
    assert removals(place, "--yes") == []
    assert (place.root / "state/mine/pyvenv.cfg").exists()


def test_a_manifest_that_cannot_be_read_prunes_nothing(orphaned: Place) -> None:
    before = snapshot(orphaned.root / "state")
    orphaned.manifest.write_text(orphaned.manifest.read_text() + "x = [\n")
    assert orphaned.envsync("prune", "--yes").status == 2
    orphaned.write('[envs.two\npath = "two"\n')
    assert orphaned.envsync("prune", "--yes").status == 2
    assert snapshot(orphaned.root / "state") == before


def test_generations_beyond_keep_go_and_the_kept_one_with_all(place: Place) -> None:
    place.write("keep = 3\n" + ONE)
    place.apply()
    for _ in range(3):
        place.apply("--force-rebuild", "one")
    assert removals(place) == []
    place.write("keep = 1\n" + ONE)
    assert len(removals(place, "--yes")) == 2
    assert removals(place) == []
    (entry,) = place.envsync("status", "--json").document["environments"]
    assert len(entry["kept"]) == 1
    assert removals(place, "--all", "--yes") == [("generation", "one", True)]


def test_status_lists_orphans_when_asked(orphaned: Place) -> None:
    assert "state/one" in orphaned.envsync("status", "--orphans").out
    (orphan,) = orphaned.envsync("status", "--orphans", "--json").document["orphans"]
    assert orphan["name"] == "one"
    assert "orphans" not in orphaned.envsync("status", "--json").document


def moved(place: Place) -> dict[str, tuple[int, int]]:
    """Make an environment in a directory, and declare a target for it then; give its files."""
    make_wheel(place.root / "wheels", "tool", "1", scripts={"tool": "tool:main"})
    place.variables |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(place.root / "wheels")}
    place.variables |= {"UV_OFFLINE": "1", "UV_FIND_LINKS": str(place.root / "wheels")}
    place.write('[envs.one]\npath = "one"\npackages = ["tool"]\n')
    place.apply()
    (place.root / "one/share").mkdir()
    (place.root / "one/share/notes.txt").write_text("mine")
    place.write('[envs.one]\npath = "one"\ntarget = "group/one"\npackages = ["tool"]\n')
    return {name: seen for name, seen in snapshot(place.root / "one").items() if (place.root / "one" / name).is_file()}


def test_a_directory_becomes_its_target_and_a_link(place: Place) -> None:
    files = moved(place)
    assert "envsync move one" in place.envsync("plan").out
    assert place.envsync("move", "one").status == 0
    assert os.readlink(place.root / "one") == str(place.root / "state/group/one")
    shared = {name: seen for name, seen in files.items() if not name.startswith(("bin/", "pyvenv.cfg"))}
    assert {name: snapshot(place.root / "one").get(name) for name in shared} == shared
    assert place.python("one", "import sys, tool; print(sys.prefix, tool.version)") == f"{place.root}/one 1"
    assert place.envsync("check").status == 0
    assert place.envsync("move", "one").out.startswith("nothing to move: ")
    assert list(place.root.rglob(".envsync-*")) == []


def test_what_cannot_be_moved_stays_and_the_reason_is_told(place: Place) -> None:
    moved(place)
    (place.root / "state/group/one").mkdir(parents=True)
    (place.root / "state/group/one/foreign").touch()
    before = snapshot(place.root)
    for manifest, code in (
        (place.manifest.read_text().partition("\n")[2], "target-taken"),
        ('[envs.one]\npath = "one"\n', "no-target"),
        ('[envs.one]\npath = "gone"\ntarget = "x"\n', "nothing-to-move"),
        ('[envs.one]\npath = "wheels"\ntarget = "x"\n', "nothing-to-move"),
    ):
        place.write(manifest.removeprefix('state-dir = "state"\nbin-dir = "exposed"\n'))
        run = place.envsync("move", "one", "--json")
        assert (run.status, run.document["errors"][0]["code"]) == (1, code)
    place.write('[envs.one]\npath = "one"\ntarget = "group/one"\npackages = ["tool"]\n')
    after = snapshot(place.root)
    assert {name: after.get(name) for name in before if name != "envs.toml"} == {
        name: seen for name, seen in before.items() if name != "envs.toml"
    }


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="needs a second file system")
def test_to_another_file_system_it_is_copied_and_compared(place: Place) -> None:
    moved(place)
    other = Path("/dev/shm") / f"envsync-test-{os.getpid()}"
    if os.path.exists(other.parent) and other.parent.stat().st_dev == place.root.stat().st_dev:
        pytest.skip("needs a second file system")
    try:
        place.write(f'[envs.one]\npath = "one"\ntarget = "{other}/one"\npackages = ["tool"]\n')
        assert place.envsync("move", "one").status == 0
        assert (place.root / "one").is_symlink()
        assert place.python("one", "import sys, tool; print(sys.prefix)") == f"{place.root}/one"
        assert (other / "one/share/notes.txt").read_text() == "mine"
        assert place.envsync("check").status == 0
        assert list(place.root.glob(".envsync-*")) == []
    finally:
        shutil.rmtree(other, ignore_errors=True)


def test_a_command_runs_as_if_the_environment_were_activated(place: Place) -> None:
    place.write(ONE)
    place.apply()
    code = "import json, os, sys; print(json.dumps([sys.prefix, os.environ['VIRTUAL_ENV'], os.environ['PATH']]))"
    prefix, named, path = json.loads(place.envsync("run", "one", "--", "python", "-c", code, PYTHONHOME="").out)
    assert (prefix, named) == (str(place.root / "one"),) * 2
    assert path.startswith(f"{place.root}/one/bin:")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("sh", "-c", "exit 7"), 7),
        (("nowhere",), 127),
        (("/dev/null",), 126),
        (("sh", "-c", "kill -9 $$"), -9),
    ],
)
def test_the_exit_status_is_the_commands(place: Place, words: tuple[str, ...], status: int) -> None:
    place.write(ONE)
    place.apply()
    assert place.envsync("run", "one", "--", *words).status == status


def test_options_behind_the_command_are_the_commands(place: Place) -> None:
    place.write(ONE)
    place.apply()
    assert place.envsync("run", "one", "--", "printf", "%s|", "--json", "-x", "--", "a b").out == "--json|-x|--|a b|"
    assert place.envsync("run", "one", "--file", "envs.toml", "--", "printf", "%s|", "--file").out == "--file|"
    assert place.envsync("run", "one", "printf", "a|").out == "a|"


def test_without_an_environment_nothing_runs(place: Place) -> None:
    place.write(ONE)
    run = place.envsync("run", "one", "--", "true")
    assert (run.status, "envsync apply one" in run.err) == (1, True)
    assert place.envsync("run", "none", "--", "true").status == 2
