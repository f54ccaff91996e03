"""Whatever is declared, and whatever wheels there are: what is installed is stable, what fails changes nothing."""

import itertools
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.bench import files, listing
from harness.depot import Depot
from harness.stability import assert_stable, installed_names, take_away
from harness.wheels import make_project, make_wheel

SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
RANDOM = settings(deadline=None, database=None, print_blob=True, suppress_health_check=SLOW)
NAMES = ("aa", "bb", "cc", "dd")
EXTRAS = ("x", "y")
NUMBERS = itertools.count()

names = st.sampled_from(NAMES)
versions = st.sampled_from(["1.0", "1.5", "2.0", "2.0rc1"])
specifiers = st.sampled_from(["", "", "", "", ">=1", ">=1", "<2", "~=1.0", "!=2.0", ">=2.0rc1", ">1,<=2", "==2.0rc1"])
extras = st.sets(st.sampled_from(EXTRAS), max_size=2)
markers = st.sampled_from(
    ["", "", "", ' ; python_version < "3"', ' ; python_version >= "3.12"', ' ; os_name == "posix"']
)


@st.composite
def requirements(draw: st.DrawFn) -> str:
    wanted = sorted(draw(extras))
    return f"{draw(names)}{'[' + ','.join(wanted) + ']' if wanted else ''}{draw(specifiers)}{draw(markers)}"


lines = st.lists(requirements(), max_size=2)


@dataclass(frozen=True)
class Wheel:
    name: str
    version: str
    requires: list[str]
    extras: dict[str, list[str]]


wheels = st.builds(Wheel, names, versions, lines, st.dictionaries(st.sampled_from(EXTRAS), lines, max_size=2))
worlds = st.lists(wheels, max_size=6, unique_by=lambda one: (one.name, one.version))


@dataclass(frozen=True)
class Declaration:
    packages: list[str]
    required: list[str]
    limits: dict[str, str]
    project: list[str] | None
    extra: list[str]
    group: list[str]
    exact: bool
    editable: bool

    def write(self, depot: Depot) -> None:
        (depot.root / "limits.txt").write_text("".join(f"{name}{limit}\n" for name, limit in self.limits.items()))
        (depot.root / "all.txt").write_text("".join(f"{line}\n" for line in ("-c limits.txt", *self.required)))
        keys = ['requirements = ["all.txt"]', f"packages = {json.dumps(self.packages)}"]
        keys += [f"exact = {json.dumps(self.exact)}", f"editable = {json.dumps(self.editable)}"]
        if self.project is not None:
            own = f'[project.optional-dependencies]\nmore = {json.dumps(self.extra)}\nall = ["blog[more]"]\n'
            own += f"[dependency-groups]\ndev = {json.dumps(self.group)}\n"
            make_project(depot.root / "blog", "blog", "1.0", self.project, own)
            keys += ['project = "blog"', 'extras = ["all"]', 'groups = ["dev"]']
        depot.declare(*keys)


limits = st.dictionaries(names, st.sampled_from(["<2", "==1.0", ">=1.5"]), max_size=1)
projects = st.none() | lines
declarations = st.builds(
    Declaration, lines, lines, limits, projects, lines, lines, exact=st.booleans(), editable=st.booleans()
)


def renew(depot: Depot, monkeypatch: pytest.MonkeyPatch, world: list[Wheel]) -> Path:
    """Begin with nothing but wheels, in a directory that no installer's cache knows."""
    for path in (depot.end, depot.root / "blog"):
        shutil.rmtree(path, ignore_errors=True)
    directory = depot.root / f"wheels-{next(NUMBERS)}"
    directory.mkdir()
    there = {(one.name, one.version) for one in world}
    plain = {(name, version) for name in NAMES for version in ("1.0", "2.0")} - there  # for more that can be resolved
    for one in (*world, *(Wheel(name, version, [], {}) for name, version in plain)):
        make_wheel(directory, one.name, one.version, one.requires, extras=one.extras)
    for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, str(directory))
    return directory


def held(depot: Depot) -> dict[str, object]:
    return {name: one.held for name, one in files(listing(depot.end)).items()} if depot.end.exists() else {}


def settle(depot: Depot) -> bool:
    """Let a pass do what it can; Check whether it could."""
    time.sleep(0.05)  # what was written just now proves nothing to a pass
    before = held(depot)
    entry = depot.apply()
    if entry["outcome"] == "failed":
        assert entry["error"]["code"] == "install-failed", entry
        assert held(depot) == before
        return False
    assert entry["outcome"] in {"created", "installed", "unchanged"}, entry
    assert_stable(depot)
    return True


@pytest.mark.sampled(18)
@pytest.mark.both_installers
@pytest.mark.parametrize("_batch", range(12))
@settings(RANDOM, max_examples=2)
@given(world=worlds, first=declarations, then=declarations, gone=st.integers(0, 5))
def test_declarations_are_stable(  # noqa: PLR0913, PLR0917  # hypothesis' way to hand things over
    depot: Depot,
    monkeypatch: pytest.MonkeyPatch,
    world: list[Wheel],
    first: Declaration,
    then: Declaration,
    gone: int,
    _batch: int,
) -> None:
    renew(depot, monkeypatch, world)
    first.write(depot)
    done = settle(depot)
    names = installed_names(depot) if done else []
    if names:
        take_away(depot, names[gone % len(names)])
        assert settle(depot)
    then.write(depot)
    settle(depot)
