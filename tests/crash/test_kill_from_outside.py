"""Each program of the tree is killed at each of its mutating system calls, or one of these calls fails."""

import json
import re
import signal

import pytest

from harness.crash_kinds import ALL_KINDS, prepared
from harness.crash_scenario import ALL, Scenario, chosen, report
from harness.crash_trace import Point, Tracer, points_of, was_met

pytestmark = pytest.mark.sampled(12)

STEPS = {
    "rebuild": 60,
    "create": 80,
    "repair": 24,
    "install": 50,
    "upgrade": 60,
    "rollback": 16,
    "batch": 80,
    "alike": 120,
    "mounted": 80,
    "move": 60,
    "prune": 30,
    "add": 5,
    "remove": 5,
}
VICTIMS = [
    *(("tree", kind, STEPS[kind]) for kind in ALL_KINDS),
    *(("envsync", kind, 1) for kind in ALL_KINDS if ALL),
    *(("uv", kind, 35) for kind in ("rebuild", "create", "install", "upgrade")),
]
ERRORS = ("ENOSPC", "EIO", "EACCES")
FAILING = [("rebuild", 140), ("create", 160), ("repair", 40), ("install", 100), ("upgrade", 120), ("rollback", 30)]
FAILING += [("batch", 140), ("alike", 200), ("mounted", 200), ("move", 120), ("prune", 60), ("add", 10), ("remove", 10)]
NEVER_MET = "never met"
SPOKEN = re.compile(r"[12]\b")
"""How the arguments of a write begin that goes to a terminal or a pipe of the caller's."""


def reported(scenario: Scenario, status: int, out: str, err: str) -> str:
    """Return what is wrong with how a run reported its failure."""
    if status not in {0, 1} or "Traceback" in out + err or "internal-error" in out + err:
        return f"exit {status}: {out[-300:]} {err[-900:]}"
    if err.startswith("envsync: ") and err.endswith(": standard output\n"):
        return ""  # the report itself could not be written, and that is reported
    try:
        document = json.loads(out)
    except ValueError:
        return f"no document: {out[-300:]} {err[-500:]}"
    told_of = [one[key] for one in document["environments"] for key in ("error", "conflict") if one[key]]
    told_of += [one["error"] for one in document.get("removals", ()) if one["error"]]
    problems = told_of + document["errors"]
    if status == 1 and not (problems and all(one["message"] and one["hint"] for one in problems)):
        return f"no clear line: {out[-300:]} {err[-500:]}"
    return "" if status == 1 or scenario.holds_new() else "it says that it succeeded, and has not"


def killed_at(tracer: Tracer, point: Point, *, group: bool) -> str:
    tracer.scenario.restore()
    done = tracer.kill(point, group=group)
    if not was_met(done):
        return NEVER_MET
    killed = done.status == -signal.SIGKILL
    output = "" if killed else reported(tracer.scenario, done.status, done.out, done.err)
    return output or tracer.scenario.violation(done, killed=killed)


def failed_at(tracer: Tracer, point: Point, error: str) -> str:
    tracer.scenario.restore()
    done = tracer.fail(point, error)
    if not was_met(done):
        return NEVER_MET
    return reported(tracer.scenario, done.status, done.out, done.err) or tracer.scenario.violation(done, killed=False)


def conclude(title: str, found: dict[str, str]) -> None:
    """Report; of the points of programs with several threads a few may not be met again."""
    missed = [point for point, output in found.items() if output == NEVER_MET]
    assert len(missed) <= len(found) // 3, missed
    violations = {point: output for point, output in found.items() if output and output != NEVER_MET}
    report(title, len(found) - len(missed), violations)


@pytest.mark.parametrize(("victim", "kind", "step"), VICTIMS)
def test_killed_at_any_system_call_it_leaves_the_old_or_the_new(
    victim: str, kind: str, step: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of the installs that are killed, every second one dies alone, and envsync has to tell of it."""
    scenario = prepared(kind, tmp_path_factory)
    tracer = Tracer(scenario, victim)
    points = points_of(tracer.record())
    assert len(points) > 5, "strace sees the calls"
    numbers = chosen(len(points), step)
    found = {}
    for number in numbers:
        point = points[number - 1]
        found[str(point)] = killed_at(tracer, point, group=number % 2 == 0)
    conclude(f"{kind}, {victim} killed at {len(points)} system calls", found)


@pytest.mark.parametrize(("kind", "step"), FAILING)
def test_when_a_system_call_fails_it_says_so_and_leaves_the_old_or_the_new(
    kind: str, step: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    scenario = prepared(kind, tmp_path_factory)
    tracer = Tracer(scenario, "envsync")
    points = [one for one in points_of(tracer.record()) if one.call != "write" or not SPOKEN.match(one.line)]
    cases = [(point, error) for point in points for error in ERRORS]
    numbers = chosen(len(cases), step)
    found = {}
    for number in numbers:
        point, error = cases[number - 1]
        found[f"{error} at {point}"] = failed_at(tracer, point, error)
    conclude(f"{kind}, failures of {len(points)} system calls", found)
