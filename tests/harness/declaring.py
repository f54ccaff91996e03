"""Declarations to read, an interpreter's facts to read them for, and real installers to carry them out."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pytest
from uv import find_uv_bin
from virtualenv.seed.wheels.embed import get_embed_wheel

from envsync.model.desired import Packages
from envsync.model.interpreter import Facts
from envsync.model.packages import Call, Declared, Sync
from envsync.observe.declared import read_declared
from harness.wheels import make_wheel

PROJECT = '[project]\nname = "my.app"\nversion = "1"\ndependencies = ["a"]\n'
BUILD = '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'
EXTRAS = """[project.optional-dependencies]
t = ["b"]
all = ["My_App[t, w]; os_name == 'posix'"]
w = ["c ; os_name == 'nt'", "my-app[all]"]
"""
GROUPS = '[dependency-groups]\nall = [{include-group = "Dev"}, "e"]\ndev = ["d"]\n'
FACTS = Facts(
    version="3.11.7",
    implementation="cpython",
    abi="cpython-311-x86_64-linux-gnu",
    base_prefix="/usr",
    base_exec_prefix="/usr",
    executable="/usr/bin/python3.11",
    stdlib="/usr/lib/python3.11",
    purelib="lib/python3.11/site-packages",
    platlib="lib/python3.11/site-packages",
    platlibdir="lib",
    version_info="3.11.7.final.0",
    platform="linux-x86_64",
)


def facts_of(version: str) -> Facts:
    """Return the facts of a CPython, by ``3.12`` or ``3.13t``."""
    number = version.removesuffix("t")
    library = f"lib/python{version}/site-packages"
    digits = version.replace(".", "")
    return replace(
        FACTS,
        version=f"{number}.0",
        version_info=f"{number}.0.final.0",
        abi=f"cpython-{digits}-x86_64-linux-gnu",
        purelib=library,
        platlib=library,
    )


@dataclass
class Inputs:
    """A directory with files to read."""

    root: Path
    facts: Facts = FACTS
    processes: list[object] = field(default_factory=list)

    def write(self, name: str, text: str | bytes = "") -> str:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(file)

    def read(self, *, wanted: str = "auto", uv: str | None = "uv", **keys: object) -> Declared:
        there = ("uv", "pip") if uv else ("pip",)
        return read_declared(Packages(**keys), self.facts, wanted=wanted, there=there)  # type: ignore[arg-type]

    def requirements(self, text: str | bytes, *, wanted: str = "auto", name: str = "requirements.txt") -> Declared:
        return self.read(requirements=(self.write(name, text),), wanted=wanted)

    def project(self, text: str, *, wanted: str = "auto", uv: str | None = "uv", **keys: object) -> Declared:
        self.write("pyproject.toml", text)
        return self.read(project=str(self.root), wanted=wanted, uv=uv, **keys)

    def shown(self, declared: Declared) -> list[str]:
        """Return the problems, with paths from the root."""
        return [one.replace(f"{self.root}/", "").replace(str(self.root), ".") for one in declared.problems]


def arguments(declared: Declared, number: int = 0) -> tuple[str, ...]:
    """Return the arguments of one call."""
    call = declared.calls[number]
    assert isinstance(call, Call)
    return call.arguments


@dataclass
class Site:
    """A real environment, a directory of wheels, and the installers that put these in it."""

    root: Path
    python: Path
    wheels: Path

    @classmethod
    def make(cls, root: Path) -> "Site":
        uv = os.fsdecode(find_uv_bin())
        python = root / "site" / "bin" / "python"
        subprocess.run([uv, "venv", "-q", "-p", sys.executable, root / "site"], check=True)
        site = cls(root, python, root / "wheels")
        for version in ("1.0", "2.0", "3.0rc1"):
            make_wheel(site.wheels, "lib", version)
        make_wheel(site.wheels, "app", "1.0", ["lib"], extras={"fast": ["speed"]})
        make_wheel(site.wheels, "speed", "1.0")
        return site

    def carry_out(self, declared: Declared, *, links: Path | None = None) -> dict[str, str]:
        """Run the calls as they stand; gives what is installed then."""
        assert declared.problems == ()
        for call in declared.calls:
            done = self.run(declared.installer, call, links=links)
            assert done.returncode == 0, done.stderr
        return self.installed()

    def run(self, installer: str, call: Call | Sync, *, links: Path | None = None) -> subprocess.CompletedProcess[str]:
        more: list[str] = []
        if isinstance(call, Call) and call.lines:
            (self.root / "lines.txt").write_text("\n".join(call.lines) + "\n")
            more = ["-r", str(self.root / "lines.txt")]
        if isinstance(call, Call):
            more += [*call.arguments, *([] if call.dependencies else ["--no-deps"])]
        uv = os.fsdecode(find_uv_bin())
        prefix = "UV" if installer == "uv" else "PIP"
        settings = {f"{prefix}_NO_INDEX": "1", f"{prefix}_FIND_LINKS": str(links or self.wheels), "UV_OFFLINE": "1"}
        if isinstance(call, Sync):
            settings["UV_PROJECT_ENVIRONMENT"] = str(self.python.parent.parent)
            command = [uv, "sync", "--frozen", "--inexact", "--project", call.project, *call.options]
            directory = call.project
        elif installer == "uv":
            command = [uv, "pip", "install", "--python", str(self.python), *more]
            directory = call.directory
        else:
            command = [str(self.python), f"{_pip()}/pip", "install", "--no-build-isolation", *more]
            directory = call.directory
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        return subprocess.run(
            command, check=False, env=kept | settings, cwd=directory, capture_output=True, text=True, timeout=120
        )

    def installed(self) -> dict[str, str]:
        code = (
            "import importlib.metadata as m, json;"
            "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))"
        )
        done = subprocess.run([self.python, "-I", "-c", code], check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return {str(name): str(version) for name, version in found.items()}

    def has(self, name: str, file: str) -> bool:
        """Check whether a distribution's metadata has a file."""
        return any(self.root.glob(f"site/lib/python*/site-packages/{name}-*.dist-info/{file}"))


@cache
def _pip() -> str:
    """Unpack pip once: compiled, it is three times as fast."""
    wheel = get_embed_wheel("pip", f"{sys.version_info.major}.{sys.version_info.minor}")
    assert wheel is not None
    directory = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, directory)
    with zipfile.ZipFile(wheel.path) as archive:
        archive.extractall(directory)
    return directory


def refuse_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the start of any process fail the test."""

    def refuse(*started: object, **_: object) -> None:
        pytest.fail(f"a process was started: {started}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
