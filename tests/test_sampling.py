"""The seed of a run chooses all that varies from run to run: tests, kill points and examples."""

import pytest
from hypothesis import core

from harness.crash_scenario import ALL, chosen
from harness.plugin_sampling import left_out, seed


def _nothing() -> None:
    pass


def test_a_seed_chooses_the_tests_that_run(request: pytest.FixtureRequest) -> None:
    mark = pytest.mark.sampled(4)
    items = [pytest.Function.from_parent(request.node.parent, name=f"test_{n}", callobj=_nothing) for n in range(40)]
    for item in items:
        item.add_marker(mark)
    first, again, other = (left_out(items, text) for text in ("1", "1", "2"))
    assert first == again != other
    assert len(first) == len(other) == 30
    assert set.intersection(*(left_out(items, str(n)) for n in range(60))) == set(), "each runs with some seed"


@pytest.mark.skipif(ALL, reason="all kill points are tried")
def test_it_chooses_kill_points_and_examples_too() -> None:
    assert {chosen(100, 10).start for _ in range(9)} == {chosen(100, 10).start}
    assert len(chosen(100, 10)) == 10
    assert str(core.global_force_seed) == seed()
