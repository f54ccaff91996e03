"""The watcher's loop on a real disk, with scripted events and a scripted clock."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from envsync.model.report import Outcome
from envsync.watch.events import Applied, Conflicted, Degraded, ManifestFailed, Passed, Recovered
from envsync.write.locks import hold
from harness.place import Place
from harness.scripted import Stage, flip

pytestmark = pytest.mark.sampled(3)

PythonOf = Callable[[str], str]


@pytest.fixture
def link(place: Place, python_of: PythonOf) -> Path:
    """Return an interpreter link that a test can flip: ``py`` leads to the tree of Python 3.11."""
    (place.root / "py").symlink_to(tree(python_of("3.11")))
    place.write('[envs.one]\npath = "one"\npython = "py/bin/python3"\n')
    return place.root / "py"


@pytest.fixture
def stage(place: Place, link: Path) -> Stage:
    """Return a stage on which the environment is there and in sync."""
    del link
    assert place.apply()["one"]["outcome"] == "created"
    return Stage(place)


def tree(python: str) -> str:
    return os.path.dirname(os.path.dirname(python))


def outcomes(stage: Stage) -> list[tuple[float, str, Outcome]]:
    return [(at, one.report.plan.environment.name, one.report.outcome) for at, one in stage.events(Applied)]


def breaks(place: Place, name: str = "one") -> Callable[[], None]:
    return (place.root / name / "bin" / "python").unlink


def test_it_begins_with_a_pass_when_what_may_be_under_way_has_settled(stage: Stage) -> None:
    assert stage.run() == 0
    assert stage.passes() == [(0.5, "start")]


def test_changes_are_one_pass_a_settle_time_after_the_last(stage: Stage) -> None:
    stage.at(5.0, breaks(stage.place)).at(5.3).at(5.7)
    stage.run()
    assert stage.passes()[1:] == [(6.2, "change")]
    assert outcomes(stage) == [(6.2, "one", Outcome.REPAIRED)]


def test_a_storm_without_end_is_waited_for_ten_settle_times(stage: Stage) -> None:
    for tenth in range(50, 150, 3):
        stage.at(tenth / 10)
    stage.run()
    assert stage.passes()[1][0] == pytest.approx(10.0)


def test_a_regular_pass_is_made_without_any_change(stage: Stage) -> None:
    stage.interval = 5.0
    stage.at(8.0, breaks(stage.place), heard=False)
    stage.run()
    assert stage.passes()[1:] == [(5.5, "interval"), (10.5, "interval"), (15.5, "interval")]
    assert outcomes(stage) == [(10.5, "one", Outcome.REPAIRED)]


def test_a_regular_pass_waits_until_changes_have_settled(stage: Stage, link: Path) -> None:
    stage.interval = 5.0
    stage.at(5.4, flip(link, "")).at(5.8, flip(link, os.readlink(link)))
    stage.run()
    assert stage.passes()[1] == (6.3, "change")
    assert stage.events(Conflicted) == []


def test_an_interpreter_that_is_away_for_less_than_the_settle_time_causes_nothing(stage: Stage, link: Path) -> None:
    stage.at(5.0, flip(link, "")).at(5.4, flip(link, os.readlink(link)))
    stage.run()
    assert (outcomes(stage), stage.events(Conflicted)) == ([], [])


def test_an_interpreter_that_is_away_for_longer_is_one_conflict_and_the_end_of_it(stage: Stage, link: Path) -> None:
    stage.at(5.0, flip(link, "")).at(7.0).at(9.0).at(12.0, flip(link, os.readlink(link)))
    stage.run()
    reported = [(at, [one.code for one in event.plan.conflicts]) for at, event in stage.events(Conflicted)]
    assert reported == [(5.5, ["interpreter-missing"]), (12.5, [])]
    assert outcomes(stage) == []


def test_a_rebuild_follows_a_flip_within_one_settle_time(stage: Stage, link: Path, python_of: PythonOf) -> None:
    stage.at(5.0, flip(link, tree(python_of("3.12"))))
    stage.run()
    assert outcomes(stage) == [(5.5, "one", Outcome.REBUILT)]
    assert stage.passes()[1:] == [(5.5, "change")]


def test_a_flip_that_is_taken_back_rebuilds_nothing(stage: Stage, link: Path, python_of: PythonOf) -> None:
    stage.at(5.0, flip(link, tree(python_of("3.12")))).at(5.3, flip(link, tree(python_of("3.11"))))
    stage.run()
    assert outcomes(stage) == []


def test_a_rebuild_that_was_seen_once_only_is_looked_at_again(stage: Stage, link: Path, python_of: PythonOf) -> None:
    stage.interval = 5.0
    stage.at(5.2, flip(link, tree(python_of("3.12"))), heard=False)
    stage.run()
    assert outcomes(stage) == [(6.0, "one", Outcome.REBUILT)]
    assert stage.passes()[1:3] == [(5.5, "interval"), (6.0, "confirm")]


def test_two_flips_are_one_rebuild_for_the_last(stage: Stage, link: Path, python_of: PythonOf) -> None:
    stage.at(5.0, flip(link, tree(python_of("3.12")))).at(5.3, flip(link, tree(python_of("3.13"))))
    stage.run()
    (at, event), *rest = stage.events(Applied)
    assert (event.report.outcome, rest) == (Outcome.REBUILT, [])
    assert at >= 5.8
    assert stage.place.python("one", "import sys; print(sys.version_info[1])") == "13"


def test_a_failure_stands_until_somebody_has_removed_its_cause_and_that_is_reported_once(stage: Stage) -> None:
    python = stage.place.root / "one/bin/python"
    text = os.readlink(python)
    stage.at(5.0, python.unlink).at(9.0, lambda: python.symlink_to(text)).at(15.0)
    with hold(f"{stage.place.root}/locks", str(stage.place.root / "one"), 0):
        stage.run()
    standing = {at: [*event.failures] for at, event in stage.events(Passed)}
    assert {at: names for at, names in standing.items() if at < 5 or at > 9} == {0.5: [], 9.5: [], 15.5: []}
    assert all(names == ["one"] for at, names in standing.items() if 5 < at < 9)
    assert [(at, one.plan.environment.name) for at, one in stage.events(Recovered)] == [(9.5, "one")]


def test_an_environment_that_fails_rests_twice_as_long_each_time(stage: Stage) -> None:
    place = stage.place
    place.write(
        place.manifest.read_text().split("\n", 3)[3] + '[envs.other]\npath = "other"\npython = "py/bin/python3"\n'
    )
    stage.at(5.0, breaks(place)).at(21.0, (place.root / "one/bin/python3").unlink)
    stage.until = 26.0
    with hold(f"{place.root}/locks", str(place.root / "one"), 0):
        stage.run()
    assert (0.5, "other", Outcome.CREATED) in outcomes(stage)
    failures = [(at, event.retry_in) for at, event in stage.events(Applied) if event.report.outcome is Outcome.FAILED]
    assert failures == [
        (5.5, 1.0),
        (6.5, 2.0),
        (8.5, 4.0),
        (12.5, 8.0),
        (20.5, 16.0),
        (21.5, 1.0),
        (22.5, 2.0),
        (24.5, 4.0),
    ]


def test_a_rest_is_five_minutes_at_most(stage: Stage) -> None:
    stage.until = 2000.0
    stage.interval = 5000.0
    stage.at(5.0, breaks(stage.place))
    with hold(f"{stage.place.root}/locks", str(stage.place.root / "one"), 0):
        stage.run()
    assert max(event.retry_in or 0 for _, event in stage.events(Applied)) == 300.0


def test_a_person_who_asks_need_not_wait_for_the_rest_to_end(stage: Stage) -> None:
    def ask() -> None:
        stage.control._asked = True

    stage.at(5.0, breaks(stage.place)).at(10.0, ask, heard=False)
    with hold(f"{stage.place.root}/locks", str(stage.place.root / "one"), 0):
        stage.run()
    assert (10.0, "signal") in stage.passes()
    assert [at for at, _ in stage.events(Applied)][:5] == [5.5, 6.5, 8.5, 10.0, 11.0]


def test_what_is_new_is_watched_and_looked_at_once_more(place: Place, link: Path) -> None:
    stage = Stage(place)
    stage.on_arm = [lambda: None, lambda: None, breaks(place)]
    stage.run()
    assert str(place.root / "one/bin/python") in stage.scopes[-1].names
    assert str(place.root / "one/bin") in stage.scopes[-1].directories
    assert [outcome for _, _, outcome in outcomes(stage)] == [Outcome.CREATED, Outcome.REPAIRED]
    assert not os.path.samefile(link, place.root)


def test_a_directory_that_was_replaced_is_watched_anew(stage: Stage) -> None:
    place = stage.place

    def replace() -> None:
        shutil.copytree(place.root / "one", place.root / "copy", symlinks=True)
        shutil.rmtree(place.root / "one")
        (place.root / "copy").rename(place.root / "one")

    stage.at(5.0, replace)
    stage.run()
    assert stage.scopes[-1] != stage.scopes[0]
    assert stage.scopes[-1].directories == stage.scopes[0].directories


def test_while_nothing_changes_it_is_armed_once(stage: Stage) -> None:
    stage.at(5.0).at(8.0)
    stage.run()
    assert len(stage.scopes) == 1


def test_what_changed_without_an_event_makes_it_poll_once(stage: Stage) -> None:
    stage.interval = 5.0
    stage.missing = True
    stage.run()
    assert {problem.code for problem in stage.polled} == {"events-lost"}
    assert [(at, event.problem.code) for at, event in stage.events(Degraded)] == [(5.7, "events-lost")]
    assert stage.passes()[1] == (6.2, "change")


def test_a_change_whose_event_comes_late_is_no_reason_to_poll(stage: Stage, link: Path, python_of: PythonOf) -> None:
    stage.interval = 5.0
    stage.missing = True
    stage.until = 8.0
    stage.at(5.6, flip(link, tree(python_of("3.12"))))
    stage.run()
    assert (stage.polled, stage.events(Degraded)) == ([], [])
    assert outcomes(stage) == [(6.1, "one", Outcome.REBUILT)]


def test_a_manifest_that_breaks_is_told_once_and_the_last_good_one_stays(stage: Stage) -> None:
    place = stage.place
    good = place.manifest.read_text()
    stage.at(5.0, lambda: place.manifest.write_text(good + "x = [\n")).at(6.0, breaks(place)).at(8.0)
    stage.at(9.0, lambda: place.manifest.write_text(good))
    stage.run()
    reported = [(at, [one.line for one in event.problems]) for at, event in stage.events(ManifestFailed)]
    assert reported == [(5.5, [good.count("\n") + 1]), (9.5, [])]
    assert outcomes(stage) == [(6.5, "one", Outcome.REPAIRED)]


def test_an_environment_that_is_declared_no_more_is_left_alone(stage: Stage) -> None:
    place = stage.place
    stage.at(5.0, lambda: place.write('[envs.two]\npath = "two"\npython = "py/bin/python3"\n')).at(7.0, breaks(place))
    stage.run()
    assert outcomes(stage) == [(5.5, "two", Outcome.CREATED)]
    assert not (place.root / "one/bin/python").is_symlink()


def test_once_is_one_settled_pass_that_rebuilds_too(stage: Stage, link: Path, python_of: PythonOf) -> None:
    flip(link, tree(python_of("3.12")))()
    assert stage.run(once=True) == 0
    assert stage.passes() == [(0.5, "start")]
    assert outcomes(stage) == [(0.5, "one", Outcome.REBUILT)]
    flip(link, "")()
    assert Stage(stage.place).run(once=True) == 1


def test_once_announces_no_retry_of_what_has_failed(stage: Stage) -> None:
    breaks(stage.place)()
    with hold(f"{stage.place.root}/locks", str(stage.place.root / "one"), 0):
        assert stage.run(once=True) == 1
    assert [event.retry_in for _, event in stage.events(Applied)] == [None]


def test_many_environments_that_break_at_once_are_repaired_in_one_pass(place: Place, link: Path) -> None:
    del link
    count = 60
    place.write("".join(f'[envs.e{one}]\npath = "e{one}"\npython = "py/bin/python3"\n' for one in range(count)))
    assert {entry["outcome"] for entry in place.apply().values()} == {"created"}
    stage = Stage(place)
    for one in range(count):
        stage.at(5.0 + one / 1000, breaks(place, f"e{one}"))
    stage.run()
    assert len(stage.passes()) == 2
    assert [outcome for _, _, outcome in outcomes(stage)] == [Outcome.REPAIRED] * count
    assert [len(event.applied) for _, event in stage.events(Passed)] == [0, count]


def test_a_project_that_is_moved_away_is_not_begun_anew_in_its_place(place: Place, link: Path) -> None:
    del link
    place.write('[envs.one]\npath = "project/.venv"\npython = "py/bin/python3"\n', "project")
    place.apply()
    stage = Stage(place)
    stage.at(5.0, lambda: (place.root / "project").rename(place.root / "away"))
    stage.at(8.0, lambda: (place.root / "away").rename(place.root / "project"))
    stage.run()
    assert outcomes(stage) == []
    assert (place.root / "project/.venv/bin/python").exists()
