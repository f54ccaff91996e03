"""Planning and applying from Python: a plan is all that applying needs, whoever made it."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import envsync
from envsync import reconcile
from envsync.model.desired import Environment
from envsync.model.plan import EnvironmentPlan, Plan
from envsync.model.world import World
from envsync.observe import backends
from envsync.observe.world import Observer
from envsync.plan.decide import decide
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


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect each look at an environment, and each decision about one, by name."""
    seen: list[str] = []
    observe = Observer.observe

    def observed(self: Observer, environment: Environment, **options: Any) -> World:
        seen.append(f"observe {environment.name}")
        return observe(self, environment, **options)

    def decided(environment: Environment, *arguments: Any) -> EnvironmentPlan:
        seen.append(f"decide {environment.name}")
        return decide(environment, *arguments)

    monkeypatch.setattr(Observer, "observe", observed)
    monkeypatch.setattr(reconcile, "decide", decided)
    return seen


MOST = 3
"""To plan, under the lock, and afterwards."""


@pytest.mark.parametrize(
    ("gone", "forced", "outcome"),
    [
        ("", (), "created"),
        ("bin/python", (), "repaired"),
        ("", ("a", "b"), "rebuilt"),
        ("bin", ("b",), "rebuilt"),  # one by its state, one since it was asked for
    ],
)
def test_each_environment_is_looked_at_three_times_at_most(  # noqa: PLR0913, PLR0917  # a row, and where
    gone: str, forced: tuple[str, ...], outcome: str, place: Place, settings: envsync.Settings, looks: list[str]
) -> None:
    place.write(TWO)
    if outcome != "created":
        fresh(place).apply(fresh(place).plan(), settings)
    if gone:
        Path(place.root / "a" / gone).rename(place.root / "aside")
    looks.clear()
    assert outcomes(fresh(place, forced).apply(fresh(place, forced).plan(), settings))["a"] == outcome
    assert max(Counter(looks).values()) <= MOST, looks


def test_in_sync_costs_one_look(place: Place, settings: envsync.Settings, looks: list[str]) -> None:
    place.write(TWO)
    fresh(place).apply(fresh(place).plan(), settings)
    looks.clear()
    fresh(place).apply(fresh(place).plan(), settings)
    assert sorted(looks) == ["decide a", "decide b", "observe a", "observe b"]


def test_what_can_build_nothing_is_a_conflict_before_anything_is_made(
    place: Place, settings: envsync.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(backends._PROGRAMS, "uv", lambda: None)
    place.write('builder = "uv"\n[envs.a]\npath = "new/a"\n')
    plan = fresh(place).plan()
    assert [one.code for one in plan.environments[0].conflicts] == ["builder-missing"]
    assert outcomes(fresh(place).apply(plan, settings)) == {"a": "conflict"}
    assert not (place.root / "new").exists()
    place.write('builder = "uv|venv"\n[envs.a]\npath = "new/a"\n')
    assert outcomes(fresh(place).apply(fresh(place).plan(), settings)) == {"a": "created"}


def test_what_can_install_nothing_is_a_conflict_before_anything_is_made(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(backends._PROGRAMS, "uv", lambda: None)
    place.write('installer = "uv"\n[envs.a]\npath = "new/a"\npackages = ["app"]\n')
    plan = fresh(place).plan()
    assert [one.code for one in plan.environments[0].conflicts] == ["installer-missing"]
    assert not (place.root / "new").exists()
