"""Links that nothing declares any longer are found and removed; what the user has made is never claimed."""

import os
from pathlib import Path

import pytest

from harness.place import Place

KEEP = '[envs.keep]\npath = "keep"\n'
PLAIN = '[envs.one]\npath = "one"\n'
TARGET = '[envs.one]\npath = "one"\ntarget = "one"\n'
EXPOSED = 'expose = ["pip:one-pip", "python:one-python"]\n'


def removals(place: Place, *arguments: str) -> dict[str, tuple[str, bool]]:
    entries = place.envsync("prune", "--json", *arguments).document["removals"]
    return {entry["place"].removeprefix(f"{place.root}/"): (entry["kind"], entry["removed"]) for entry in entries}


def exposed(place: Place) -> list[str]:
    return sorted(os.listdir(place.root / "exposed"))


def forget_records(place: Place) -> None:
    """Make of every environment one of an earlier release, which recorded no links."""
    for file in (*place.root.glob("*/pyvenv.cfg"), *place.root.glob("state/*/pyvenv.cfg")):
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if not line.startswith("envsync-links")))


@pytest.fixture
def plain(place: Place) -> Place:
    """Return a place with an environment in a plain directory, a link to its command, and a script that runs it."""
    place.write(PLAIN + 'expose = ["activate:one-activate", "python:one-python"]\n' + KEEP)
    place.apply()
    assert exposed(place) == ["one-activate", "one-python"]
    return place


@pytest.mark.parametrize("text", [PLAIN + "expose = []\n" + KEEP, PLAIN + KEEP, KEEP])
def test_commands_that_nothing_declares_go_and_their_environment_stays(plain: Place, text: str) -> None:
    plain.write(text)
    assert removals(plain) == {
        "exposed/one-activate": ("command", False),
        "exposed/one-python": ("command", False),
    }
    assert exposed(plain) == ["one-activate", "one-python"]
    assert all(removed for _, removed in removals(plain, "--yes").values())
    assert exposed(plain) == []
    assert (plain.root / "one/pyvenv.cfg").exists()
    assert removals(plain) == {}


@pytest.mark.parametrize("recorded", [True, False])
def test_what_is_not_recorded_is_the_users(plain: Place, recorded: bool) -> None:
    if not recorded:
        forget_records(plain)
    bin_dir = plain.root / "exposed"
    mine = {
        bin_dir / "relative": "../one/bin/activate",
        bin_dir / "elsewhere": "/usr/bin/env",
        bin_dir / "through": f"{plain.root}/also/bin/activate",
        bin_dir / "exact": f"{plain.root}/one/bin/activate",  # as envsync would make it
        plain.root / "beside": f"{plain.root}/one/bin/activate",
        plain.root / "also": f"{plain.root}/one",
    }
    for link, text in mine.items():
        link.symlink_to(text)
    scripts = {"script": "#!/bin/sh\n", "copy": (bin_dir / "one-python").read_text()}
    for name, script in scripts.items():
        (bin_dir / name).write_text(script)
    (bin_dir / "one-activate").unlink()
    (bin_dir / "one-activate").symlink_to("../one/bin/activate")  # its own name, and not as envsync made it
    plain.write(KEEP)
    assert removals(plain, "--yes") == ({"exposed/one-python": ("command", True)} if recorded else {})
    assert {link: os.readlink(link) for link in mine} == mine
    assert {name: (bin_dir / name).read_text() for name in scripts} == scripts


def test_an_environment_of_another_manifest_is_left_alone(plain: Place) -> None:
    other = plain.root / "other.toml"
    other.write_text('version = 1\nstate-dir = "state"\nbin-dir = "exposed"\n')
    assert plain.envsync("prune", "--json", "--file", str(other)).document["removals"] == []


@pytest.fixture
def behind(place: Place) -> Place:
    """Return a place whose environment was made behind a link, and is no longer declared."""
    place.write(TARGET + KEEP)
    place.apply()
    place.apply("--force-rebuild", "one")
    place.write(KEEP)
    return place


