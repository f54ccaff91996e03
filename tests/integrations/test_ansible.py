"""The Ansible collection, by real playbooks over local connections: each host has a home and a manifest of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.place import ROOT, SOURCE

BIN = Path(sys.executable).parent
PLAYBOOK = BIN / "ansible-playbook"
pytestmark = pytest.mark.skipif(not PLAYBOOK.exists(), reason="needs ansible-core beside the Python of the tests")
MANIFEST = '[envs.{name}]\npath = "~/{name}"\npython = "~/py/bin/python"\n'


@dataclass
class Fleet:
    """Hosts on this machine, and playbooks for all of them."""

    root: Path
    python_of: Callable[[str], str]

    def home(self, host: str) -> Path:
        return self.root / host

    def add(self, *hosts: str, names: tuple[str, ...] = ("app",)) -> None:
        for host in hosts:
            folder = self.home(host) / ".config/envsync"
            folder.mkdir(parents=True)
            tables = "".join(MANIFEST.format(name=name) for name in names)
            (folder / "envs.toml").write_text(f"version = 1\n{tables}")
            self.flip(host, "3.11")

    def flip(self, host: str, version: str) -> None:
        link = self.home(host) / "py"
        link.unlink(missing_ok=True)
        link.symlink_to(Path(self.python_of(version)).parent.parent)

    def play(self, *words: str, module: str = "envsync", **options: Any) -> dict[str, dict[str, Any]]:
        """Run a module on each host, and return the results by host."""
        shown = self.shown(*words, module=module, callback="oneline", **options)
        found = {}
        for line in shown.splitlines():
            head, _, text = line.partition(" => ")
            if text.startswith("{"):
                found[head.split(" | ")[0]] = json.loads(text)
        assert found, shown
        return found

    def shown(self, *words: str, module: str = "envsync", callback: str = "default", **options: Any) -> str:
        """Run a module on each host, and return what Ansible prints."""
        envsync = self.root / "envsync"
        envsync.write_text(f'#!/bin/sh\nPYTHONPATH={SOURCE} exec {sys.executable} -m envsync "$@"\n')
        envsync.chmod(0o755)
        task = {f"envs_toml.envsync.{module}": {"executable": str(envsync), **options}}
        environment = {"HOME": f"{self.root}/{{{{ inventory_hostname }}}}", "XDG_CACHE_HOME": str(self.root / "cache")}
        play = [{"hosts": "all", "gather_facts": False, "environment": environment, "tasks": [task]}]
        (self.root / "play.yml").write_text(json.dumps(play))
        hosts = ",".join(sorted(one.name for one in self.root.iterdir() if (one / "py").is_symlink())) + ","
        variables = os.environ | {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "integrations"),
            "ANSIBLE_HOME": str(self.root / "ansible"),
            "ANSIBLE_FORKS": "10",
            "ANSIBLE_STDOUT_CALLBACK": callback,
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
        }
        variables["ANSIBLE_STDOUT_CALLBACK"] = "oneline"
        command = [str(PLAYBOOK), "-c", "local", "-i", hosts, "-e", f"ansible_python_interpreter={sys.executable}"]
        done = subprocess.run(
            [*command, *words, str(self.root / "play.yml")],
            check=False,
            env=variables,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return done.stdout + done.stderr


@pytest.fixture
def fleet(tmp_path: Path, python_of: Callable[[str], str]) -> Fleet:
    return Fleet(tmp_path, python_of)


def test_check_mode_predicts_and_changes_nothing_and_a_second_run_changes_nothing(fleet: Fleet) -> None:
    fleet.add("a")
    assert fleet.play("--check")["a"]["changed"]
    assert not (fleet.home("a") / "app").exists()
    assert fleet.play()["a"]["changed"]
    assert (fleet.home("a") / "app/bin/python").exists()
    assert not fleet.play()["a"]["changed"]
    assert not fleet.play("--check")["a"]["changed"]


def test_a_flip_rebuilds_with_the_diff_that_check_mode_shows(fleet: Fleet) -> None:
    fleet.add("a", "b", "c")
    fleet.play()
    for host in ("a", "b"):
        fleet.flip(host, "3.12")
    planned, done = fleet.shown("--check", "--diff"), fleet.shown("--diff")
    for text in (planned, done):
        assert text.count("changed: [") == 2
        assert text.count("(3.11)\n+python: ") == 2
        assert text.count("(cpython 3.12") == 2
    assert not any(one["changed"] for one in fleet.play().values())


def test_a_conflict_fails_its_host_with_the_reason_and_all_else_is_done(fleet: Fleet) -> None:
    fleet.add("a", "b", names=("app", "bad"))
    (fleet.home("a") / "bad").mkdir()
    (fleet.home("a") / "bad/file").touch()
    assert "bad: " in fleet.play("--check")["a"]["msg"]
    done = fleet.play()
    assert "[not-a-venv]" in done["a"]["msg"]
    assert done["a"]["changed"]
    assert (fleet.home("a") / "app/bin/python").exists()
    assert (fleet.home("b") / "bad/bin/python").exists()
    assert "msg" not in done["b"]
    info = fleet.play(module="envsync_info", doctor=True)
    assert {one["name"]: one["state"] for one in info["a"]["environments"]} == {"app": "in-sync", "bad": "conflict"}
    assert info["b"]["checks"]


def test_force_rebuild_changes_and_pruned_takes_what_nothing_declares(fleet: Fleet) -> None:
    fleet.add("a")
    fleet.play()
    assert fleet.play(force_rebuild="app")["a"]["environments"][0]["outcome"] == "rebuilt"
    assert not fleet.play(state="pruned")["a"]["changed"]
    assert "names" in fleet.play(state="pruned", names=["app"])["a"]["msg"]


@pytest.mark.parametrize("words", [["envsync"], ["envsync_info"], ["-t", "role", "envsync"]], ids=" ".join)
def test_ansible_doc_reads_the_documentation(words: list[str]) -> None:
    variables = os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "integrations"), "LC_ALL": "C.UTF-8"}
    command = [str(BIN / "ansible-doc"), "--json", *words[:-1], f"envs_toml.envsync.{words[-1]}"]
    done = subprocess.run(command, check=True, env=variables, capture_output=True, text=True)
    assert json.loads(done.stdout)[f"envs_toml.envsync.{words[-1]}"]
