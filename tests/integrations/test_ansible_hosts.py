"""The Ansible role and the way to hosts: a playbook sets up hosts from nothing, and one reaches them over ssh(1)."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.fleet import PLAYBOOK, Fleet, Results, Task, python_tree, task
from harness.place import SOURCE
from harness.wheels import make_wheel

pytest.importorskip("ansible.release", reason="needs ansible-core", exc_type=ImportError)
pytestmark = [
    pytest.mark.skipif(not PLAYBOOK.exists(), reason="needs ansible-core beside the Python of the tests"),
    pytest.mark.sampled(2),
]
MANIFEST = 'version = 1\n[envs.app]\npath = "~/app"\npython = "~/py/bin/python"\n'
SYSTEMCTL = """#!/bin/sh
case "$2" in
show) [ ! -e ~/started ] || printf '%s\\n' ActiveState=active UnitFileState=enabled ;;
restart) touch ~/started ;;
esac
"""
SHIM = f"""
import sys
sys.path[:0] = {[SOURCE, *(one for one in sys.path if one.endswith("site-packages"))]!r}
from envsync.__main__ import main
"""
"""A module that stands for the distribution: pip installs it without an index."""


def statuses(results: Results, name: str) -> dict[str, str]:
    return {host: result["status"] for host, result in results[name].items()}


def changed(results: Results, host: str) -> set[str]:
    """Return the tasks that changed a host."""
    return {name.partition(" : ")[2] or name for name, found in results.items() if found.get(host, {}).get("changed")}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def role(fleet: Fleet) -> Task:
    """Return a task that includes the role, which installs a wheel that stands for the distribution."""
    wheel = make_wheel(fleet.root, "envs-toml", "0.1", scripts={"envsync": "shim:main"}, files={"shim.py": SHIM})
    given = {
        "envsync_package": str(wheel),
        "envsync_python": sys.executable,
        "envsync_manifest": str(fleet.home("{{ inventory_hostname }}") / ".config/envsync/envs.toml"),
        "envsync_manifest_content": MANIFEST,
    }
    return {"name": "role", "ansible.builtin.include_role": {"name": "envs_toml.envsync.envsync"}, "vars": given}


def test_the_role_sets_up_a_host_as_check_mode_predicts_and_a_second_run_changes_nothing(fleet: Fleet) -> None:
    (fleet.root / "commands").mkdir()
    systemctl = fleet.root / "commands/systemctl"
    systemctl.write_text(SYSTEMCTL)
    systemctl.chmod(0o755)
    fleet.variables |= {"PATH": f"{systemctl.parent}:/usr/bin:/bin", "PIP_NO_INDEX": "1"}
    fleet.add("new", "taken")
    taken = fleet.home("taken") / ".local/bin/envsync"
    taken.parent.mkdir(parents=True)
    taken.write_text("somebody's")
    tasks = (role(fleet), task("environments"))
    before = sorted(fleet.home("new").rglob("*"))
    predicted = fleet.play(tasks[0], words=("--check",))
    assert sorted(fleet.home("new").rglob("*")) == before
    done = fleet.play(*tasks)
    assert changed(done, "new") == changed(predicted, "new") | {"environments"}
    assert {"Install with pip", "Link the command", "Copy the manifest", "Install and start the service"} < changed(
        done, "new"
    )
    assert (fleet.home("new") / "app/bin/python").exists()
    assert (fleet.home("new") / ".config/systemd/user/envsync.service").exists()
    refusal = "envs_toml.envsync.envsync : Refuse to replace another command"
    assert statuses(predicted, refusal) == statuses(done, refusal) == {"new": "skipped", "taken": "failed"}
    assert taken.read_text() == "somebody's"
    assert not changed(fleet.play(*tasks), "new")


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Run sshd(8) on loopback, for whoever runs the tests; gives the arguments by which Ansible reaches it."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None or shutil.which("ssh") is None:
        pytest.skip("needs OpenSSH, its server too")
    for name in ("host", "user"):
        generate = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(generate, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "AuthorizedKeysFile": tmp_path / "user.pub",
        "HostKey": tmp_path / "host",
        "ListenAddress": f"127.0.0.1:{port}",
        "MaxStartups": 100,
        "PasswordAuthentication": "no",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
    }
    (tmp_path / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    with separation_directory(), (tmp_path / "sshd.log").open("w") as log:
        server = subprocess.Popen([program, "-D", "-e", "-f", str(tmp_path / "sshd_config")], stderr=log)
        try:
            ssh = f"-i {tmp_path}/user -F none -o UserKnownHostsFile={tmp_path}/known"
            ssh += " -o StrictHostKeyChecking=accept-new"
            wait_for(f"ssh {ssh} -p {port} 127.0.0.1 true".split(), tmp_path / "sshd.log")
            given = {"ansible_host": "127.0.0.1", "ansible_port": port, "ansible_ssh_args": ssh}
            yield ("-c", "ssh", *(word for key, value in given.items() for word in ("-e", f"{key}='{value}'")))
        finally:
            server.terminate()
            server.wait()


@contextlib.contextmanager
def separation_directory() -> Iterator[None]:
    """Make the directory that a server of root's insists on, as its service does, where it is missing."""
    directory = Path("/run/sshd")
    is_missing = not directory.exists()
    try:
        if is_missing:
            directory.mkdir(mode=0o755)
    except OSError:
        is_missing = False
    try:
        yield
    finally:
        if is_missing:
            directory.rmdir()


def wait_for(command: list[str], log: Path) -> None:
    """Wait until a command succeeds, or skip the test: not every machine lets a server of a test's own log in."""
    deadline = time.monotonic() + 20
    while subprocess.run(command, check=False, capture_output=True).returncode:
        if time.monotonic() > deadline:
            pytest.skip(f"sshd lets nobody in here: {log.read_text()[-300:]}")
        time.sleep(0.1)


def test_hosts_are_reached_over_ssh_and_one_that_fails_stops_no_other(fleet: Fleet, sshd: tuple[str, ...]) -> None:
    fleet.connection = sshd
    fleet.add("a", "b", "c", manifest=MANIFEST)
    (fleet.home("b") / "app").mkdir()
    (fleet.home("b") / "app/file").touch()
    flip = fleet.shell("flip", f"ln -sfn {python_tree('3.12')} py")
    common: dict[str, Any] = {"executable": str(fleet.executable), "_ignore_errors": True}
    results = fleet.play(task("made", **common), flip, task("flipped", **common), task("again", **common))
    for name in ("made", "flipped", "again"):
        assert statuses(results, name) == {"a": "ok", "b": "failed", "c": "ok"}
    assert [results[name]["a"]["changed"] for name in ("made", "flipped", "again")] == [True, True, False]
    assert not any(results[name]["b"]["changed"] for name in ("made", "flipped"))
    assert (fleet.home("c") / "app/lib/python3.12").is_dir()
