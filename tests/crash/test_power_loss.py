"""Power loss takes what was not flushed: a traced run shows that all is on the disk before it is brought in."""

import re
from pathlib import Path

import pytest

from harness.crash_disk import TRACED, Disk, under
from harness.crash_kinds import prepared
from harness.crash_scenario import Scenario
from harness.crash_trace import RENAMING, Tracer

pytestmark = pytest.mark.sampled(8)


def brought_in(scenario: Scenario, trace: str) -> tuple[set[str], set[str]]:
    """Return what was written aside before the environment was brought in, and what of it was not flushed then."""
    disk, end = Disk(str(scenario.place)), str(scenario.end)
    for call, places in disk.follow(trace):
        if call in RENAMING and end in places:
            (built,) = {*places} - {end}
            return set(under(built, disk.written)), disk.unflushed(built)
    pytest.fail("nothing was brought in")


def at_the_end(scenario: Scenario, trace: str) -> set[str]:
    """Return what in the place of the environments was not flushed when the command ended."""
    disk = Disk(str(scenario.place))
    for _ in disk.follow(trace):
        pass
    return {one for one in disk.unflushed(str(scenario.place)) if Path(one).exists()}


@pytest.mark.parametrize("kind", ["rebuild", "create"])
def test_all_that_is_brought_in_was_flushed_before(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    scenario = prepared(kind, tmp_path_factory)
    trace = Tracer(scenario, "tree").record(TRACED, "-y")
    written, unflushed = brought_in(scenario, trace)
    names = {Path(one).name for one in written}
    assert {"pyvenv.cfg", "activate", "alpha.py", "marker.py", "METADATA", "run-alpha"} <= names
    assert unflushed == set()
    blind = re.sub(r"(?m)^\d+ +(fsync|fdatasync|syncfs)\(.*\n", "", trace)
    assert len(brought_in(scenario, blind)[1]) > 10, "without the flushes it would be seen"


@pytest.mark.parametrize("kind", ["rebuild", "rollback"])
def test_the_exchange_is_on_the_disk_before_anything_of_the_former_is_removed(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scenario = prepared(kind, tmp_path_factory)
    trace = Tracer(scenario, "tree").record(TRACED, "-y")
    disk, end, staging_dir = Disk(str(scenario.place)), str(scenario.end), ""
    for call, places in disk.follow(trace):
        if staging_dir:
            touched = any(str(one).startswith(staging_dir) for one in places) and call not in {"fsync", "syncfs"}
            if touched:
                assert {staging_dir, str(scenario.end.parent)} & disk.directories == set(), (call, places)
                break
        elif call in RENAMING and end in places:
            (built,) = {*places} - {end}
            staging_dir = str(Path(built).parent)
    else:
        pytest.fail("the former environment was never touched: it should have become a generation")


@pytest.mark.parametrize("kind", ["rebuild", "create", "repair", "install", "upgrade", "rollback"])
def test_what_a_pass_has_reported_as_done_is_on_the_disk(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    scenario = prepared(kind, tmp_path_factory)
    trace = Tracer(scenario, "tree").record(TRACED, "-y")
    left = at_the_end(scenario, trace)
    state = str(scenario.end.parent)
    assert (
        left - {state} == set()
    )  # to have removed a staging directory from it may be lost: the next pass does it again
