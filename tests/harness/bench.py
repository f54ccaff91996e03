"""Run the command in the test's own process, make environments as others do, and list what is to be seen of a tree."""

import json
import os
import shlex
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from uv import find_uv_bin

from envsync.cli.main import main
from harness.links import fingerprint
from harness.place import Place

BUILDERS = ("envsync", "venv", "virtualenv", "uv")


class Seen(NamedTuple):
    """All that can be seen of one entry, without following it, but the time of the last access."""

    mode: int
    inode: int
    links: int
    owner: int
    modified: int
    changed: int
    held: str | bytes | None


Listing = dict[str, Seen]


def listing(root: Path) -> Listing:
    """Return what is to be seen of ``root`` and every entry under it."""
    found: Listing = {}
    for directory, directories, files in os.walk(root):
        for name in (".", *directories, *files):
            path = Path(directory, name)
            seen = path.lstat()
            held = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            found[os.path.normpath(os.path.relpath(path, root))] = Seen(
                *(seen.st_mode, seen.st_ino, seen.st_nlink, seen.st_uid, seen.st_mtime_ns, seen.st_ctime_ns, held)
            )
    return found


def files(seen: Listing) -> Listing:
    """Leave out directories, whose times change when something is made in them, and what Python caches by itself."""
    return {name: one for name, one in seen.items() if not stat.S_ISDIR(one.mode) and "__pycache__" not in name}


def staged(seen: Listing) -> Listing:
    """Leave out what changes when an environment is staged: links to most files are made, and some files are copied."""
    same = {name: one for name, one in seen.items() if name != "pyvenv.cfg"}  # it says what was installed
    return {
        name: one._replace(links=0, changed=0, inode=0 if _is_copied(name) else one.inode) for name, one in same.items()
    }


def _is_copied(name: str) -> bool:
    return name.startswith("bin/") or name.endswith((".pth", ".egg-link"))


def changed(before: Listing, after: Listing) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def contents(seen: Listing) -> dict[str, tuple[int, str | bytes | None]]:
    return {name: (one.mode, one.held) for name, one in seen.items()}


Held = dict[str, tuple[int, int, str | bytes | None]]


def held(environment: Path) -> Held:
    return {name: (one.inode, one.mode, one.held) for name, one in files(listing(environment)).items()}


def run(place: Place, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Run the command and give its document; symlinks that were there must be there still, untouched."""
    links = fingerprint(place.root)
    place.trust(**os.environ)
    capsys.readouterr()
    status = main([*arguments, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    place.assert_links_kept(links)
    assert (document["errors"], document["exit_code"]) == ([], status)
    if arguments[0] == "apply":
        bad = [one for one in document["environments"] if one["outcome"] in {"conflict", "failed"}]
        assert status == int(bool(bad))
    return document


def build(builder: str, python: str, where: Path, *options: str) -> None:
    """Make an environment with another tool than envsync."""
    command = {
        "venv": [python, "-m", "venv", "--without-pip"],
        "virtualenv": [sys.executable, "-m", "virtualenv", "-q", "--no-seed", "--python", python],
        "uv": [find_uv_bin(), "venv", "-q", "--no-config", "--no-project", "--python", python],
    }[builder]
    subprocess.run([*command, *options, str(where)], check=True, capture_output=True)


def plant(environment: Path) -> None:
    """Put a package in an environment."""
    (site,) = environment.glob("lib/python3.*/site-packages")
    (site / "mine.py").write_text("here = True\n")
    (site / "mine-1.dist-info").mkdir()
    (site / "mine-1.dist-info/METADATA").write_text("Name: mine\nVersion: 1\n")


def make_project_of(path: Path) -> None:
    """Make the directory that an environment waits for by its own name, as a clone would have."""
    if path.name in {".venv", "venv", ".env", "env"}:
        path.parent.mkdir(parents=True, exist_ok=True)


@dataclass
class Bench:
    """A place with one environment in it, and the command run in this process."""

    place: Place
    python: str
    capsys: pytest.CaptureFixture[str]
    directory: str = "env"

    @property
    def path(self) -> Path:
        return self.place.root / self.directory

    def declare(self, *lines: str) -> None:
        head = [f"path = {json.dumps(self.directory)}", f'python = "{self.python}"']
        make_project_of(self.path)
        self.place.write("[envs.one]\n" + "\n".join([*head, *lines]) + "\n")

    def apply(self) -> dict[str, Any]:
        (entry,) = run(self.place, self.capsys, "apply")["environments"]
        return dict(entry)

    def make(self, builder: str, *lines: str) -> None:
        """Make the environment, with a package in it, and bring it in sync."""
        self.declare(*lines)
        if builder != "envsync":
            build(builder, self.python, self.path.resolve())
        self.apply()
        plant(self.path)
        assert self.apply()["outcome"] == "unchanged"

    def move(self, directory: str) -> None:
        """Move the environment, and say so in the manifest."""
        self.path.rename(self.place.root / directory)
        self.directory = directory
        self.declare()

    def script(self, name: str, head: str, mode: int = 0o755) -> None:
        script = self.path / "bin" / name
        script.write_text(f"{head}\nimport sys\nprint(sys.prefix, sys.flags.ignore_environment)\n")
        script.chmod(mode)

    def run_script(self, name: str) -> str:
        done = subprocess.run([self.path / "bin" / name], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def activated(self, code: str) -> str:
        """Run code in a bash in which the environment is activated."""
        done = subprocess.run(
            ["bash", "--norc", "-c", f"source {shlex.quote(str(self.path))}/bin/activate && {code}"],
            check=True,
            capture_output=True,
            text=True,
            env=self.place.variables,
        )
        return done.stdout
