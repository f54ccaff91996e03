"""Version requests: which of the installed interpreters is taken, and by which link."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.place import Place, Run

PythonOf = Callable[[str], str]


def tree_of(python: str) -> str:
    return os.path.dirname(os.path.dirname(python))


def make_link(link: Path, text: str) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(text)


def pyenv(place: Place, versions: dict[str, str], stable: dict[str, str]) -> Path:
    """Make a pyenv of links to real trees, with stable links between them; it is then what envsync finds."""
    root = place.root / "pyenv"
    for version, python in versions.items():
        make_link(root / "versions" / version, tree_of(python))
    for name, version in stable.items():
        make_link(root / "versions" / name, version)
    place.variables |= {"PYENV_ROOT": str(root), "PATH": "/nowhere"}
    return root / "versions"


@pytest.fixture
def versions(place: Place, python_of: PythonOf) -> Path:
    """Return a pyenv with 3.10, 3.12 and 3.13, of which two have stable links."""
    found = {os.path.basename(tree_of(python_of(minor))): python_of(minor) for minor in ("3.10", "3.12", "3.13")}
    stable = {".".join(version.split(".")[:2]): version for version in found if not version.startswith("3.10")}
    return pyenv(place, found, stable)


def plan(place: Place, python: str | None) -> Run:
    declared = "" if python is None else f'python = "{python}"\n'
    place.write(f'[envs.blog]\npath = "blog"\n{declared}')
    return place.envsync("plan", "--json")


def link_of(place: Place, python: str | None) -> str:
    return str(plan(place, python).environments["blog"]["python"]["link"])


@pytest.mark.parametrize(
    ("request_", "tree"),
    [
        ("3.12", "3.12"),
        (">=3.12,<3.13", "3.12"),
        ("~=3.12", "3.13"),
        ("3.13", "3.13"),
        ("==3.12.*", "3.12"),
        (">=3.8,!=3.13.*", "3.12"),
        ("3", "3.13"),
        ("cpython3.12", "3.12"),
        ("python3.12", "3.12"),
    ],
)
def test_a_minor_request_gets_the_newest_that_fits_by_its_stable_link(
    place: Place, versions: Path, request_: str, tree: str
) -> None:
    assert link_of(place, request_) == f"{versions}/{tree}/bin/python"


def test_a_patch_request_pins_the_tree_of_that_patch(place: Place, versions: Path, python_of: PythonOf) -> None:
    patch = os.path.basename(tree_of(python_of("3.12")))
    assert link_of(place, patch) == f"{versions}/{patch}/bin/python"


def test_without_a_stable_link_the_patch_path_is_taken(place: Place, versions: Path, python_of: PythonOf) -> None:
    patch = os.path.basename(tree_of(python_of("3.10")))
    assert link_of(place, "3.10") == f"{versions}/{patch}/bin/python"


def test_a_requested_version_is_made_and_runs(place: Place, versions: Path) -> None:
    place.write('[envs.blog]\npath = "blog"\npython = "3.12"\n')
    assert place.apply()["blog"]["outcome"] == "created"
    assert os.readlink(place.root / "blog" / "bin" / "python") == f"{versions}/3.12/bin/python"
    assert place.python("blog", "import sys; print('%d.%d' % sys.version_info[:2])") == "3.12"


@pytest.mark.parametrize("request_", ["pypy3.10", "3.14", "3.12.99", ">=3.14", "3.13t", "4"])
def test_an_absent_version_is_a_conflict_that_lists_what_was_found(
    place: Place, versions: Path, python_of: PythonOf, request_: str
) -> None:
    assert versions.is_dir()
    run = plan(place, request_)
    conflict = run.environments["blog"]["conflict"]
    assert (run.status, conflict["code"]) == (1, "interpreter-missing")
    assert "found: " in conflict["message"]
    for minor in ("3.10", "3.12", "3.13"):
        assert os.path.basename(tree_of(python_of(minor))) in conflict["message"]
    assert conflict["hint"]


def test_a_tree_that_is_not_what_its_name_says_is_not_taken(place: Place, python_of: PythonOf) -> None:
    versions = pyenv(place, {"3.12.9": python_of("3.11"), "3.12.1": python_of("3.12")}, {})
    assert link_of(place, "3.12") == f"{versions}/3.12.1/bin/python"


def test_a_broken_tree_gives_way_to_one_that_works(place: Place, python_of: PythonOf) -> None:
    versions = pyenv(place, {"3.12.1": python_of("3.12")}, {})
    broken = versions / "3.12.9" / "bin" / "python"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"\x7fELF, but cut short")
    broken.chmod(0o755)
    assert link_of(place, "3.12") == f"{versions}/3.12.1/bin/python"


def test_a_shim_on_path_is_never_taken_for_a_version(place: Place, versions: Path, python_of: PythonOf) -> None:
    shim = versions.parent / "shims" / "python3.12"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{python_of("3.12")}" "$@"\n')
    shim.chmod(0o755)
    place.variables["PATH"] = str(shim.parent)
    assert link_of(place, "3.12") == f"{versions}/3.12/bin/python"


def mise(place: Place, tree: str, patch: str) -> str:
    root = place.root / "mise" / "installs" / "python"
    make_link(root / patch, tree)
    make_link(root / "3.12", f"./{patch}")
    make_link(root / "3", f"./{patch}")
    make_link(root / "latest", f"./{patch}")
    place.variables["MISE_DATA_DIR"] = str(place.root / "mise")
    return f"{root}/3.12/bin/python"


def uv(place: Place, tree: str, patch: str) -> str:
    root = place.root / "uv"
    make_link(root / f"cpython-{patch}-linux-x86_64-gnu", tree)
    make_link(root / "cpython-3.12-linux-x86_64-gnu", f"cpython-{patch}-linux-x86_64-gnu")
    place.variables["UV_PYTHON_INSTALL_DIR"] = str(root)
    return f"{root}/cpython-3.12-linux-x86_64-gnu/bin/python"


def homebrew(place: Place, tree: str, patch: str) -> str:
    root = place.root / "brew"
    make_link(root / "Cellar" / "python@3.12" / patch / "bin" / "python3.12", f"{tree}/bin/python3.12")
    make_link(root / "opt" / "python@3.12", f"../Cellar/python@3.12/{patch}")
    place.variables["HOMEBREW_PREFIX"] = str(root)
    return f"{root}/opt/python@3.12/bin/python3.12"


def on_path(place: Place, tree: str, patch: str) -> str:
    link = place.root / "bin" / "python3.12"
    make_link(place.root / "bin" / f"python{patch}", f"{tree}/bin/python3.12")
    make_link(link, f"{tree}/bin/python3.12")
    place.variables["PATH"] = str(link.parent)
    return str(link)


@pytest.mark.parametrize("layout", [mise, uv, homebrew, on_path])
def test_the_stable_link_of_every_tool_is_preferred(
    place: Place, python_of: PythonOf, layout: Callable[[Place, str, str], str]
) -> None:
    tree = tree_of(python_of("3.12"))
    place.variables["PATH"] = "/nowhere"
    stable = layout(place, tree, os.path.basename(tree))
    place.write('[envs.blog]\npath = "blog"\npython = "3.12"\n')
    entry = place.apply()["blog"]
    assert (entry["python"]["link"], entry["outcome"]) == (stable, "created")
    assert os.readlink(place.root / "blog" / "bin" / "python") == stable
    assert place.python("blog", "import sys; print(sys.prefix)") == str(place.root / "blog")


@pytest.mark.parametrize("layout", [mise, uv, homebrew])
def test_a_patch_path_gets_a_hint_where_a_stable_link_leads_to_the_same_tree(
    place: Place, python_of: PythonOf, layout: Callable[[Place, str, str], str]
) -> None:
    tree = tree_of(python_of("3.12"))
    stable = layout(place, tree, os.path.basename(tree))
    patch = next(one for one in place.root.glob(f"**/*{os.path.basename(tree)}*") if one.name != "envs.toml")
    declared = f"{patch}/bin/{os.path.basename(stable)}"
    run = plan(place, declared)
    assert run.status == 0
    assert run.environments["blog"]["python"]["link"] == declared
    assert any(stable in note and declared in note for note in run.environments["blog"]["notes"])
    assert stable in place.envsync("plan").out


def test_a_patch_path_without_a_stable_twin_gets_no_hint(place: Place, versions: Path, python_of: PythonOf) -> None:
    patch = os.path.basename(tree_of(python_of("3.10")))
    assert plan(place, f"{versions}/{patch}/bin/python").environments["blog"]["notes"] == []


def test_a_name_of_pythons_may_be_a_version_request(place: Place, versions: Path) -> None:
    place.write('[pythons]\nmain = "3.13"\n[envs.blog]\npath = "blog"\npython = "main"\n')
    found = place.envsync("plan", "--json").environments["blog"]["python"]
    assert (found["declared"], found["link"]) == ("main", f"{versions}/3.13/bin/python")


def test_without_python_the_newest_is_taken_by_its_stable_link(place: Place, versions: Path) -> None:
    assert link_of(place, None) == f"{versions}/3.13/bin/python"
