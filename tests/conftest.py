"""Fixtures for all tests: a home of their own, real interpreters, and the command as a user runs it."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.place import SOURCE, Place
from harness.pythons import PYTHONS

pytest_plugins = ["harness.plugin_crash", "harness.plugin_sampling"]


def pytest_configure() -> None:
    """Let signals end what tests start, though whoever runs them has some ignored (nohup(1), a shell's background)."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


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
