"""``import``: environments that are there already, whoever made them, are declared as they are, and not touched."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

from envsync.cli.main import main
from envsync.manifest import load
from harness.bench import listing, run
from harness.place import SOURCE, Place
from harness.pythons import PYTHONS
from harness.strangers import BASE, Import, fake

HEAD = 'version = 1\nstate-dir = "state"\n'
PYTHON = PYTHONS.get("3.12") or PYTHONS.get("3.11") or PYTHONS.get("debian") or ""
PROMPT = 'it\'s "me" \\ \N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}'


@pytest.fixture
def here(here: Place) -> Place:
    here.manifest.write_text(HEAD)
    return here


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """Build environments with each tool."""
    if not PYTHON:
        pytest.skip("needs a Python to build environments with, which is not installed here")
    root = tmp_path / "zoo"
    (root / "home").mkdir(parents=True)
    own = 'version = 1\nstate-dir = "state"\n[envs.own]\npath = "src/own/.venv"\ntarget = "own"\nwait-for = ""\n'
    (root / "envs.toml").write_text(f'{own}python = "{PYTHON}"\nprompt = "own"\n')
    venv = [PYTHON, "-m", "venv", "--without-pip"]
    virtualenv = [sys.executable, "-m", "virtualenv", "-q", "--no-seed", "-p", PYTHON]
    uv = [find_uv_bin(), "venv", "-q", "--no-config", "--no-project", "--python", PYTHON]
    for command in (
        [*venv, "--prompt", PROMPT, "--system-site-packages", "src/venv/.venv"],
        [*venv, "--copies", "src/copied/env"],
        [*virtualenv, "--prompt", "a b", "--system-site-packages", "src/virtualenv/.venv"],
        [*uv, "--prompt", "uv's", "--system-site-packages", "src/uv/.venv"],
        [*uv, "ends/linked"],
        [sys.executable, "-m", "envsync", "apply", "--file", "envs.toml"],
    ):
        variables = {
            "HOME": f"{root}/home",
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": SOURCE if "apply" in command else "",
        }
        subprocess.run(command, check=True, capture_output=True, cwd=root, env=variables)
    for link, text in (("a/.venv", "../../ends/linked"), ("b/.venv", "../a/.venv"), ("c/.venv", f"{root}/ends/linked")):
        (root / "src" / link).parent.mkdir()
        (root / "src" / link).symlink_to(text)
    return root


def test_environments_of_every_tool_are_declared_as_they_are_not_touched_and_never_built_anew(
    here: Place, zoo: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    here.manifest.write_text(f'version = 1\nstate-dir = "{zoo}/state"\n')
    before = listing(zoo)
    found = imported(str(zoo), "--freeze")
    planned = run(here, capsys, "plan")["environments"]
    assert listing(zoo) == before
    assert {Path(one.pop("python")).parent for one in found.values()} == {Path(PYTHON).parent}
    sees = {"system-site-packages": True}
    assert found == {
        "a": {"path": f"{zoo}/src/a/.venv", "target": f"{zoo}/ends/linked"}
        | {"aliases": [f"{zoo}/src/b/.venv", f"{zoo}/src/c/.venv"]},
        "copied": {"path": f"{zoo}/src/copied/env"},
        "uv": {"path": f"{zoo}/src/uv/.venv", "prompt": "uv's"} | sees,
        "venv": {"path": f"{zoo}/src/venv/.venv", "prompt": PROMPT} | sees,
        "virtualenv": {"path": f"{zoo}/src/virtualenv/.venv", "prompt": "a b"} | sees,
    }
    assert len(planned) == len(found)
    for one in planned:
        assert one["state"] in {"in-sync", "drift"}, one
        assert {action["kind"] for action in one["actions"]} <= {"repair", "link"}, one
    assert {one["name"] for one in planned if one["state"] != "in-sync"} == {"venv"}  # its prompt may run commands
    (skipped,) = run(here, capsys, "import", str(zoo))["skipped_because"]
    assert (skipped["path"], skipped["code"]) == (f"{zoo}/src/own/.venv", "other-manifest")
    (zoo / "envs.toml").write_text("version = ")
    (skipped,) = run(here, capsys, "import", str(zoo))["skipped_because"]
    assert "cannot be read" in skipped["message"]
    (zoo / "envs.toml").unlink()
    assert imported(str(zoo))["own"].items() >= {"path": f"{zoo}/src/own/.venv", "target": "own"}.items()


def test_an_interpreter_is_declared_by_its_name_and_a_stable_link_is_told(
    here: Place, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = here.root / "versions"
    versions.mkdir()
    for name, text in (("3.12.1", sys.base_prefix), ("3.12", "3.12.1"), ("latest", "3.12.1")):
        (versions / name).symlink_to(text)
    fake(here.root / "a", f"{versions}/3.12.1/bin/python3")
    fake(here.root / "b", f"{versions}/latest/bin/python3")
    links = 'newest = "versions/latest/bin/python"\n"3.12" = "versions/3.12/bin/python"\n'
    here.manifest.write_text(f"{HEAD}[pythons]\n{links}")
    document = run(here, capsys, "import", "--dry-run")
    assert document["stable_links"]["a"] == {
        "found": f"{versions}/3.12.1/bin/python3",
        "declared": f"{versions}/3.12/bin/python",
    }
    assert {name: one["python"] for name, one in imported().items()} == {"a": "3.12", "b": "3.12"}


@pytest.mark.parametrize("name", ["pyenv/versions/3.12.1", "opt/3.12"])
def test_a_link_of_ones_own_is_declared_whatever_name_its_python_has(
    here: Place, imported: Import, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(here.root / "pyenv"))
    tree, own = here.root / name, here.root / "bin/python"
    for directory in (tree.parent, own.parent):
        directory.mkdir(parents=True)
    tree.symlink_to(sys.base_prefix)
    own.symlink_to(tree / "bin/python3")
    fake(here.root / "a", str(own))
    here.manifest.write_text(f'{HEAD}[pythons]\n"3.12" = "{tree}/bin/python3"\n')
    assert imported()["a"]["python"] == str(own)


def test_a_name_that_the_next_patch_release_removes_replaces_no_link_that_stays(
    here: Place, imported: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(here.root / "pyenv"))
    tree, current = here.root / "pyenv/versions/3.12.1", here.root / "current"
    tree.parent.mkdir(parents=True)
    tree.symlink_to(sys.base_prefix)
    current.symlink_to(tree)
    fake(here.root / "a", f"{current}/bin/python3")
    here.manifest.write_text(f'{HEAD}[pythons]\n"3.12" = "{tree}/bin/python3"\n')
    assert imported()["a"]["python"] == f"{current}/bin/python3"


def test_other_tools_environments_are_left_out_with_the_reason(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    for place in ("x/.tox/py312", "x/.tox/py311", "y/.nox/tests", "state/stray"):
        fake(here.root / place)
    skipped = run(here, capsys, "import")["skipped_because"]
    codes = {one["path"].removeprefix(f"{here.root}/"): one["code"] for one in skipped}
    tools = dict.fromkeys(("x/.tox/py312", "x/.tox/py311", "y/.nox/tests"), "other-tool")
    assert codes == {**tools, "state/stray": "own"}


def test_without_a_manifest_one_is_written_and_the_next_command_named(
    here: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(here.root / "src/a")
    here.manifest.unlink()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here.root / "config"))
    assert main(["import", "src"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("wrote ")
    assert shown[-1] == "Next: envsync plan, then envsync apply"
    assert "[envs.a]" in (here.root / "config/envsync/envs.toml").read_text()


def test_where_nothing_is_found_the_way_on_is_named(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (here.root / "empty").mkdir()
    assert main(["import", "empty"]) == 0
    assert capsys.readouterr().out.endswith(
        "0 new, 0 declared already\nNext: envsync import PATH for another place, or envsync add in a project\n"
    )


def test_a_dry_run_without_a_manifest_shows_what_it_would_write(
    here: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here.root / "config"))
    here.manifest.unlink()
    fake(here.root / "src/blog/.venv")
    assert main(["import", "--dry-run", "src"]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == f"would write {here.root}/config/envsync/envs.toml"
    assert second.startswith("would declare blog: ")
    assert not (here.root / "config").exists()


def test_a_patch_release_of_a_version_manager_is_declared_by_the_version_that_stays_with_it(
    here: Place,
    imported: Import,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    python_of: Callable[[str], str],
) -> None:
    versions = here.root / "pyenv/versions"
    versions.mkdir(parents=True)
    monkeypatch.setenv("PYENV_ROOT", str(here.root / "pyenv"))
    (versions / "3.12.1").symlink_to(Path(python_of("3.12")).resolve().parents[1])
    subprocess.run([versions / "3.12.1/bin/python3", "-m", "venv", "--without-pip", here.root / "a/.venv"], check=True)
    document = run(here, capsys, "import", "--dry-run", "a")
    assert document["stable_links"]["a"] == {"found": f"{versions}/3.12.1/bin/python3", "declared": "3.12"}
    assert imported("a")["a"]["python"] == "3.12"
    (versions / "3.12.0").symlink_to("/nowhere")
    (entry,) = run(here, capsys, "plan")["environments"]
    assert (entry["state"], entry["python"]["link"]) == ("in-sync", f"{versions}/3.12.1/bin/python3")


def test_a_name_of_pythons_that_means_another_is_no_version(
    here: Place, imported: Import, monkeypatch: pytest.MonkeyPatch, python_of: Callable[[str], str]
) -> None:
    versions = here.root / "pyenv/versions"
    versions.mkdir(parents=True)
    monkeypatch.setenv("PYENV_ROOT", str(here.root / "pyenv"))
    (versions / "3.12.1").symlink_to(Path(python_of("3.12")).resolve().parents[1])
    fake(here.root / "a", f"{versions}/3.12.1/bin/python3")
    here.manifest.write_text(f'{HEAD}[pythons]\n"3.12" = "/usr/bin/python3"\n')
    assert imported()["a"]["python"] == f"{versions}/3.12.1/bin/python3"


def test_names_come_from_the_directories_and_are_unique(here: Place, imported: Import) -> None:
    places = [
        "x/.venv",
        "y/x/.venv",
        "z/x/venv",
        "tools/3.12",
        "my blog (2)/.venv",
        "ünï 🐍/.venv",
        "☃/.venv",
        "-a/.venv",
    ]
    places += ["other/my blog [2]/env", f"{'n' * 120}/.venv", "new\u200dline/.venv"]
    for place in places:
        fake(here.root / place)
    here.manifest.write_text(f'{HEAD}[envs.x]\npath = "elsewhere"\nhosts = ["nobodys"]\n')
    names = [name for name in imported() if name != "x"]
    assert len(names) == len(places) - 1
    expected = {"place-x", "y-x", "z-x", "3.12", "my-blog-2", "other-my-blog-2", "ünï", "a", "n" * 80}
    assert expected - {*names} == set()


def test_each_way_to_an_environment_is_found_once(here: Place, imported: Import) -> None:
    """By overlapping directories, by a link to a directory, through a chain of links, and past a link to a directory
    above.
    """
    end = fake(here.root / "ends/e")
    for link, text in (
        ("p/.venv", "../q/.venv"),
        ("q/.venv", "../r/.venv"),
        ("r/.venv", str(end)),
        ("s/.venv", "../p/.venv"),
    ):
        (here.root / link).parent.mkdir()
        (here.root / link).symlink_to(text)
    (here.root / "p/up").symlink_to("..")
    (here.root / "p/here").symlink_to(".")
    (here.root / "again").symlink_to("p")
    root = str(here.root)
    assert imported(".", "p", "again", f"{root}//p/../q/") == {
        "p": {
            "path": f"{root}/p/.venv",
            "target": f"{root}/q/.venv",
            "python": BASE,
            "aliases": [f"{root}/r/.venv", f"{root}/s/.venv"],
        }
    }


def test_what_is_found_stays_where_it_is_whatever_the_defaults(here: Place, imported: Import) -> None:
    fake(here.root / "plain/.venv")
    end = fake(here.root / "ends/e")
    for name in ("p", "q [1]"):
        (here.root / name).mkdir()
        (here.root / name / ".venv").symlink_to(end)
    here.manifest.write_text(f'{HEAD}[defaults]\npath = "src/{{name}}"\ntarget = "{{name}}"\n')
    found = imported()
    assert (found["plain"]["path"], found["plain"]["target"]) == (f"{here.root}/plain/.venv", "")
    assert (found["p"]["target"], found["p"]["aliases"]) == (str(end), [f"{here.root}/q [[]1]/.venv"])
    places = {one.name: (one.target, one.aliases) for one in load(str(here.manifest)).environments}
    assert places == {"plain": (None, ()), "p": (str(end), (f"{here.root}/q [1]/.venv",))}


@pytest.mark.parametrize("top", ["env", "link", "env/"])
def test_an_environment_may_be_named_itself(here: Place, imported: Import, top: str) -> None:
    fake(here.root / "env")
    (here.root / "link").symlink_to("env")
    ((_, found),) = imported(top).items()
    assert found["path"] == str(here.root / top.rstrip("/"))


def test_a_stable_link_to_the_same_interpreter_is_preferred(here: Place, imported: Import) -> None:
    versions = here.root / "versions"
    versions.mkdir()
    for name, text in (("3.12.1", sys.base_prefix), ("3.12", "3.12.1"), ("3", "3.12.1"), ("3.11", "/nowhere")):
        (versions / name).symlink_to(text)
    fake(here.root / "a", f"{versions}/3.12.1/bin/python3")
    fake(here.root / "b", f"{versions}/3/bin/python3")
    fake(here.root / "c", str(here.root / "a/bin/python"))
    found = {name: one["python"].removeprefix(f"{versions}/") for name, one in imported().items()}
    assert found == {"a": "3.12/bin/python3", "b": "3/bin/python3", "c": "3.12/bin/python3"}


def test_what_may_belong_into_it_is_suggested(here: Place, imported: Import) -> None:
    for directory, names in (
        ("a", "requirements.in requirements.txt"),
        ("b", "pyproject.toml uv.lock"),
        ("c", ""),
        ('d"', "requirements.in"),
    ):
        fake(here.root / directory / ".venv")
        for name in names.split():
            (here.root / directory / name).write_text("")
    assert all(one.keys() == {"path", "python"} for one in imported().values())
    text, root = here.manifest.read_text(), here.root
    assert [line for line in text.split("\n") if line.startswith("#")] == [
        f'# requirements = ["{root}/a/requirements.txt"]',
        f'# project = "{root}/b"',
        f'# requirements = ["{root}/d\\"/requirements.in"]',
    ]
