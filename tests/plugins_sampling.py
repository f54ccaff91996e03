"""The marker ``sampled(step)``: of a module's tests one in ``step`` runs, another each day; ``--all-tests`` runs all.

The whole suite takes longer than anyone waits for, and most of its length is the same promise under many circumstances.
"""

import os
from collections import Counter
from datetime import UTC, datetime

import pytest

_DAY = "ENVSYNC_TESTS_DAY"
_ALL = "ENVSYNC_ALL_TESTS"


def pytest_addoption(parser: pytest.Parser) -> None:
    text = f"run every test, not a sample of those that are many of a kind (or set {_ALL})"
    parser.addoption("--all-tests", action="store_true", default=False, help=text)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sampled(step): of this module's tests, run one in so many, others each day")
    os.environ.setdefault(_DAY, str(datetime.now(UTC).toordinal()))  # one day for all worker processes


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    named = any("::" in argument for argument in config.args) or bool(config.getoption("keyword"))
    if config.getoption("--all-tests") or os.environ.get(_ALL) or named:
        return
    day = int(os.environ[_DAY])
    seen: Counter[str] = Counter()
    left_out = []
    for item in items:
        mark = item.get_closest_marker("sampled")
        if mark is not None:
            module = item.nodeid.partition("::")[0]
            seen[module] += 1
            if (seen[module] + day) % mark.args[0]:
                left_out.append(item)
    if left_out:
        items[:] = [item for item in items if item not in {*left_out}]
        config.hook.pytest_deselected(items=left_out)
