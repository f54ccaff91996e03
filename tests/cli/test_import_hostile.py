"""What ``import`` meets on a real disk: stores and caches, what cannot be read, and what is meant to do harm."""

import json
import os
import shutil
import subprocess
import sys
import tomllib

import pytest

from envsync.cli.main import main
from harness.bench import listing, run
from harness.place import Place
from harness.processes import unprivileged
from harness.refusals import refused
from harness.strangers import BASE, Import, fake

HEAD = 'version = 1\nstate-dir = "state"\n'
STAGING_DIR = ".envsync-0123456789abcdef"


@pytest.fixture
def here(here: Place) -> Place:
    here.manifest.write_text(HEAD)
    return here


def paths(here: Place, found: dict[str, dict[str, str]]) -> set[str]:
    return {one["path"].removeprefix(f"{here.root}/") for one in found.values()}


def test_stores_and_caches_are_passed_over(here: Place, imported: Import) -> None:
    stores = (
        "node_modules",
        "lib/site-packages",
        ".tox",
        ".nox",
        ".cache",
        ".git",
        "tagged",
        STAGING_DIR,
        f"state/{STAGING_DIR}",
    )
    for directory in (*stores, "dev", "proc", "src/.hidden", ".envsync-mine"):
        fake(here.root / directory / "inner/env")
    fake(here.root / f"src/{STAGING_DIR}")
    (here.root / "tagged/CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55")
    (here.root / "src/kept").symlink_to(here.root / f"state/{STAGING_DIR}/inner/env")
    fake(here.root / "uv/.venv")
    (here.root / "uv/.venv/CACHEDIR.TAG").write_text("")
    fake(here.root / "uv/.venv/lib/inner")
    taken = {"dev/inner/env", "proc/inner/env", "src/.hidden/inner/env", ".envsync-mine/inner/env", "uv/.venv"}
    assert paths(here, imported()) == taken
    assert paths(here, imported("tagged")) == taken | {"tagged/inner/env"}


