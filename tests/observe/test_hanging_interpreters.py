"""Interpreters that hang take one time limit together, once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from envsync.cache.fingerprint import outwait_slack
from envsync.cache.store import Cache
from envsync.cli.options import Options
from envsync.cli.session import Session
from envsync.manifest import load
from envsync.model.plan import Plan
from envsync.observe import facts as remembering
from envsync.observe import probe
from envsync.observe.facts import FactsCache
from envsync.reconcile import Reconciler
from envsync.write.files import write_cache
from harness.place import Place
from harness.pythons import PYTHONS
from harness.shims import script

COUNT = 8


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "TIME_LIMIT", 1.0)
    monkeypatch.setattr(remembering, "_LONG", 0.1)


def declare(place: Place, links: list[Path]) -> None:
    place.write("".join(f'[envs.{link.name}]\npath = "{link.name}-env"\npython = "{link}"\n' for link in links))


def shims(place: Place, text: str) -> Iterator[Path]:
    for number in range(COUNT):
        link = place.root / f"p{number}"
        script(text)(link)
        yield link


def plan(place: Place, facts: FactsCache) -> Plan:
    return Reconciler(load(str(place.manifest)), facts).plan()


def problems(plan: Plan) -> list[str]:
    return [one.conflicts[0].message for one in plan.environments if one.conflicts]


@pytest.fixture
def hanging(place: Place) -> list[Path]:
    """Return interpreters that hang, each of which notes that it was run."""
    links = list(shims(place, f'echo "$0" >> "{place.root}/runs"\nexec sleep 600'))
    declare(place, links)
    outwait_slack()  # what has changed just before is not remembered
    return links


def runs(place: Place) -> int:
    """Return how often one was run since this was last asked."""
    file = place.root / "runs"
    count = len(file.read_text().splitlines()) if file.exists() else 0
    file.unlink(missing_ok=True)
    return count


def test_they_are_asked_side_by_side(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    # One after the other none would ever answer: each waits for all the others.
    monkeypatch.setattr(probe, "TIME_LIMIT", 20.0)
    wait = f'echo >> "{place.root}/here"; while [ "$(wc -l < "{place.root}/here")" -lt {COUNT} ]; do sleep 0.05; done'
    declare(place, list(shims(place, f'{wait}\nexec "{PYTHONS["3.12"]}" "$@"')))
    assert problems(plan(place, FactsCache(None))) == []


def test_each_is_run_once_in_a_pass_and_not_again_in_the_next(place: Place, hanging: list[Path]) -> None:
    directory = str(place.root.parent / "cache")
    cache = Cache(directory)
    reported = problems(plan(place, FactsCache(cache)))
    assert (len(reported), runs(place)) == (COUNT, COUNT)
    assert all("did not answer within 1 seconds" in one for one in reported)
    cache.save(write_cache)
    assert (problems(plan(place, FactsCache(Cache(directory)))), runs(place)) == (reported, 0)
    assert (problems(plan(place, FactsCache(None))), runs(place)) == (reported, COUNT)
    hanging[3].chmod(0o700)
    assert (problems(plan(place, FactsCache(Cache(directory)))), runs(place)) == (reported, 1)


def test_they_are_asked_again_after_a_while_or_when_somebody_wants_work_done(
    place: Place, hanging: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hanging
    for name, value in place.variables.items():
        monkeypatch.setenv(name, value)

    def run(command: str) -> int:
        session = Session(Options(command, file=str(place.manifest)))
        session.remember(session.plan())
        return runs(place)

    assert [run(command) for command in ("check", "plan", "status")] == [COUNT, 0, 0]
    assert [run(command) for command in ("apply", "check")] == [COUNT, 0]
    monkeypatch.setattr(remembering, "_HANGING", 0.0)
    assert run("check") == COUNT


def test_the_hint_tells_when_one_is_asked_again(place: Place, hanging: list[Path]) -> None:
    assert hanging
    (first, *_) = plan(place, FactsCache(None)).environments
    assert "asked again when it changes, after ten minutes, by `apply`" in first.conflicts[0].hint
