"""Fixtures for all tests: a home of their own, real interpreters, and the command as a user runs it."""

import atexit
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from crash_server import Server
from links import Fingerprint, fingerprint
from pythons import PYTHONS
from trusting import trust

pytest_plugins = ["plugins_crash", "plugins_sampling"]
SOURCE = str(Path(__file__).parent.parent / "src")


def pytest_configure() -> None:
    """Let signals end what tests start, though whoever runs them has some ignored (nohup(1), a shell's background)."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@dataclass
class Run:
    """What one run of the command came to."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document

    @property
    def environments(self) -> dict[str, dict[str, Any]]:
        return {entry["name"]: entry for entry in self.document["environments"]}


@dataclass
class Place:
    """A directory with a manifest in it, and the command to run on it."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def manifest(self) -> Path:
        return self.root / "envs.toml"

    def write(self, text: str) -> None:
        """Write a manifest: ``version = 1`` and a state directory of its own stand before ``text``."""
        head = 'version = 1\nstate-dir = "state"\nbin-dir = "exposed"\n'
        self.manifest.write_text(head + text, encoding="utf-8")
        self.trust()

    def trust(self, **variables: str) -> None:
        """Trust the manifest, for processes with these variables."""
        trust(self.manifest, self.variables | variables)

    def envsync(self, *arguments: str, **variables: str) -> Run:
        """Run the command in a process of its own: a fork of one that has loaded it, unless Python itself minds.

        What stands in the directory was written by the test, and is trusted.
        """
        self.trust(**variables)
        if not any(name.startswith(("PYTHON", "LC_", "LANG")) for name in variables):
            forked = _server(self.variables).run(self.root, arguments, variables=self.variables | variables)
            assert "Traceback" not in forked.err, forked.err
            return Run(forked.status, forked.out.replace("\r\n", "\n"), forked.err)
        done = subprocess.run(
            [sys.executable, "-m", "envsync", *arguments],
            check=False,
            cwd=self.root,
            env=self.variables | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=120,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Run(done.returncode, done.stdout, done.stderr)

    def apply(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """Apply, and give the report's entries by name; symlinks that were there must be there still, untouched."""
        before = fingerprint(self.root)
        run = self.envsync("apply", "--json", *arguments)
        self.assert_links_kept(before)
        return run.environments

    def assert_links_kept(self, before: Fingerprint) -> None:
        after = fingerprint(self.root)
        assert {link: after.get(link) for link in before} == before

    def python(self, environment: str | Path, code: str) -> str:
        """Run code in an environment and give what it prints."""
        done = subprocess.run(
            [str(self.root / environment / "bin" / "python"), "-I", "-c", code],
            check=True,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout.strip()


_SERVERS: list[Server] = []


def _server(variables: dict[str, str]) -> Server:
    """Give the one that runs the command for all tests of this process."""
    if not _SERVERS:
        _SERVERS.append(Server(variables))
        atexit.register(_SERVERS[0].close)
    return _SERVERS[0]


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a HOME and XDG directories of its own, and no setting of the tester's."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(("XDG_", "ENVSYNC_", "UV_", "PIP_", "VIRTUALENV_", "PYTHON", "PYENV_", "MISE_", "ASDF_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    # What other tests put beside each other into one directory would be seen by whoever looks up from a Python in it.
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("tmp")))
    monkeypatch.setenv("PYTHONPATH", SOURCE)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    monkeypatch.chdir(home)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Give an empty directory for a manifest."""
    root = tmp_path / "place"
    root.mkdir()
    return Place(root, dict(os.environ))


@pytest.fixture(autouse=True, scope="session")
def _nothing_outside() -> Iterator[None]:
    """Prove that no test writes into the repository."""
    root = Path(__file__).parent.parent
    watched = [root / "src", root / "examples", root / "tests"]
    before = _listing(watched)
    yield
    assert _listing(watched) == before, "a test wrote into the repository"


def _listing(directories: list[Path]) -> set[str]:
    return {
        str(path)
        for directory in directories
        for path in directory.rglob("*")
        if not {"__pycache__", ".hypothesis", ".venv", "state"} & set(path.parts)
    }


@pytest.fixture
def python_of() -> Callable[[str], str]:
    """Give the path of a real interpreter, or skip the test where it is not installed."""

    def give(version: str) -> str:
        if version not in PYTHONS:
            pytest.skip(f"needs Python {version}, which is not installed here")
        return PYTHONS[version]

    return give
