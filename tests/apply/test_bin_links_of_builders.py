"""Links in ``bin`` as other builders make them: what arrives at the interpreter link is as it should be."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.place import Place

pytestmark = pytest.mark.sampled(3)

PythonOf = Callable[[str], str]


@pytest.fixture
def bin_of(place: Place, python_of: PythonOf) -> Path:
    """Return a directory of interpreter links: ``python``, ``python3`` and ``python3.12``, each by itself."""
    directory = place.root / "tools"
    directory.mkdir()
    for name in ("python", "python3", "python3.12"):
        (directory / name).symlink_to(os.path.realpath(python_of("3.12")))
    return directory


def declare(place: Place, python: str | Path) -> None:
    place.write(f'[envs.blog]\npath = "blog"\npython = "{python}"\n')


def venv(place: Place, python: Path) -> Path:
    subprocess.run([python, "-m", "venv", "--without-pip", place.root / "blog"], check=True)
    return place.root / "blog/bin"


def drift(place: Place) -> list[str]:
    return [str(one["message"]) for one in place.envsync("plan", "--json").environments["blog"]["drift"]]


def relink(directory: Path, **links: str) -> None:
    for name, text in links.items():
        link = directory / name.replace("_", ".")
        link.unlink(missing_ok=True)
        link.symlink_to(text)


@pytest.mark.parametrize("made_with", ["python", "python3"])
@pytest.mark.parametrize("declared", ["python", "python3", "python3.12"])
def test_what_venv_makes_is_in_sync_by_whichever_name_beside_the_link(
    place: Place, bin_of: Path, made_with: str, declared: str
) -> None:
    venv(place, bin_of / made_with)
    declare(place, bin_of / declared)
    assert drift(place) == []
    assert place.apply()["blog"]["outcome"] == "unchanged"


@pytest.mark.parametrize(
    "links",
    [
        {"python": "python3", "python3": "@/python", "python3_12": "python3"},
        {"python": "python3.12", "python3": "python", "python3_12": "@/python"},
        {"python": "./python3", "python3": "@/python", "python3_12": "./python"},
        {"python": "@/python", "python3": "@/python", "python3_12": "@/python"},
    ],
)
def test_the_links_of_an_environment_may_arrive_in_any_order(place: Place, bin_of: Path, links: dict[str, str]) -> None:
    directory = venv(place, bin_of / "python")
    relink(directory, **{name: text.replace("@", str(bin_of)) for name, text in links.items()})
    declare(place, bin_of / "python")
    assert drift(place) == []


@pytest.mark.parametrize(
    "links",
    [
        {"python": "python3", "python3": "python"},
        {"python": "python3", "python3": "gone"},
        {"python3": "@/../elsewhere"},
        {"python3_12": "/nowhere/python3.12"},
    ],
)
def test_one_that_does_not_arrive_is_repaired(place: Place, bin_of: Path, links: dict[str, str]) -> None:
    directory = venv(place, bin_of / "python")
    shutil.copy(bin_of / "python", place.root / "elsewhere")
    relink(directory, **{name: text.replace("@", str(bin_of)) for name, text in links.items()})
    declare(place, bin_of / "python")
    assert drift(place)
    assert place.apply()["blog"]["outcome"] == "repaired"
    for name in ("python", "python3", "python3.12"):
        assert os.path.samefile(directory / name, bin_of / "python")
    assert place.apply()["blog"]["outcome"] == "unchanged"


def test_a_name_beside_the_link_will_do_only_while_it_is_the_same_file(
    place: Place, bin_of: Path, python_of: PythonOf
) -> None:
    venv(place, bin_of / "python3")
    declare(place, bin_of / "python3.12")
    for _ in range(2):
        assert place.envsync("check").status == 0
    relink(bin_of, python3=os.path.realpath(python_of("3.13")))
    assert place.envsync("check").status == 3
    assert place.apply()["blog"]["outcome"] == "repaired"
    assert os.readlink(place.root / "blog/bin/python") == str(bin_of / "python3.12")


def test_a_link_by_a_relative_way_out_of_the_environment_is_told_without_a_double_slash(
    place: Place, python_of: PythonOf
) -> None:
    directory = venv(place, Path(python_of("3.12")))
    relink(directory, python=os.path.relpath(python_of("3.12"), os.path.realpath(directory)))
    declare(place, "3.12")
    link = place.envsync("plan", "--json").environments["blog"]["python"]["link"]
    assert link == python_of("3.12")
