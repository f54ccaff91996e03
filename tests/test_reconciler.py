"""Planning and applying from Python: a plan is all that applying needs, whoever made it."""

import os
from pathlib import Path

import pytest

import envsync
from envsync.model.plan import Plan
from harness.place import Place

TWO = '[envs.a]\npath = "a"\n[envs.b]\npath = "b"\ntarget = "b"\n'


@pytest.fixture
def settings() -> envsync.Settings:
    return envsync.Settings(jobs=2, lock_timeout=1.0)


def fresh(place: Place, force_rebuild: tuple[str, ...] = ()) -> envsync.Reconciler:
    return envsync.Reconciler(envsync.load(str(place.manifest)), envsync.FactsCache(None), force_rebuild=force_rebuild)


def outcomes(report: envsync.Report) -> dict[str, str]:
    return {one.plan.environment.name: one.outcome.value for one in report.environments}


def test_a_plan_is_applied_by_an_instance_that_did_not_make_it(place: Place, settings: envsync.Settings) -> None:
    place.write(TWO)
    assert outcomes(fresh(place).apply(fresh(place).plan(), settings)) == {"a": "created", "b": "created"}
    (place.root / "a/bin/python").unlink()
    assert outcomes(fresh(place).apply(fresh(place).plan(), settings)) == {"a": "repaired", "b": "unchanged"}
    assert not fresh(place).plan().has_work


def test_a_rebuild_and_its_rollback_are_applied_by_others(place: Place, settings: envsync.Settings) -> None:
    place.write(TWO)
    fresh(place).apply(fresh(place).plan(), settings)
    made = (place.root / "b").stat().st_ino
    forced = fresh(place, ("b",)).plan(("b",))
    assert outcomes(fresh(place, ("b",)).apply(forced, settings)) == {"b": "rebuilt"}
    assert (place.root / "b").stat().st_ino != made
    assert outcomes(fresh(place).apply(fresh(place).plan_rollback("b"), settings)) == {"b": "rolled-back"}
    assert (place.root / "b").stat().st_ino == made


@pytest.mark.parametrize("name", ["a", "b"])
def test_environments_in_each_others_way_stay_in_conflict_whoever_applies(
    place: Place, settings: envsync.Settings, name: str
) -> None:
    place.write('[envs.a]\npath = "one"\n[envs.b]\npath = "one/inner"\n')
    plan = fresh(place).plan((name,))
    assert outcomes(fresh(place).apply(plan, settings)) == {name: "conflict"}
    assert [one.code for one in plan.between[name]] == ["path-nested"]
    assert not (place.root / "one").exists()


def test_planning_again_does_not_change_what_an_earlier_plan_says(place: Place, settings: envsync.Settings) -> None:
    place.write('[envs.a]\npath = "link/a"\n[envs.b]\npath = "b"\n')
    (place.root / "link").symlink_to("elsewhere")
    reconciler = fresh(place)
    plan = reconciler.plan()
    (place.root / "link").unlink()
    (place.root / "link").symlink_to("b")  # now one lies inside the other
    assert all(one.conflicts for one in reconciler.plan().environments)
    (place.root / "link").unlink()
    (place.root / "link").symlink_to("elsewhere")
    assert outcomes(reconciler.apply(plan, settings)) == {"a": "created", "b": "created"}


def test_what_another_pass_has_begun_since_the_plan_is_left_alone(place: Place, settings: envsync.Settings) -> None:
    """A staging directory without a marker looks as if it had been interrupted; a plan that did not see it leaves it
    alone.
    """
    place.write(TWO)
    plan = fresh(place).plan()
    begun = [place.root / directory / f".envsync-{'0' * 16}" for directory in (".", "state")]
    for staging_dir in begun:
        staging_dir.mkdir(parents=True)
    assert outcomes(fresh(place).apply(plan, settings)) == {"a": "created", "b": "created"}
    assert [staging_dir.is_dir() for staging_dir in begun] == [True, True]
    assert outcomes(fresh(place).apply(fresh(place).plan(), settings)) == {"a": "unchanged", "b": "unchanged"}
    assert [staging_dir.exists() for staging_dir in begun] == [False, False]


def test_a_plan_of_nothing_is_applied(place: Place, settings: envsync.Settings) -> None:
    place.write(TWO)
    report = fresh(place).apply(Plan(envsync.load(str(place.manifest)), ()), settings)
    assert report.environments == ()
    assert sorted(os.listdir(place.root)) == [Path(place.manifest).name]