def kinds(place: Place, *arguments: str) -> list[tuple[str, bool]]:
    return [*removals(place, *arguments).values()]


def test_the_link_at_the_path_goes_with_the_environment_behind_it(behind: Place) -> None:
    assert kinds(behind) == [("link", False), ("environment", False), ("generation", False)]
    assert (behind.root / "one/pyvenv.cfg").exists()
    assert kinds(behind, "--yes") == [("link", True), ("environment", True), ("generation", True)]
    assert not (behind.root / "one").is_symlink()
    assert os.listdir(behind.root / "state") == []


def test_a_link_of_the_users_at_the_path_keeps_the_environment_behind_it(place: Place) -> None:
    (place.root / "one").symlink_to(place.root / "state/one")  # by stow, say
    place.write(TARGET + KEEP)
    place.apply()
    place.write(KEEP)
    assert "leads to it still" in place.envsync("prune", "--yes").out
    assert (place.root / "one/pyvenv.cfg").exists()


def test_the_link_that_move_makes_goes_with_its_environment(place: Place) -> None:
    place.write(PLAIN + KEEP)
    place.apply()
    place.write(TARGET + KEEP)
    assert place.envsync("move", "one").status == 0
    place.write(KEEP)
    assert kinds(place, "--yes") == [("link", True), ("environment", True)]
    assert not (place.root / "one").is_symlink()


def test_an_environment_whose_link_cannot_be_removed_stays_with_what_is_kept_of_it(place: Place) -> None:
    place.write(TARGET.replace('"one"', '"in/one"', 1) + KEEP, "in")
    place.apply()
    place.apply("--force-rebuild", "one")
    place.write(KEEP)
    (place.root / "in").chmod(0o500)
    try:
        found = kinds(place, "--yes")
    finally:
        (place.root / "in").chmod(0o700)
    if os.geteuid():
        assert found == [("link", False), ("environment", False), ("generation", False)]
        assert (place.root / "in/one/pyvenv.cfg").exists()


def test_what_is_kept_of_an_environment_stays_as_long_as_that(behind: Place) -> None:
    (behind.root / "state/one/mine.txt").write_text("mine")
    assert "goes first" in behind.envsync("prune", "--yes", "--all").out
    assert (behind.root / "one/mine.txt").exists()
    assert len(list(Path(behind.root, "state").glob(".envsync-*"))) == 1


def test_an_alias_that_nothing_declares_goes_and_what_declares_it_still_stays(place: Place) -> None:
    place.write(PLAIN + 'aliases = ["also", "again"]\n')
    place.apply()
    place.write(PLAIN + 'aliases = ["again"]\n')
    place.apply("--force-rebuild", "one")  # what is recorded outlives it
    assert removals(place, "--yes")["also"] == ("link", True)
    assert os.readlink(place.root / "again") == f"{place.root}/one"
    assert not (place.root / "also").is_symlink()


def test_what_is_declared_by_another_name_of_its_directory_stays(place: Place) -> None:
    text = '[envs.one]\npath = "{0}/one"\ntarget = "one"\naliases = ["{0}/also"]\nexpose = ["activate:one-activate"]\n'
    (place.root / "link").symlink_to("real")
    place.write(text.format("link"), "real")
    place.apply()
    place.write(text.format("real"))
    assert set(removals(place, "--yes")) <= {"exposed/one-activate"}  # which leads through the former name
    assert {"one", "also"} <= {*os.listdir(place.root / "real")}
    place.apply()
    assert removals(place, "--yes") == {}


def test_many_links_that_nothing_declares_are_counted(place: Place) -> None:
    names = ", ".join(f'"activate:a{number}"' for number in range(20))
    place.write(f"{PLAIN}expose = [{names}]\n")
    place.apply()
    place.write(PLAIN)
    (note,) = place.envsync("plan", "--json").environments["one"]["notes"]
    assert (" and 12 more; " in note, len(removals(place))) == (True, 20)


