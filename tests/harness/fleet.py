"""Hosts of an Ansible inventory that are directories of this machine: homes with a manifest and a Python each."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.place import ROOT, SOURCE
from harness.pythons import PYTHONS

BIN = Path(sys.executable).parent
PLAYBOOK = BIN / "ansible-playbook"
COLLECTIONS = {
    "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "integrations"),
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
}
"""Variables by which Ansible finds the collection, and writes nothing beside it."""
Task = dict[str, Any]
Results = dict[str, dict[str, dict[str, Any]]]
"""By task and host, what the task returned, and as ``status`` how it ended: ok, failed, skipped or unreachable."""


def task(name: str, module: str = "envs_toml.envsync.envsync", **options: Any) -> Task:
    """Return a task; names of options that begin with ``_`` are keywords of the task itself."""
    keywords = {key[1:]: value for key, value in options.items() if key.startswith("_")}
    return {"name": name, module: {key: value for key, value in options.items() if not key.startswith("_")}} | keywords


def python_tree(version: str) -> Path:
    """Return where a Python is installed, or skip the test."""
    if version not in PYTHONS:
        pytest.skip(f"needs Python {version}, which is not installed here")
    return Path(PYTHONS[version]).parent.parent


@dataclass
class Fleet:
    """Hosts on this machine, and playbooks for all of them."""

    root: Path
    hosts: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    """Variables of what runs on the hosts."""
    connection: tuple[str, ...] = ("-c", "local")
    """Arguments by which Ansible reaches the hosts."""

    def home(self, host: str) -> Path:
        return self.root / "homes" / host

    @property
    def executable(self) -> Path:
        """A command that runs this repository's envsync."""
        file = self.root / "envsync"
        file.write_text(f'#!/bin/sh\nPYTHONPATH={SOURCE} exec {sys.executable} -m envsync "$@"\n')
        file.chmod(0o755)
        return file

    def add(self, *hosts: str, manifest: str = "") -> None:
        """Make the home of each host; its manifest names its Python ``~/py/bin/python``."""
        for host in hosts:
            self.home(host).mkdir(parents=True)
            self.hosts.append(host)
            self.flip(host, "3.11")
            if manifest:
                self.declare(host, manifest)

    def declare(self, host: str, manifest: str) -> None:
        file = self.home(host) / ".config/envsync/envs.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(manifest)

    def flip(self, host: str, version: str) -> None:
        link = self.home(host) / "py"
        link.unlink(missing_ok=True)
        link.symlink_to(python_tree(version))

    def shell(self, name: str, script: str, **keywords: str) -> Task:
        """Return a task that runs a script in the host's home; it starts no Python there, unlike Ansible's own."""
        keywords = {key.removeprefix("_"): value for key, value in keywords.items()}
        return {
            "name": name,
            "ansible.builtin.raw": f"cd {self.root}/homes/{{{{ inventory_hostname }}}} && {script}",
        } | keywords

    def play(self, *tasks: Task, words: tuple[str, ...] = (), **keywords: Any) -> Results:
        """Play tasks on all hosts, and return their results; ``words`` are the command's, ``keywords`` the play's."""
        environment = {
            "HOME": str(self.home("{{ inventory_hostname }}")),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            **self.variables,
        }
        play = {"hosts": "all", "gather_facts": False, "environment": environment, "tasks": tasks, **keywords}
        playbook, results = self.root / "play.yml", self.root / "results"
        playbook.write_text(json.dumps([play]))
        results.write_text("")
        done = self._run("-i", ",".join([*self.hosts, ""]), str(playbook), *words, ENVSYNC_RESULTS=str(results))
        found: Results = {}
        for line in results.read_text().splitlines():
            row = json.loads(line)
            found.setdefault(row["task"], {})[row["host"]] = {**row["result"], "status": row["status"]}
        assert found, done.stdout + done.stderr
        return found

    def _run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "ANSIBLE_CALLBACKS_ENABLED": "recorder",
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("ansible_callbacks")),
            "ANSIBLE_FORKS": "10",
            "ANSIBLE_HOME": str(self.root / "ansible"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_REMOTE_TMP": str(self.root / "tmp"),
            "HOME": str(self.root),  # what has no home of its own does not meet the tester's
        }
        return subprocess.run(
            [str(PLAYBOOK), *self.connection, "-e", f"ansible_python_interpreter={sys.executable}", *words],
            check=False,
            cwd=self.root,
            env=os.environ | COLLECTIONS | settings | variables,
            capture_output=True,
            text=True,
            timeout=300,
        )
