"""The modules of the Ansible collection, by real playbooks: each host has a home and a manifest of its own."""

import functools
import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from harness.fleet import BIN, COLLECTIONS, PLAYBOOK, Fleet, Results, Task, python_tree, task
from harness.place import ROOT
from harness.wheels import make_wheel

pytest.importorskip("ansible.release", reason="needs ansible-core", exc_type=ImportError)
pytestmark = pytest.mark.skipif(not PLAYBOOK.exists(), reason="needs ansible-core beside the Python of the tests")
REPORT = "{{ envs.diff | map(attribute='after_header') }}"
APP = """\
version = 1
installer = "uv"
bin-dir = "~/bin"
[envs.app]
path = "~/app"
python = "~/py/bin/python"
packages = ["alpha"]
expose = ["alpha"]
aliases = ["~/alias"]
"""
BAD = """
[envs.bad]
path = "~/bad"
python = "~/py/bin/python"
"""


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Play what happens in the life of three hosts, of which ``a`` has a conflict all along."""
    fleet = Fleet(tmp_path_factory.mktemp("life"))
    make_wheel(fleet.root / "wheels", "alpha", "1.0", ["beta"], scripts={"alpha": "alpha:main"})
    make_wheel(fleet.root / "wheels", "beta", "2.0")
    fleet.variables |= {"UV_FIND_LINKS": str(fleet.root / "wheels"), "UV_NO_INDEX": "1"}
    fleet.add("a", manifest=APP + BAD)
    fleet.add("b", "c", manifest=APP)
    (fleet.home("a") / "bad").mkdir()
    (fleet.home("a") / "bad/file").touch()
    return fleet.play(*_events(fleet), ignore_errors=True)


def _events(fleet: Fleet) -> Iterator[Task]:
    envsync = functools.partial(task, executable=str(fleet.executable), _diff=True)
    contents = functools.partial(fleet.shell, script="tar -cf - . | cksum")
    on_a, on_b, on_c = ({"_when": f"inventory_hostname == '{host}'"} for host in "abc")
    yield contents("nothing there")
    yield envsync("creation predicted", _check_mode=True, **on_b)
    yield contents("nothing there still")
    yield envsync("created")
    yield fleet.shell("flip", f"ln -sfn {python_tree('3.12')} py", _when="inventory_hostname != 'c'")
    yield contents("flipped")
    yield envsync("rebuild predicted", _check_mode=True)
    yield contents("flipped still")
    yield envsync("rebuilt", _register="envs")
    yield {"name": "reported", "ansible.builtin.debug": {"msg": REPORT}, "when": "envs is changed"}
    yield envsync("rebuilt again")
    yield task("looked at", "envs_toml.envsync.envsync_info", executable=str(fleet.executable), doctor=True, **on_a)
    yield fleet.shell("damage", "echo >> app/lib/python3.11/site-packages/alpha.py", **on_c)
    yield envsync("mended", deep=True, jobs=1, **on_c)
    yield envsync("mended again", deep=True, **on_c)
    yield envsync("forced", force_rebuild="app", names=["a*"], **on_b)
    yield fleet.shell("undeclare", "rm -r app && echo 'version = 1' > .config/envsync/envs.toml", **on_b)
    yield envsync("pruning predicted", state="pruned", _check_mode=True, **on_b)
    yield envsync("pruned", state="pruned", **on_b)
    yield envsync("refused", state="pruned", names=["app"], jobs=1, **on_b)


def changed(results: Results, name: str) -> set[str]:
    """Return the hosts that a task changed."""
    return {host for host, result in results[name].items() if result.get("changed")}


def outputs(results: Results, name: str) -> dict[str, str]:
    """Return what a shell task printed on each host."""
    return {host: result["stdout"] for host, result in results[name].items()}


def shown(results: Results, name: str) -> list[tuple[str, str]]:
    """Return what diff mode shows of host ``b``: what is before and after, without the home's path."""
    (diff,) = results[name]["b"]["diff"]
    home = diff["before_header"].removeprefix("app (").removesuffix("/app)")
    return [*zip(*(diff[key].replace(home, "~").splitlines() for key in ("before", "after")), strict=False)]


def test_check_mode_writes_nothing(life: Results) -> None:
    assert outputs(life, "nothing there") == outputs(life, "nothing there still")
    assert outputs(life, "flipped") == outputs(life, "flipped still")


def test_a_task_changes_the_hosts_that_check_mode_names_and_a_second_run_changes_none(life: Results) -> None:
    assert changed(life, "creation predicted") == {"b"}
    assert changed(life, "created") == {"a", "b", "c"}
    assert changed(life, "rebuild predicted") == changed(life, "rebuilt") == {"a", "b"}
    assert not changed(life, "rebuilt again")


def test_a_flip_shows_the_interpreter_before_and_after_as_predicted(life: Results) -> None:
    assert shown(life, "rebuild predicted") == shown(life, "rebuilt")
    (python, *_) = shown(life, "rebuilt")
    assert python[0] == "python: ~/py/bin/python (cpython 3.11)"
    assert python[1].startswith("python: ~/py/bin/python (cpython 3.12.")


def test_a_task_of_the_documentation_reports_what_changed_where(life: Results) -> None:
    assert REPORT in (ROOT / "docs/ansible.md").read_text()
    assert {host: one["status"] for host, one in life["reported"].items()} == {"a": "ok", "b": "ok", "c": "skipped"}
    (line,) = life["reported"]["b"]["msg"]
    assert line.startswith("app (")
    assert "rebuild for Python 3.12." in line


def test_a_conflict_fails_its_host_with_the_reason_and_all_else_is_done(life: Results) -> None:
    for name in ("created", "rebuild predicted", "rebuilt", "rebuilt again"):
        assert {host for host, one in life[name].items() if one["status"] == "failed"} == {"a"}
        assert life[name]["a"]["msg"].startswith("bad: ")
        assert "[not-a-venv]" in life[name]["a"]["msg"]
    seen = life["looked at"]["a"]
    assert {one["name"]: one["state"] for one in seen["environments"]} == {"app": "in-sync", "bad": "conflict"}
    assert seen["checks"]


def test_deep_mends_damaged_packages(life: Results) -> None:
    assert changed(life, "mended") == {"c"}
    assert not changed(life, "mended again")


def test_force_rebuild_rebuilds_what_is_in_sync(life: Results) -> None:
    assert [one["outcome"] for one in life["forced"]["b"]["environments"]] == ["rebuilt"]
    assert life["forced"]["b"]["changed"]


def test_pruned_removes_what_nothing_declares(life: Results) -> None:
    assert changed(life, "pruning predicted") == changed(life, "pruned") == {"b"}
    assert [one["place"] for one in life["pruned"]["b"]["removals"] if one["removed"]] == [
        one["place"] for one in life["pruning predicted"]["b"]["removals"] if not one["kept_because"]
    ]
    assert life["refused"]["b"]["msg"].endswith("names, jobs")


@pytest.mark.parametrize("words", [["envsync", "envsync_info"], ["-t", "role", "envsync"]], ids=" ".join)
def test_ansible_doc_reads_the_documentation(words: list[str]) -> None:
    names = [f"envs_toml.envsync.{word}" for word in words if word.startswith("envsync")]
    command = [str(BIN / "ansible-doc"), "--json", *words[: -len(names)], *names]
    done = subprocess.run(command, check=True, env=os.environ | COLLECTIONS, capture_output=True, text=True)
    assert [*json.loads(done.stdout)] == names