@pytest.mark.parametrize("change", ["renamed", "bin-dir", "removed"])
def test_a_link_is_found_by_its_record(place: Place, change: str) -> None:
    place.write(PLAIN + 'expose = ["activate:one-activate"]\n')
    place.apply()
    if change == "renamed":
        place.write(PLAIN + 'expose = ["activate:two-activate"]\n')
    elif change == "bin-dir":
        text = PLAIN + 'expose = ["activate:one-activate"]\n'
        place.write(text)
        place.manifest.write_text(place.manifest.read_text().replace('"exposed"', '"elsewhere"'))
    else:
        place.write(PLAIN)
    place.apply()
    (found,) = removals(place, "--yes").items()
    assert found == ("exposed/one-activate", ("command", True))
    assert exposed(place) == ["two-activate"] * (change == "renamed")


def test_a_record_that_was_made_up_claims_nothing_that_leads_elsewhere(plain: Place) -> None:
    mine = plain.root / "mine"
    mine.symlink_to("/usr/bin/env")
    settings = plain.root / "one/pyvenv.cfg"
    lines = [line for line in settings.read_text().splitlines() if not line.startswith("envsync-links")]
    record = f'envsync-links = {{"{mine}": "/usr/bin/env", "{settings}": "", "x": 1}}'
    settings.write_text("\n".join([*lines, record, ""]))
    assert removals(plain, "--yes") == {}
    assert os.readlink(mine) == "/usr/bin/env"


@pytest.mark.parametrize(
    "line",
    [
        r'envsync-links = {"/x": "/a\u0000b"}',
        r'envsync-links = {"/\ud800": "/\ud800/bin/x"}',
        "envsync-manifest = /x\0y",
        "envsync-path = /x\0y",
    ],
)
def test_a_record_of_what_no_path_can_be_is_none(plain: Place, line: str) -> None:
    settings = plain.root / "one/pyvenv.cfg"
    settings.write_text(f"{settings.read_text()}{line}\n")
    assert plain.envsync("plan", "--json").environments["one"]["conflict"] is None
    assert removals(plain) == {}


def test_nothing_is_recorded_where_everything_is_in_sync(plain: Place) -> None:
    forget_records(plain)
    before = (plain.root / "one/pyvenv.cfg").read_bytes()
    plain.apply()
    assert (plain.root / "one/pyvenv.cfg").read_bytes() == before


def test_plan_notes_what_nothing_declares_and_check_stays_in_sync(plain: Place) -> None:
    plain.write(PLAIN + KEEP)
    entry = plain.envsync("plan", "--json").environments["one"]
    assert entry["state"] == "in-sync"
    assert [note for note in entry["notes"] if f"{plain.root}/exposed/one-activate" in note]
    assert plain.envsync("check").status == 0
    plain.envsync("prune", "--yes")
    assert plain.envsync("plan", "--json").environments["one"]["notes"] == []


@pytest.mark.parametrize("text", [PLAIN, TARGET])
def test_plan_notes_links_to_an_environment_that_is_no_longer_declared(place: Place, text: str) -> None:
    place.write(text + 'aliases = ["also"]\nexpose = ["activate:one-activate"]\n' + KEEP)
    place.apply()
    assert place.envsync("plan", "--json").document["notes"] == []
    place.write(KEEP)
    document = place.envsync("plan", "--json").document
    assert (document["status"], document["environments"][0]["notes"]) == ("in-sync", [])
    (note,) = document["notes"]
    for name in ("also", "exposed/one-activate", *(["one"] if text == TARGET else [])):
        assert f"{place.root}/{name}" in note
    shown = place.envsync("plan").out.splitlines()
    assert [line for line in shown if line.startswith("note: no longer declared") and line.endswith("envsync prune")]
    assert "note" not in place.envsync("plan", "keep").out
    assert place.envsync("check").status == 0
    place.envsync("prune", "--yes")
    assert place.envsync("plan", "--json").document["notes"] == []
