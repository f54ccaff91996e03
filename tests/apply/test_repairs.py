"""Each kind of damage to an environment, by whomever it was made: it is mended, and only what is damaged changes."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.bench import BUILDERS, Bench, changed, contents, files, listing

pytestmark = pytest.mark.sampled(5)

Damage = Callable[[Bench], None]


def edit(path: Path, pattern: str, text: str) -> None:
    content, count = re.subn(pattern, lambda _: text, path.read_text(), flags=re.MULTILINE)
    assert count, "the damage does no damage"
    path.write_text(content)


def link(name: str, text: str | None) -> Damage:
    """Replace an entry by a symlink, or remove it."""

    def damage(bench: Bench) -> None:
        (bench.path / name).unlink(missing_ok=True)
        if text is not None:
            (bench.path / name).symlink_to(text.format(env=bench.path))

    return damage


def every_python_gone(bench: Bench) -> None:
    for python in bench.path.glob("bin/python*"):
        python.unlink()


def copied(bench: Bench) -> None:
    (bench.path / "bin/python").unlink()
    shutil.copy(bench.python, bench.path / "bin/python")
    with (bench.path / "bin/python").open("ab") as file:
        file.write(b"\0")  # of another build


def stale_home(bench: Bench) -> None:
    edit(bench.path / "pyvenv.cfg", r"^home = .*$", "home = /opt/former/bin")


def stale_version(bench: Bench) -> None:
    edit(bench.path / "pyvenv.cfg", r"(?<=^version = )3\.12\.\d+|(?<=^version_info = )3\.12\.\d+", "3.12.99")


LINKS = {"python-link", "python-dangling"}
PYTHONS = {"bin/python", "bin/python3", "bin/python3.12"}
DAMAGES: dict[str, tuple[Damage, set[str], set[str]]] = {
    # what was done: how, the drift codes that may name it, the files that may change
    "bin/python gone": (link("bin/python", None), LINKS, {"bin/python"}),
    "bin/python dangling": (link("bin/python", "/opt/gone/python"), {"python-dangling"}, {"bin/python"}),
    "bin/python elsewhere": (link("bin/python", "/bin/sh"), {"python-link"}, {"bin/python"}),
    "bin/python copied": (copied, {"python-link"}, {"bin/python"}),
    "python3 gone": (link("bin/python3", None), LINKS, {"bin/python3"}),
    "python3 dangling": (link("bin/python3", "gone"), LINKS, {"bin/python3"}),
    "python3.12 gone": (link("bin/python3.12", None), LINKS, {"bin/python3.12"}),
    "every python gone": (every_python_gone, LINKS, PYTHONS),
    "home stale": (stale_home, {"python-home"}, {"pyvenv.cfg"}),
    "version stale": (stale_version, {"python-patch"}, {"pyvenv.cfg"}),
    "activate gone": (link("bin/activate", None), {"scripts"}, {"bin/activate"}),
}


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_repaired_and_nothing_else_changes(name: str, builder: str, bench: Bench) -> None:
    damage, codes, concerned = DAMAGES[name]
    bench.make(builder)
    (bench.path / "pyvenv.cfg").chmod(0o640)
    sound = files(listing(bench.path))
    damage(bench)
    damaged = files(listing(bench.path))
    assert changed(sound, damaged) == concerned
    entry = bench.apply()
    repaired = files(listing(bench.path))
    assert entry["outcome"] == "repaired"
    assert {drift["code"] for drift in entry["drift"]} <= codes
    assert {action["kind"] for action in entry["actions"]} == {"repair"}
    assert changed(damaged, repaired) & (damaged.keys() | concerned) == concerned
    one, other = contents(sound), contents(repaired)
    differing = {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
    # Another builder may write `activate` again; a version may be written with more parts to it.
    assert differing <= ({"pyvenv.cfg"} if name == "version stale" else set()) or name == "activate gone"
    assert not re.search(r"3\.12\.99|/opt/former", (bench.path / "pyvenv.cfg").read_text())
    assert bench.place.python("env", "import sys, mine; print(sys.prefix)") == str(bench.path)
    assert bench.apply()["outcome"] == "unchanged"
    assert files(listing(bench.path)) == repaired


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("text", ["{env}/lib", "/opt/former/lib"])
def test_a_lib64_that_would_not_move_along_is_repaired(builder: str, text: str, bench: Bench) -> None:
    bench.make(builder)
    link("lib64", text)(bench)
    damaged = files(listing(bench.path))
    entry = bench.apply()
    assert (entry["outcome"], {drift["code"] for drift in entry["drift"]}) == ("repaired", {"layout"})
    assert changed(damaged, files(listing(bench.path))) == {"lib64"}
    assert os.readlink(bench.path / "lib64") == "lib"


@pytest.mark.parametrize("builder", BUILDERS)
def test_the_flag_for_the_packages_of_the_system_follows_the_manifest(builder: str, bench: Bench) -> None:
    bench.make(builder)
    before = files(listing(bench.path))
    for wanted in ("true", "false"):
        bench.declare(f"system-site-packages = {wanted}")
        entry = bench.apply()
        assert entry["outcome"] == "repaired"
        assert [drift["code"] for drift in entry["drift"]] == ["system-site-packages"]
        assert changed(before, files(listing(bench.path))) == {"pyvenv.cfg"}
        sites = bench.place.python("env", "import site, sys; print(any(sys.base_prefix in p for p in sys.path[3:]))")
        assert sites == ("True" if wanted == "true" else "False")
        assert bench.apply()["outcome"] == "unchanged"


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("prompt", ["blog", 'it\'s a "b" `x` $HOME é'])
def test_the_prompt_follows_the_manifest(builder: str, prompt: str, bench: Bench) -> None:
    bench.make(builder)
    before = files(listing(bench.path))
    bench.declare(f"prompt = {json.dumps(prompt)}")
    entry = bench.apply()
    assert (entry["outcome"], {drift["code"] for drift in entry["drift"]}) == ("repaired", {"prompt"})
    assert not {
        name for name in changed(before, files(listing(bench.path))) if not re.match(r"pyvenv.cfg|bin/.*activate", name)
    }
    assert prompt in bench.activated('printf %s "$VIRTUAL_ENV_PROMPT"')
    assert bench.apply()["outcome"] == "unchanged"


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("code", ["link-missing", "alias-missing", "expose-missing"])
def test_a_missing_link_is_made_and_nothing_else(code: str, builder: str, bench: Bench) -> None:
    (bench.place.root / "ends/env").mkdir(parents=True)
    (bench.place.root / "tree").mkdir()
    bench.path.symlink_to("ends/env")
    target = f'target = "{bench.place.root}/ends/env"'
    bench.make(builder, target)
    bench.script("tool", f"#!{bench.path}/bin/python")
    bench.declare(target, 'aliases = ["tree/.venv"]', 'expose = ["tool", "tool:second"]')
    assert bench.apply()["outcome"] == "linked"
    assert bench.apply()["outcome"] == "unchanged"
    gone = (
        bench.place.root
        / {"link-missing": "env", "alias-missing": "tree/.venv", "expose-missing": "exposed/second"}[code]
    )
    text = os.readlink(gone)
    before = files(listing(bench.place.root / "ends/env"))
    gone.unlink()
    entry = bench.apply()
    assert (entry["outcome"], [drift["code"] for drift in entry["drift"]]) == ("linked", [code])
    assert os.readlink(gone) == (text if code != "link-missing" else f"{bench.place.root}/ends/env")
    written = {"pyvenv.cfg"} if code == "link-missing" else set()  # a link that is made is recorded there
    assert changed(before, files(listing(bench.place.root / "ends/env"))) <= written
    done = subprocess.run([bench.place.root / "exposed/second"], check=True, capture_output=True, text=True)
    assert done.stdout.split()[0] == str(bench.path)
    assert bench.place.python("tree/.venv", "import mine; print(mine.here)") == "True"
    assert bench.apply()["outcome"] == "unchanged"


@pytest.mark.parametrize("target", [[], ['target = "ends/env"']], ids=["no target", "target"])
def test_an_alias_that_was_there_before_the_environment_is_no_conflict(target: list[str], bench: Bench) -> None:
    (bench.place.root / "tree").mkdir()
    (bench.place.root / "tree/.venv").symlink_to(bench.path)
    bench.declare(*target, 'aliases = ["tree/.venv"]')
    assert bench.apply()["outcome"] == "created"
    assert bench.place.python("tree/.venv", "import sys; print(sys.prefix)") == f"{bench.place.root}/tree/.venv"
    assert bench.apply()["outcome"] == "unchanged"


def test_an_older_virtualenvs_name_for_the_interpreters_file_is_no_drift_until_the_link_leads_elsewhere(
    bench: Bench, python_of: Callable[[str], str]
) -> None:
    bench.make("virtualenv")
    cfg = bench.path / "pyvenv.cfg"
    edit(cfg, "^base-executable = .*", f"base-executable = {os.path.realpath(bench.python)}")
    assert bench.apply()["outcome"] == "unchanged"
    edit(cfg, "^base-executable = .*", f"base-executable = {os.path.realpath(python_of('3.11'))}")
    assert bench.apply()["outcome"] == "repaired"
    assert f"base-executable = {bench.python}\n" in cfg.read_text()