def test_other_file_systems_are_entered_only_when_asked(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    point = here.root / "mounted"
    point.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root mounts")
    if subprocess.run(["mount", "-t", "tmpfs", "none", point], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        fake(point / "deep/env")
        (here.root / "link").symlink_to("mounted/deep/env")
        dry = [run(here, capsys, "import", "--dry-run", *more)["declared"] for more in ((), ("--cross",), ("mounted",))]
        assert [[one["path"] for one in found] for found in dry] == [
            [str(here.root / "link")],
            [str(here.root / "link")],
            [str(point / "deep/env")],
        ]
        (here.root / "link").unlink()
        assert run(here, capsys, "import")["declared"] == []
        assert len(run(here, capsys, "import", "--cross")["declared"]) == 1
    finally:
        subprocess.run(["umount", point], check=True)


def test_what_only_looks_like_an_environment_is_none(here: Place, imported: Import) -> None:
    for kind in ("fifo", "folder", "linked", "empty", "socket", "dangling", "loop"):
        cfg = fake(here.root / kind) / "pyvenv.cfg"
        cfg.unlink()
        match kind:
            case "fifo":
                os.mkfifo(cfg)
            case "folder":
                cfg.mkdir()
            case "linked":
                (here.root / "cfg").write_text(f"home = {os.path.dirname(BASE)}\n")
                cfg.symlink_to("../cfg")
            case "empty":
                cfg.write_text("")
                shutil.rmtree(cfg.parent / "lib")
            case _:
                cfg.symlink_to("nowhere" if kind == "dangling" else "pyvenv.cfg")
    (here.root / "loop").rename(here.root / "looped")
    (here.root / "loop").symlink_to("loop")
    (here.root / "dangling link").symlink_to("nowhere")
    assert imported() == {}


@pytest.mark.parametrize(
    ("python", "remark"),
    [("/nowhere/bin/python3", True), ("python", True), ("../bin/python", True), ("/dev/null", False), ("/usr", False)],
)
def test_a_broken_interpreter_is_declared_as_it_is_and_told(
    here: Place, imported: Import, capsys: pytest.CaptureFixture[str], python: str, remark: bool
) -> None:
    environment = fake(here.root / "a", python)
    cfg = (environment / "pyvenv.cfg").read_text()
    (environment / "pyvenv.cfg").write_text(cfg.replace("home = \n", "home = /gone\n").replace("../bin", "/gone"))
    assert imported()["a"]["python"].startswith("/")
    assert ("# its interpreter is gone" in here.manifest.read_text()) == remark
    (planned,) = run(here, capsys, "plan")["environments"]
    assert (planned["state"], planned["actions"]) == ("conflict", [])
    shutil.rmtree(environment)


HOSTILE = ["${HOME}/.venv", "$HOME/.venv", "a:b/.venv", "a\nb/.venv", "a\x1b[31m/.venv", "x\udcff/.venv"]
ODD = [
    "it's/.venv",
    'q"q/.venv',
    "back\\slash/.venv",
    " blank /.venv",
    "#/.venv",
    "ünï 🐍/.venv",
    "~/.venv",
    "[envs.x]/a",
]


def test_places_that_a_manifest_cannot_name_are_told_and_the_others_declared(
    here: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (*HOSTILE, *ODD):
        try:
            fake(here.root / place)
        except OSError:
            pytest.skip("the file system allows no such names")
    document = run(here, capsys, "import")
    assert {*document["skipped"]} == {str(here.root / place) for place in HOSTILE}
    found = tomllib.loads(here.manifest.read_text())["envs"].values()
    assert {one["path"] for one in found} == {str(here.root / place) for place in ODD}
    planned = run(here, capsys, "plan")["environments"]
    assert {one["path"] for one in planned} == {str(here.root / place) for place in ODD}
    assert main(["import"]) == 0
    shown = capsys.readouterr().out
    assert f" and {len(HOSTILE) - 3} more: no manifest can say" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"\\n[envs.x]\\npath = 1"', None),
        ("\x1b]0;x\x07", None),
        ("a\udcffb", None),
        ("'a\\nb'", None),
        ("x\"\"\"''' # y", "x\"\"\"''' # y"),
        ("'it\\'s \\u200d'", "it's \u200d"),
        ("'\\x'", "\\x"),
        ("'\\d'", "\\d"),
        ("'\\'' + '\\''", "\\'' + '\\'"),
        ("''", ""),
        ("b'\\x41'", "b'\\x41'"),
        ("${HOME}", "${HOME}"),
        ("x" * 5000, "x" * 5000),
    ],
)
def test_a_hostile_prompt_is_text_and_nothing_else(
    here: Place, capsys: pytest.CaptureFixture[str], written: str, meant: str | None
) -> None:
    fake(here.root / "a", settings=f"prompt = {written}\n")
    document = run(here, capsys, "import")
    assert document["skipped"] == ([str(here.root / "a")] if meant is None else [])
    found = tomllib.loads(here.manifest.read_text()).get("envs", {})
    assert [one.get("prompt", "") for one in found.values()] == ([] if meant is None else [meant])


def test_packages_are_recorded_but_for_what_is_no_requirement(here: Place, imported: Import) -> None:
    site = fake(here.root / "a") / "lib/python3.12/site-packages"
    bad = {"Bad; os": "1", "name\n x": "1", "worse": "1 || rm -rf"}
    good = {"A_b": "1.0+local", "zope.interface": "1!2.0rc1", "pip": "24", "setuptools": "60"}
    for number, (name, version) in enumerate({**bad, **good}.items()):
        (site / f"x{number}.dist-info").mkdir()
        (site / f"x{number}.dist-info/METADATA").write_text(f"Name: {name}\nVersion: {version}\n\n")
    for name, document in (
        ("git", {"url": "https://h/r", "vcs_info": {"vcs": "git", "commit_id": "0" * 40}}),
        ("mine", {"url": f"file://{here.root}", "dir_info": {"editable": True}}),
        ("odd", {"url": 'https://x/ "y', "archive_info": {}}),
    ):
        (site / f"{name}.dist-info").mkdir()
        (site / f"{name}.dist-info/METADATA").write_text(f"Name: {name}\nVersion: 1\n")
        (site / f"{name}.dist-info/direct_url.json").write_text(json.dumps(document))
    packages = imported("--freeze", "--versions")["a"]["packages"]
    assert packages == ["a-b==1.0+local", f"git @ git+https://h/r@{'0' * 40}", "zope-interface==1!2.0rc1"]
    assert here.manifest.read_text().count(", which is no requirement") == 4
    assert f"# left out: mine, which is editable, from {here.root}: " in here.manifest.read_text()


def test_without_freeze_no_packages_are_recorded(here: Place, imported: Import) -> None:
    (fake(here.root / "a") / "lib/python3.12/site-packages/x-1.dist-info").mkdir()
    assert "packages" not in imported()["a"]


def test_a_dry_run_tells_all_and_writes_nothing(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    fake(here.root / "a")
    before = listing(here.root)
    document = run(here, capsys, "import", "--dry-run")
    assert (document["changed"], [one["name"] for one in document["declared"]]) == (False, ["a"])
    assert main(["import", "--dry-run"]) == 0
    assert listing(here.root) == before
    assert capsys.readouterr().out.startswith("would declare a: ")


def test_three_hundred_environments_are_declared_at_once(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(300):
        fake(here.root / f"p{number % 7}/e{number}/.venv")
    assert len({one["name"] for one in run(here, capsys, "import")["declared"]}) == 300
    assert run(here, capsys, "import")["changed"] is False


def test_directories_that_are_closed_are_passed_over(here: Place) -> None:
    for name in ("closed", "no-site", "no-bin", "open"):
        fake(here.root / name / "env")
    closed = [here.root / one for one in ("closed", "no-site/env/lib/python3.12/site-packages", "no-bin/env/bin")]
    for directory in closed:
        directory.chmod(0)
    done = unprivileged(here, "import", "--json", "--freeze")
    for directory in closed:
        directory.chmod(0o755)
    if done is None:
        pytest.skip("root cannot give up its powers here")
    assert [one["name"] for one in done.document["declared"]] == ["open"]


def test_what_envsync_would_never_work_on_is_told_and_not_declared(
    here: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here.root / "clone/.git").mkdir(parents=True)
    for name in ("clone", "home", ".", "good/.venv"):
        fake(here.root / name)
    monkeypatch.setenv("HOME", str(here.root / "home"))
    assert run(here, capsys, "import", ".")["skipped"] == [str(here.root)]
    (here.root / "pyvenv.cfg").unlink()
    document = run(here, capsys, "import", ".")
    assert document["skipped"] == [str(here.root / "clone"), str(here.root / "home")]
    assert [one["name"] for one in document["declared"]] == ["good"]
    assert main(["import"]) == 0
    assert "clone: it is the root of a repository (.git)\n" in capsys.readouterr().out


@pytest.mark.parametrize("top", ["nowhere", "envs.toml", "", "a\nb", "x\udcff", "loop"])
def test_what_is_no_directory_cannot_be_searched(here: Place, capsys: pytest.CaptureFixture[str], top: str) -> None:
    (here.root / "loop").symlink_to("loop")
    assert refused(here, capsys, "import", ".", top)["exit_code"] == 2
