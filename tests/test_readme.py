"""The README is short, and all that it shows happens: its blocks are run in a home where envsync never was."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

from envsync.observe.backends import find_uv
from harness.links import fingerprint
from harness.place import ROOT, SOURCE, Place
from harness.processes import on_terminal
from harness.pythons import PYTHONS
from harness.wheels import make_wheel

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
OF_FLASK = ("blinker", "click", "itsdangerous", "jinja2", "markupsafe", "werkzeug")


def blocks(section: str) -> list[tuple[str, str]]:
    """Return the language and the text of each block of a section."""
    (text,) = re.findall(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", README, re.DOTALL | re.MULTILINE)
    return BLOCKS.findall(text)


def steps(block: str) -> list[tuple[str, str]]:
    """Return each command of a block with the output that it shows."""
    return [(command, shown) for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)]


@dataclass
class Stranger:
    """A home with nothing in it, and a PATH with envsync, the system's programs and one newer Python."""

    home: Path
    variables: dict[str, str]

    def use(self, minor: str) -> None:
        """Let this be the newest Python that is installed, in place of the former one."""
        directory = self.home / ".opt/bin"
        directory.mkdir(parents=True, exist_ok=True)
        for link in directory.iterdir():
            link.unlink()
        (directory / f"python{minor}").symlink_to(PYTHONS[minor])
        (directory / "python3").symlink_to(f"python{minor}")

    def run(self, line: str) -> str:
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            check=False,
            cwd=self.home,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def on_terminal(self, line: str) -> str:
        """Run the command on a terminal of the usual width and return what it shows, without colours."""
        program, *arguments = line.split()
        assert program == "envsync"
        status, written = on_terminal(Place(self.home, self.variables), *arguments, columns=80)
        assert status == 0, written
        return re.sub(r"\x1b\[[0-9;]*m", "", written)


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    if not {"3.12", "3.13"} <= PYTHONS.keys():
        pytest.skip("needs pyenv's Python 3.12 and 3.13")
    programs, wheels, home = (tmp_path / name for name in ("bin", "wheels", "home"))
    for directory in (programs, wheels, home):
        directory.mkdir()
    make_wheel(wheels, "cowsay", "6.1", scripts={"cowsay": "cowsay:main"})
    make_wheel(wheels, "flask", "3.1", requires=OF_FLASK)
    for name in OF_FLASK:
        make_wheel(wheels, name, "1.0")
    script = f'#!/bin/sh\nPYTHONPATH={shlex.quote(SOURCE)} exec {shlex.quote(sys.executable)} -m envsync "$@"\n'
    (programs / "envsync").write_text(script)
    (programs / "envsync").chmod(0o755)
    path = os.pathsep.join([str(programs), str(home / ".opt/bin"), "/usr/bin", "/bin"])
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "UV_OFFLINE": "1", "UV_FIND_LINKS": str(wheels)}
    return Stranger(home, {"HOME": str(home), "PATH": path, "LC_ALL": "C.UTF-8", **offline})


def test_the_blocks_of_the_readme_show_what_happens_in_a_fresh_home(stranger: Stranger) -> None:
    stranger.use("3.12")
    stranger.run("python3 -m venv --without-pip src/shop/.venv")
    before = fingerprint(stranger.home)
    ((_, commands),) = blocks("Use it on what you have")
    imported, *_, applied = [stranger.run(command) for command, _ in steps(commands)]
    assert "shop" in imported
    assert applied == "1 in sync, unchanged\n"
    assert fingerprint(stranger.home) == before

    (_, manifest), *consoles = blocks("Or start with a manifest")
    place = re.match(r"# ~/(\S+)\n", manifest)
    assert place
    (stranger.home / place[1]).write_text(manifest)
    versions = {minor: os.path.realpath(PYTHONS[minor]).split("/")[-3] for minor in ("3.12", "3.13")}
    for minor, (_, console) in zip(("3.12", "3.13"), consoles, strict=True):
        stranger.use(minor)
        for command, shown in steps(console):
            here = re.sub(r"\b(3\.1[23])\.\d+", lambda found: versions[found[1]], shown)
            output = stranger.on_terminal(command) if command == "envsync status" else stranger.run(command)
            assert output == here, command
    assert "2 rebuilt" in stranger.run("envsync apply --yes")
    assert stranger.run(".local/bin/cowsay").startswith("cowsay 6.1 ")


def test_the_readme_is_read_in_three_minutes() -> None:
    assert len(README.split()) <= 700


@pytest.mark.parametrize("command", ["examples/try", "tests/run"])
def test_the_commands_that_install_for_development_and_test_are_in_the_readme(command: str) -> None:
    ((_, block),) = blocks("Development")
    assert [line for line, _ in steps(block) if line.split()[0] == command]
    assert os.access(ROOT / command, os.X_OK)


def test_the_extra_brings_uv_which_goes_before_that_of_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uv").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_uv() == os.fsdecode(find_uv_bin())
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["uv"][0].startswith(
        "uv>"
    )
