"""A move that is killed before any of its writes leaves the environment whole at its path; a second one finishes."""

import shutil
import signal
from pathlib import Path

import pytest

from crash_parts import Tree, difference, tree
from crash_scenario import Scenario, chosen, prepared, report

STEP = 5


def unmoved(scenario: Scenario) -> Path:
    """Bring all back, with the environment in a folder at its path and nothing at its target."""
    scenario.restore()
    for area in scenario.place.glob("state/.envsync-*"):
        shutil.rmtree(area)
    scenario.path.unlink()
    scenario.end.rename(scenario.path)
    return scenario.path


def contents(folder: Path) -> Tree:
    """Give what is in an environment, but for where it says that it lies."""
    found = tree(folder)
    text = found.get("pyvenv.cfg", b"")
    lines = text.splitlines() if isinstance(text, bytes) else []
    return found | {"pyvenv.cfg": b"\n".join(line for line in lines if not line.startswith(b"envsync-end"))}


def violation_at(scenario: Scenario, number: int, whole: Tree) -> str:
    unmoved(scenario)
    done = scenario.run("move", "one", "--json", kill=number)
    if done.status == 0 and len(done.calls) < number:
        return ""  # it had fewer caches to write than the run that was counted
    if done.status != -signal.SIGKILL:
        return f"it was to be killed, and ended with {done.status}: {done.err[-500:]}"
    seen = contents(scenario.path)
    if seen != whole:
        return f"before {done.calls[-1]}: not whole: {difference(seen, whole)}"
    again = scenario.run("move", "one", "--json")
    if again.status != 0 or not scenario.path.is_symlink() or contents(scenario.path) != whole:
        return f"before {done.calls[-1]}: the second one did not finish: {again.out[-500:]}"
    applied = scenario.run("apply", "--json")
    left = [str(area) for area in scenario.place.rglob(".envsync-*")]
    return f"before {done.calls[-1]}: {applied.out[-500:]}, debris {left}" if applied.status or left else ""


def test_killed_before_any_of_its_writes_a_move_leaves_the_environment_whole(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    scenario = prepared("repair", tmp_path_factory)
    whole = contents(unmoved(scenario))
    calls = scenario.run("move", "one", "--json", kill=0).calls
    assert len(calls) > 8, "the counter sees the writes"
    points = chosen(len(calls), STEP)
    violations = {number: said for number in points if (said := violation_at(scenario, number, whole))}
    report(f"move, killed from inside, of {len(calls)} calls", len(points), violations)
