"""The marker ``sampled(step)``: of a module's tests one in ``step`` runs, chosen by a seed; ``--all-tests`` runs all.

The whole suite takes longer than anyone waits for, and most of its length is the same promise under many circumstances.
The same seed chooses kill points (``crash_scenario.chosen``) and Hypothesis' examples.
"""

import os
import random
from collections import defaultdict
from collections.abc import Iterable

import pytest

_SEED = "ENVSYNC_TESTS_SEED"
_CHOSEN: list[str] = []
_ALL = "ENVSYNC_ALL_TESTS"


def seed() -> str:
    """Return what chooses the samples of this run."""
    return _CHOSEN[0]


def pytest_addoption(parser: pytest.Parser) -> None:
    text = f"run every test, not a sample of those that are many of a kind (or set {_ALL})"
    parser.addoption("--all-tests", action="store_true", default=False, help=text)
    parser.addoption("--seed", help=f"what chooses the samples (or set {_SEED}): that of a run is printed at its head")


@pytest.hookimpl(tryfirst=True)  # before Hypothesis reads its own option
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sampled(step): of this module's tests, run one in so many, chosen by a seed")
    given = config.getoption("--seed") or os.environ.get(_SEED) or str(random.SystemRandom().randrange(1 << 32))
    os.environ[_SEED] = given  # one for all worker processes
    _CHOSEN[:] = [given]
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = given


def pytest_report_header() -> str:
    return f"samples: --seed {seed()}"


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:  # no public name before pytest 8.4
    terminalreporter.write_line(f"samples were chosen by --seed {seed()}")  # with -q there is no head


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    named = any("::" in argument for argument in config.args) or bool(config.getoption("keyword"))
    if config.getoption("--all-tests") or os.environ.get(_ALL) or named:
        return
    skipped = left_out(items, seed())
    if skipped:
        items[:] = [item for item in items if item not in skipped]
        config.hook.pytest_deselected(items=[*skipped])


def left_out(items: Iterable[pytest.Item], seed: str) -> set[pytest.Item]:
    """Return the tests that a run with this seed leaves out."""
    groups: defaultdict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    for item in items:
        mark = item.get_closest_marker("sampled")
        if mark is not None:
            groups[item.nodeid.partition("::")[0], mark.args[0]].append(item)
    skipped: set[pytest.Item] = set()
    for (module, step), group in groups.items():
        taken = random.Random(f"{seed} {module}").sample(group, -(-len(group) // step))  # noqa: S311  # no secret
        skipped |= {*group} - {*taken}
    return skipped
