"""Environments that venv, virtualenv and uv made: one that works is in sync, and what is broken in one is seen."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

from envsync.manifest import load
from envsync.observe.facts import FactsCache
from envsync.reconcile import Reconciler
from harness.bench import listing
from harness.depot import Depot
from harness.place import Place


@pytest.fixture
def tree(place: Place, python_of: Callable[[str], str]) -> Path:
    """Return a version manager's directory: a patch release, and a stable link to it."""
    versions = place.root / "versions"
    versions.mkdir()
    (versions / "3.12.1").symlink_to(Path(python_of("3.12")).parents[1])
    (versions / "3.12").symlink_to("3.12.1")
    return versions


def home_of_others(place: Place, tree: Path) -> None:
    """Let venv, virtualenv and uv make environments, each in a way of its own, declared by the stable link."""
    root, python = place.root, tree / "3.12.1/bin/python"
    venv = (python, "-m", "venv", "--without-pip")
    virtualenv = (sys.executable, "-m", "virtualenv", "-q", "--no-seed", "-p", python)
    uv = (find_uv_bin(), "venv", "-q", "--no-config", "--no-project", "--python", python)
    (root / "disk/linked").mkdir(parents=True)
    (root / "linked").symlink_to("disk/linked")
    for name, command in {
        "patch": venv,
        "copied": (*venv, "--copies"),
        "virtualenv": virtualenv,
        "uv": uv,
        "linked/venv": venv,
        "linked/uv": uv,
        "linked/virtualenv": virtualenv,
        "real": venv,
    }.items():
        subprocess.run([*command, (root / name).resolve()], check=True, capture_output=True)
    for name in ("real", "linked/venv"):  # a package's script, by the real path
        script = root / name / "bin/tool"
        script.write_text(f"#!{(root / name).resolve()}/bin/python\n")
        script.chmod(0o755)
        info = root / name / "lib/python3.12/site-packages/tool-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Name: tool\nVersion: 1\n")
        (info / "RECORD").write_text("../../../bin/tool,,\n")
    subprocess.run([root / "copied/bin/python", "-m", "venv", "--without-pip", root / "from-copy"], check=True)
    (root / "link").symlink_to("real")
    names = (
        "patch",
        "copied",
        "virtualenv",
        "uv",
        "linked/venv",
        "linked/uv",
        "linked/virtualenv",
        "link",
        "from-copy",
    )
    tables = (f'[envs.{name.replace("/", "-")}]\npath = "{name}"\n' for name in names)
    place.write("".join(f'{table}python = "versions/3.12/bin/python"\n' for table in tables))


def test_what_leads_to_the_same_is_in_sync_whoever_made_it_and_what_does_not_is_seen(
    place: Place, tree: Path, python_of: Callable[[str], str]
) -> None:
    home_of_others(place, tree)
    before = listing(place.root)
    assert {
        name: one["drift"] for name, one in place.envsync("plan", "--json").environments.items() if one["drift"]
    } == {}
    assert {one["outcome"] for one in place.apply().values()} == {"unchanged"}
    assert listing(place.root) == before
    root = place.root
    with (root / "copied/bin/python").open("ab") as file:
        file.write(b"\0")  # of another build
    (root / "uv/bin/python").unlink()
    (root / "uv/bin/python").symlink_to("../../patch/bin/python")  # through another environment
    (root / "real/bin/tool").write_text(f"#!{root}/patch/bin/python\n")
    (root / "disk").rename(root / "moved")
    (root / "linked").unlink()
    (root / "linked").symlink_to("moved/linked")
    cfg = root / "virtualenv/pyvenv.cfg"
    cfg.write_text(re.sub("(?m)^home = .*", f"home = {Path(python_of('3.11')).parent}", cfg.read_text()))
    seen = {
        name: {one["code"] for one in found["drift"]}
        for name, found in place.envsync("plan", "--json").environments.items()
    }
    assert {name: codes for name, codes in seen.items() if codes} == {
        "copied": {"python-link"},
        "from-copy": {"python-patch"},
        "uv": {"python-link"},
        "link": {"scripts"},
        "linked-venv": {"moved", "scripts"},
        "linked-uv": {"moved"},
        "linked-virtualenv": {"moved"},
        "virtualenv": {"python-home"},
    }


