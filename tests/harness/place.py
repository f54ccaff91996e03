"""A directory with a manifest in it, and the command run on it as a user runs it."""

import atexit
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.contract import assert_document, assert_event
from harness.crash_server import Server
from harness.links import Fingerprint, fingerprint
from harness.trusting import trust

ROOT = Path(__file__).parents[2]
"""The repository."""
SOURCE = str(ROOT / "src")


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

    def write(self, text: str, *projects: str) -> None:
        """Write a manifest: ``version = 1`` and a state directory of its own stand before ``text``.

        ``projects`` are directories to make for it: an environment called ``.venv`` waits for the one around it.
        """
        for project in projects:
            (self.root / project).mkdir(parents=True, exist_ok=True)
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
            forked = server(self.variables).run(self.root, arguments, self.variables | variables)
            assert "Traceback" not in forked.err, forked.err
            return _as_declared(Run(forked.status, forked.out.replace("\r\n", "\n"), forked.err), arguments)
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
        return _as_declared(Run(done.returncode, done.stdout, done.stderr), arguments)

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


def _as_declared(run: Run, arguments: tuple[str, ...]) -> Run:
    """Return a run; what it printed for programs has to be as declared."""
    if "--json" in arguments and run.out and "run" not in arguments:
        if "watch" in arguments:
            for line in run.out.splitlines():
                assert_event(json.loads(line))
        else:
            assert_document(json.loads(run.out))
    return run


_SERVERS: list[Server] = []


def server(variables: dict[str, str]) -> Server:
    """Return the one that runs the command for all tests of this process."""
    if not _SERVERS:
        _SERVERS.append(Server(variables))
        atexit.register(_SERVERS[0].close)
    return _SERVERS[0]
