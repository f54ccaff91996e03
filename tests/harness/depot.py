"""An environment behind a link, with packages from a directory of wheels, and what is to be seen of it from outside."""

import base64
import csv
import hashlib
import importlib.metadata
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin
from virtualenv.seed.wheels.embed import get_embed_wheel

from harness.bench import make_project_of, run
from harness.place import Place
from harness.wheels import make_wheel

SEEDS = {"pip", "setuptools", "wheel"}


@dataclass
class Depot:
    """One environment, ``env``, at the end of a link; its interpreter is found through a link as well."""

    place: Place
    python_of: Callable[[str], str]
    capsys: pytest.CaptureFixture[str]
    installer: str = "uv"
    directory: str = "env"
    name: str = "3"

    @property
    def root(self) -> Path:
        return self.place.root

    @property
    def path(self) -> Path:
        return self.root / self.directory

    @property
    def end(self) -> Path:
        return self.path.resolve()

    @property
    def link(self) -> Path:
        return self.root / "pythons" / self.name / "bin"

    @property
    def wheels(self) -> Path:
        return self.root / "wheels"

    @property
    def site(self) -> Path:
        (site,) = self.path.glob("lib/python3.*/site-packages")
        return site

    def point(self, directory: str) -> None:
        """Let the interpreter's directory, a link, lead elsewhere, as a version manager does."""
        self.link.parent.mkdir(parents=True, exist_ok=True)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(directory)

    def flip(self, version: str) -> None:
        self.point(os.path.dirname(self.python_of(version)))

    def declare(self, *lines: str, head: str = "") -> None:
        make_project_of(self.path)
        own = [f"path = {json.dumps(self.directory)}", f'python = "{self.link}/python"']
        head = f'installer = "{self.installer}"\n{head}'
        self.place.write("\n".join([head, "[envs.one]", *own, *lines]) + "\n")

    def command(self, *arguments: str) -> dict[str, Any]:
        (entry,) = run(self.place, self.capsys, *arguments)["environments"]
        return dict(entry)

    def apply(self, *arguments: str) -> dict[str, Any]:
        return self.command("apply", *arguments)

    def make(self, *lines: str, head: str = "") -> None:
        """Declare the environment, and create it."""
        self.declare(*lines, head=head)
        entry = self.apply()
        assert entry["outcome"] == "created", entry

    def wheel(self, name: str, version: str, *requires: str, **more: Any) -> Path:
        return make_wheel(self.wheels, name, version, requires, **more)

    def install(self, *arguments: str) -> None:
        """Install by hand, as a user does."""
        self.uv("pip", "install", "--python", str(self.path / "bin/python"), *arguments)

    def uv(self, *arguments: str) -> None:
        subprocess.run([find_uv_bin(), "-q", *arguments], check=True, capture_output=True, cwd=self.root)

    @staticmethod
    def pip_wheel() -> Path:
        """Return a wheel of pip, which runs as it is."""
        wheel = get_embed_wheel("pip", "3.11")
        assert wheel is not None
        return Path(wheel.path)

    def distributions(self) -> Iterator[importlib.metadata.Distribution]:
        yield from importlib.metadata.distributions(path=[str(self.site)])

    def versions(self) -> dict[str, str]:
        """Return what is installed, as ``importlib.metadata`` sees it, without the seeds."""
        found = {one.metadata["Name"]: one.version for one in self.distributions()}
        return {name: version for name, version in found.items() if name not in SEEDS}

    def origins(self) -> dict[str, Any]:
        """Return where packages were installed from, by name."""
        texts = {one.metadata["Name"]: one.read_text("direct_url.json") for one in self.distributions()}
        return {name: _plain(json.loads(text)) for name, text in texts.items() if text}

    def requested(self) -> set[str]:
        return {one.metadata["Name"] for one in self.distributions() if one.read_text("REQUESTED") is not None}

    def says(self, script: str) -> str:
        """Run a console script."""
        done = subprocess.run([self.path / "bin" / script], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def partial_files(self) -> list[Path]:
        """List staging directories and half-written files, but no generations."""
        found = [Path(top, name) for top, directories, files in os.walk(self.root) for name in (*directories, *files)]
        staging_dirs = [path for path in found if path.name.startswith(".envsync-")]
        return [path for path in staging_dirs if '"kind": "generation"' not in _text(path / "envsync.json")]

    def generations(self) -> list[Path]:
        """List the contents that are kept."""
        staging_dirs = sorted(self.root.rglob(".envsync-*/envsync.json"))
        return [path.parent / "env" for path in staging_dirs if '"kind": "generation"' in path.read_text()]


def make_depot_wheels(directory: Path) -> Path:
    """Make the wheels that every depot begins with."""
    for version in ("1.0", "1.1"):
        make_wheel(directory, "lib", version)
    make_wheel(directory, "app", "1.0", ["lib>=1"], scripts={"app": "app:main"}, extras={"fast": ["speed"]})
    make_wheel(directory, "speed", "3.0")
    make_wheel(directory, "tool", "0.5", scripts={"tool": "tool:main"})
    return directory


def broken_records(environment: Path, site: Path) -> Iterator[str]:
    """Compare each entry of each ``RECORD`` with the file that it is of."""
    for record in site.glob("*.dist-info/RECORD"):
        with record.open(newline="") as stream:
            for name, digest, size in csv.reader(stream):
                file = Path(os.path.normpath(site / name))
                if not file.is_relative_to(environment) or not file.is_file():
                    yield f"{record}: {name} is not there"
                elif digest and (digest, int(size)) != _entry(file):
                    yield f"{record}: {name} is another"


def naming(directory: Path, text: str) -> list[Path]:
    """List the files, but byte code, that have a text in them."""
    files = (
        path for path in directory.rglob("*") if path.is_file() and not path.is_symlink() and path.suffix != ".pyc"
    )
    return [path for path in files if text.encode() in path.read_bytes()]


def _entry(file: Path) -> tuple[str, int]:
    content = file.read_bytes()
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode(), len(content)


def _plain(origin: dict[str, Any]) -> dict[str, Any]:
    """Leave out what one installer writes and another does not, meaning the same."""
    vcs = origin.get("vcs_info", {})
    return {
        "url": origin["url"],
        "editable": origin.get("dir_info", {}).get("editable", False),
        "commit": vcs.get("commit_id"),
        "subdirectory": origin.get("subdirectory"),
    }


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""