def test_what_another_builder_linked_to_a_patch_release_follows_when_the_stable_link_moves_on(
    place: Place, tree: Path, python_of: Callable[[str], str]
) -> None:
    subprocess.run([tree / "3.12.1/bin/python", "-m", "venv", "--without-pip", place.root / "blog"], check=True)
    place.write('[envs.blog]\npath = "blog"\npython = "versions/3.12/bin/python"\n')
    assert place.apply()["blog"]["outcome"] == "unchanged"
    copy = tree / "3.12.2/bin"
    copy.mkdir(parents=True)
    (copy / "python").symlink_to(Path(python_of("3.12")).with_name("python3.12"))
    shutil.copy(os.path.realpath(python_of("3.12")), copy / "python3.12")
    (copy.parent / "lib").symlink_to(Path(python_of("3.12")).parents[1] / "lib")
    (tree / "3.12").unlink()
    (tree / "3.12").symlink_to("3.12.2")
    (copy / "python").unlink()
    (copy / "python").symlink_to("python3.12")
    assert {one["code"] for one in place.envsync("plan", "--json").environments["blog"]["drift"]} >= {"python-link"}
    assert place.apply()["blog"]["outcome"] == "repaired"
    assert os.readlink(place.root / "blog/bin/python") == f"{tree}/3.12/bin/python"


def test_what_another_tool_made_is_rebuilt_only_where_it_is_named(
    place: Place, python_of: Callable[[str], str]
) -> None:
    paths = {"tox": ".tox/py", "pipx": "tools/app"}
    for path in paths.values():
        subprocess.run([python_of("3.11"), "-m", "venv", "--without-pip", place.root / path], check=True)
    (place.root / "tools/app/pipx_metadata.json").write_text("{}")
    envs = "".join(f'[envs.{name}]\npath = "{path}"\n' for name, path in paths.items())
    place.write(f'[defaults]\npython = "{python_of("3.12")}"\n{envs}')
    before = [listing(place.root / path) for path in paths.values()]
    report = place.apply()
    for tool, may_be in (("tox", True), ("pipx", False)):
        (conflict,) = report[tool]["conflicts"]
        assert (conflict["code"], tool in conflict["message"]) == ("other-tool", True)
        assert ("--force-rebuild" in conflict["hint"]) == may_be
    assert [listing(place.root / path) for path in paths.values()] == before
    place.apply("--force-rebuild", "tox", "--force-rebuild", "pipx")
    code = "import sys; print(sys.version_info[1])"
    assert [place.python(path, code) for path in paths.values()] == ["12", "11"]


def test_another_manifest_that_declares_the_same_is_named(place: Place) -> None:
    declares = '[envs.app]\npath = "app"\n'
    place.write(declares)
    place.apply()
    other = place.root / "other.toml"
    other.write_text(place.manifest.read_text())
    plan = ("plan", "--json", "--file", str(other))
    (app,) = place.envsync(*plan).document["environments"]
    assert [str(place.manifest) in note for note in app["notes"]] == [True]
    (planned,) = Reconciler(load(str(other)), FactsCache(None)).plan().environments
    assert str(place.manifest) in planned.world.evidence.paths  # a watcher's next pass sees it change, too
    assert (app["state"], place.envsync("plan", "--json").environments["app"]["notes"]) == ("in-sync", [])
    place.write(declares.replace("app", "another"))
    (app,) = place.envsync(*plan).document["environments"]
    assert app["notes"] == []


@pytest.mark.parametrize("builder", ["venv", "virtualenv"])
def test_what_an_install_marks_keeps_its_links_and_is_in_sync_afterwards(depot: Depot, builder: str) -> None:
    depot.declare('packages = ["tool"]')
    python = str(depot.root / "pythons/3/bin/python")
    commands = {
        "venv": [python, "-m", "venv", "--without-pip"],
        "virtualenv": [sys.executable, "-m", "virtualenv", "-q", "--no-seed", "-p", python],
    }
    subprocess.run([*commands[builder], str(depot.root / "ends/env")], check=True)
    links = {link.name: os.readlink(link) for link in (depot.root / "ends/env/bin").glob("python*")}
    assert depot.apply()["outcome"] == "installed"
    assert {link.name: os.readlink(link) for link in (depot.root / "ends/env/bin").glob("python*")} == links
    assert depot.apply()["outcome"] == "unchanged"
