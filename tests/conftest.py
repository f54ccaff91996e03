"""What holds for a whole run: its plugins, signals that end what tests start, nothing written elsewhere."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["harness.plugin_crash", "harness.plugin_fixtures", "harness.plugin_sampling"]


def pytest_configure() -> None:
    """Let signals end what tests start, though whoever runs them has some ignored (nohup(1), a shell's background)."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


_AT_THE_ROOT = frozenset(os.listdir("/"))


@pytest.fixture(autouse=True)
def _nothing_at_the_root() -> Iterator[None]:
    """Prove that no test makes anything in the root directory, where other tests' invented paths would lead to it."""
    yield
    assert _AT_THE_ROOT.issuperset(os.listdir("/")), "a test, or one that ran beside it, wrote into the root directory"


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
