"""The command kills itself right before its k-th mutating call, for every k."""

import signal

import pytest

from harness.crash_kinds import ALL_KINDS, prepared
from harness.crash_scenario import Scenario, chosen, report

pytestmark = pytest.mark.sampled(9)

STEP = 30
LONG = ("rebuild", "create")
SHARDS = [(kind, shard, 2 if kind in LONG else 1) for kind in ALL_KINDS for shard in range(2 if kind in LONG else 1)]


def violation_at(scenario: Scenario, number: int) -> str:
    scenario.restore()
    done = scenario.run(*scenario.command, kill=number)
    if done.status == 0 and len(done.calls) < number:
        return ""  # it had fewer caches to write than the run that was counted
    if done.status != -signal.SIGKILL:
        return f"it was to be killed, and ended with {done.status}: {done.err[-500:]}"
    output = scenario.violation(done, killed=True)
    return f"before {done.calls[-1]}: {output}" if output else ""


@pytest.mark.parametrize(("kind", "shard", "shards"), SHARDS)
def test_killed_before_any_of_its_writes_it_leaves_the_old_or_the_new(
    kind: str, shard: int, shards: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scenario = prepared(kind, tmp_path_factory)
    scenario.restore()
    scenario.run(*scenario.command, kill=0)  # writes caches that the others find
    scenario.restore()
    calls = scenario.run(*scenario.command, kill=0).calls
    assert len(calls) > 5, "the counter sees the writes"
    points = chosen(len(calls), STEP if shards > 1 else STEP // 2, shard, shards)
    violations = {number: output for number in points if (output := violation_at(scenario, number))}
    report(f"{kind}, killed from inside, of {len(calls)} calls", len(points), violations)
