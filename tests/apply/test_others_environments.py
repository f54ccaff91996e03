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

from harness.bench import listing
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
