"""A moved environment works at its new path, whatever the two are called, and nothing in it says otherwise."""

import os
import re
import shlex

import pytest

from harness.bench import BUILDERS, Bench, changed, files, listing

MOVES = [("old", 'it\'s a "b" $HOME'), ("old place é", "`x` #c !d &e;"), ("o'ld #1 !", "new"), ("a", "x" * 140)]


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize(("former", "new"), MOVES, ids=["quotes", "signs", "plain", "long"])
def test_a_moved_environment_names_its_new_path(builder: str, former: str, new: str, bench: Bench) -> None:
    bench.directory = former
    bench.make(builder)
    old = bench.path
    token = shlex.quote(f"{old}/bin/python")
    bench.script(
        "short", f"#!{old}/bin/python3" if " " not in former else f"#!/bin/sh\n'''exec' {token} \"$0\" \"$@\"\n' '''"
    )
    bench.script("trampoline", f"#!/bin/sh\n'''exec' {token} \"$0\" \"$@\"\n' '''", mode=0o711)
    bench.script("mine", f"#!{bench.python} -E", mode=0o750)
    with (old / "bin/activate").open("a") as activate:
        activate.write("export MINE='my own: kept'\n")
    assert bench.apply()["outcome"] == "unchanged"
    before = files(listing(old))

    bench.move(new)
    entry = bench.apply()
    after = files(listing(bench.path))
    assert entry["outcome"] == "repaired"
    assert "moved" in {drift["code"] for drift in entry["drift"]}
    touched = changed(before, after)
    assert {"bin/short", "bin/trampoline", "bin/activate"} <= touched
    assert not {name for name in touched if not re.match(r"pyvenv.cfg|bin/", name)}, "packages are not touched"
    assert not touched & {"bin/mine", "bin/python", "bin/python3", "bin/python3.12"}
    kept = {name.removesuffix(".orig") for name in after if name.endswith(".orig")}
    assert all(f"{os.path.basename(name)}.orig" in str(entry["notes"]) for name in kept), "what is kept is reported"
    left = {name: one.mode for name, one in before.items() if name in after or name not in kept}
    added = {"bin/deactivate.csh"} - before.keys()  # what virtualenv's activate.csh runs
    assert left == {n: one.mode for n, one in after.items() if not n.endswith(".orig") and n not in added}
    assert_lives_at_its_new_path(bench, "" if "bin/activate" in kept else "my own: kept")
    assert bench.apply()["outcome"] == "unchanged"
    assert files(listing(bench.path)) == after


def assert_lives_at_its_new_path(bench: Bench, mine: str) -> None:
    new = str(bench.path)
    assert mine or "my own: kept" in (bench.path / "bin/activate.orig").read_text()
    output = bench.activated(
        'printf "%s\\n" "$VIRTUAL_ENV" "$MINE" "$(command -v python)"; python -c "import sys; print(sys.prefix)"'
    )
    assert output.splitlines() == [new, mine, f"{new}/bin/python", new]
    assert bench.run_script("short") == f"{new} 0"
    assert bench.run_script("trampoline") == f"{new} 0"
    assert bench.run_script("mine") == f"{os.path.dirname(os.path.dirname(bench.python))} 1"


@pytest.mark.parametrize("builder", BUILDERS)
def test_no_file_of_a_moved_environment_names_its_former_path(builder: str, bench: Bench) -> None:
    bench.directory = "former"
    bench.make(builder)
    bench.move("env")
    bench.apply()
    naming = [name for name, one in files(listing(bench.path)).items() if "/place/former" in str(one.held)]
    assert [name for name in naming if not name.endswith(".orig")] == []


@pytest.mark.parametrize("former", ["old", "old place"])
def test_the_scripts_of_a_moved_environment_keep_their_arguments(former: str, bench: Bench) -> None:
    bench.directory = former
    bench.make("envsync")
    python = f"{bench.path}/bin/python"
    through = f"#!/bin/sh\n'''exec' {shlex.quote(python)} -E \"$0\" \"$@\"\n' '''"
    bench.script("tool", f"#!{python} -E" if former == "old" else through)
    assert bench.run_script("tool") == f"{bench.path} 1"
    for new in ("new place", "new", "newer place"):
        bench.move(new)
        assert bench.apply()["outcome"] == "repaired"
        assert bench.run_script("tool") == f"{bench.path} 1"
