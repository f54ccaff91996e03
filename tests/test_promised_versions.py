"""The versions that pyproject.toml promises are those that a run of the tests stands behind."""

import re
import tomllib
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from harness.place import ROOT

DOCUMENT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = DOCUMENT["project"]
LISTS = (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values(), *DOCUMENT["dependency-groups"].values())
DIRECT = [Requirement(one) for one in sorted({one for group in LISTS for one in group if isinstance(one, str)})]
RUNS = re.findall(r"^tests/run-part (oldest|newest) (3\.\d+)", (ROOT / ".ci/run").read_text(), re.MULTILINE)


def test_a_python_is_promised_where_the_tests_run_on_it() -> None:
    named = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)]
    assert named == sorted({minor for _, minor in RUNS}, key=Version)


def test_the_oldest_releases_run_on_the_oldest_python_that_is_allowed() -> None:
    allowed = SpecifierSet(PROJECT["requires-python"])
    oldest = min(f"3.{minor}" for minor in range(10, 30) if f"3.{minor}" in allowed)
    assert ("oldest", oldest) in RUNS


@pytest.mark.parametrize("one", DIRECT, ids=lambda one: str(one.name))
def test_each_dependency_has_a_floor_that_can_be_installed(one: Requirement) -> None:
    """An older release than that is in no run; what is installed here is in one."""
    assert [clause.operator for clause in one.specifier if clause.operator != "<"] == [">="]
    if one.marker is None or one.marker.evaluate():
        assert version(one.name) in one.specifier


def test_what_is_private_to_a_dependency_is_used_below_a_cap() -> None:
    """``watchfiles._rust_notify`` may change with the next major release."""
    users = [path for path in (ROOT / "src").rglob("*.py") if "_rust_notify" in path.read_text()]
    (watchfiles,) = (one for one in DIRECT if one.name == "watchfiles")
    assert bool(users) == ("2.0" not in watchfiles.specifier)


def test_the_list_of_the_part_names_files_that_are_there() -> None:
    lists = re.findall(r"^[a-z]+='([a-z_/]+(?: [a-z_/]+)*)'$", (ROOT / "tests/run-part").read_text(), re.MULTILINE)
    assert len(lists) >= 5
    for name in " ".join(lists).split():
        assert (ROOT / "tests" / f"{name}.py").exists() or (ROOT / "tests" / name).is_dir(), name
