"""The option ``--all-kill-points``: the crash tests try every kill point, not a sample."""

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "kill and fail at every mutating call, not at a sample of them (or set ENVSYNC_ALL_KILL_POINTS)"
    parser.addoption("--all-kill-points", action="store_true", default=False, help=text)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--all-kill-points"):
        os.environ["ENVSYNC_ALL_KILL_POINTS"] = "1"
