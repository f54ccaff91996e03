"""What an environment has is kept, where the manifest names no link: whoever asks, from whatever shell."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from envsync.__main__ import fast_answer
from harness.place import Place
from harness.trees import make_tree

pytestmark = pytest.mark.sampled(6)

PythonOf = Callable[[str], str]


def declare(place: Place, python: str | None, more: str = "") -> None:
    line = "" if python is None else f'python = "{python}"\n'
    place.write(f'[envs.blog]\npath = "blog"\n{line}{more}')


def link_of(place: Place, name: str = "blog") -> str:
    return os.readlink(place.root / name / "bin/python")


def named(directory: Path, python: str, name: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).symlink_to(os.path.realpath(python))
    return directory


def assert_kept(place: Place, **variables: str) -> None:
    before = link_of(place)
    run = place.envsync("check", **variables)
    assert (run.status, run.out) == (0, run.out), run.out + run.err
    assert place.envsync("check", "--no-cache", **variables).status == 0
    assert place.envsync("apply", **variables).status == 0
    assert link_of(place) == before


@pytest.mark.parametrize("request_", ["3.12", ">=3.11,<3.13", None])
def test_another_interpreter_that_a_shell_finds_first_changes_nothing(
    place: Place, python_of: PythonOf, request_: str | None
) -> None:
    one, two = (named(place.root / name, python_of("3.12"), "python3.12") for name in ("one", "two"))
    later = named(place.root / "later", python_of("3.13"), "python3.13")
    declare(place, request_)
    place.variables["PATH"] = str(one)
    assert place.apply()["blog"]["outcome"] == "created"
    assert link_of(place) == f"{one}/python3.12"
    for path in (f"{two}:{one}", str(two), f"{later}:{two}", "/nowhere", ""):
        assert_kept(place, PATH=path)
    pyenv = place.root / "pyenv/versions"
    pyenv.mkdir(parents=True)
    (pyenv / "3.12").symlink_to(os.path.dirname(os.path.dirname(python_of("3.12"))))
    assert_kept(place, PYENV_ROOT=str(pyenv.parent))


def test_an_activated_environment_of_condas_changes_nothing(place: Place, python_of: PythonOf) -> None:
    one = named(place.root / "one", python_of("3.12"), "python3.12")
    conda = make_tree(place.root / "conda/envs/ml").parent
    (conda.parent / "conda-meta").mkdir()
    declare(place, "3.12")
    place.variables["PATH"] = str(one)
    place.apply()
    assert_kept(place, PATH=f"{conda}:{one}", CONDA_PREFIX=str(conda.parent))


@pytest.mark.parametrize("options", [(), ("--copies",)])
def test_the_link_of_an_environment_that_another_tool_made_is_kept(
    place: Place, python_of: PythonOf, options: tuple[str, ...]
) -> None:
    mine = named(place.root / "mine", python_of("3.12"), "python3.12") / "python3.12"
    named(place.root / "other", python_of("3.12"), "python3.12")
    subprocess.run([mine, "-m", "venv", "--without-pip", *options, place.root / "blog"], check=True)
    declare(place, "3.12")
    place.variables["PATH"] = str(place.root / "other")
    run = place.envsync("plan", "--json")
    assert run.environments["blog"]["python"]["link"] == str(mine)


def test_without_python_it_is_kept_as_well_whatever_version_it_is(place: Place, python_of: PythonOf) -> None:
    named(place.root / "newer", python_of("3.13"), "python3.13")
    subprocess.run([python_of("3.10"), "-m", "venv", "--without-pip", place.root / "blog"], check=True)
    declare(place, None)
    place.variables["PATH"] = str(place.root / "newer")
    run = place.envsync("plan", "--json")
    assert os.path.dirname(run.environments["blog"]["python"]["link"]) == os.path.dirname(python_of("3.10"))


def test_a_new_one_without_python_gets_the_best_that_is_installed(place: Place, python_of: PythonOf) -> None:
    directory = named(named(place.root / "bin", python_of("3.13"), "python3.13"), python_of("3.12"), "python3.12")
    declare(place, None)
    place.variables["PATH"] = str(directory)
    assert place.apply()["blog"]["outcome"] == "created"
    assert link_of(place) == f"{directory}/python3.13"


def test_the_next_best_is_taken_once_the_link_is_gone_or_fits_no_more(place: Place, python_of: PythonOf) -> None:
    one, two = (named(place.root / name, python_of("3.12"), "python3.12") for name in ("one", "two"))
    declare(place, "3.12")
    place.variables["PATH"] = f"{one}:{two}"
    place.apply()
    (one / "python3.12").unlink()
    assert place.apply()["blog"]["outcome"] == "repaired"
    assert link_of(place) == f"{two}/python3.12"
    named(two, python_of("3.11"), "python3.11")
    declare(place, "3.11")
    assert place.apply()["blog"]["outcome"] == "rebuilt"
    assert link_of(place) == f"{two}/python3.11"


def test_a_patch_path_stays_and_its_stable_twin_is_named(place: Place, python_of: PythonOf) -> None:
    tree = os.path.dirname(os.path.dirname(python_of("3.12")))
    versions = place.root / "pyenv/versions"
    versions.mkdir(parents=True)
    patch = os.path.basename(tree)
    (versions / patch).symlink_to(tree)
    place.variables |= {"PYENV_ROOT": str(versions.parent), "PATH": "/nowhere"}
    declare(place, "3.12")
    place.apply()
    (versions / "3.12").symlink_to(patch)
    assert_kept(place)
    assert link_of(place) == f"{versions}/{patch}/bin/python"
    notes = place.envsync("plan", "--json").environments["blog"]["notes"]
    assert any(f"{versions}/3.12/bin/python" in note for note in notes)
    declare(place, patch)
    assert place.envsync("plan", "--json").environments["blog"]["notes"] == []


def test_one_that_uses_anothers_python_follows_what_that_one_has(place: Place, python_of: PythonOf) -> None:
    one, two = (named(place.root / name, python_of("3.12"), "python3.12") for name in ("one", "two"))
    declare(place, "3.12", '[envs.user]\npath = "user"\npython = "./blog/bin/python"\n')
    place.variables["PATH"] = f"{one}:{two}"
    assert {entry["outcome"] for entry in place.apply().values()} == {"created"}
    assert (link_of(place), link_of(place, "user")) == (f"{one}/python3.12", f"{one}/python3.12")
    for _ in range(2):
        assert place.envsync("check").status == 0
    shutil.rmtree(place.root / "blog")
    subprocess.run([two / "python3.12", "-m", "venv", "--without-pip", place.root / "blog"], check=True)
    run = place.envsync("check", "--json")
    assert run.environments["user"]["drift"][0]["code"] == "python-link"
    place.apply()
    assert link_of(place, "user") == f"{two}/python3.12"


def test_nothing_but_the_link_itself_decides_whether_it_is_still_in_sync(
    place: Place, python_of: PythonOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = named(place.root / "bin", python_of("3.12"), "python3.12")
    declare(place, "3.12")
    place.variables |= {"PATH": str(directory), "XDG_CACHE_HOME": str(place.root / "cache")}
    place.apply()
    place.envsync("check")
    named(place.root / "other", python_of("3.13"), "python3.13")
    for name, value in (place.variables | {"PATH": f"{place.root}/other", "PYENV_ROOT": "/nowhere"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(place.root)
    assert fast_answer(["check"]) is not None
    (directory / "python3.12").unlink()
    assert fast_answer(["check"]) is None


def test_a_free_threaded_build_is_no_answer_to_a_request_for_another(place: Place, python_of: PythonOf) -> None:
    tree = place.root / "tree"
    python = make_tree(tree, "3.13")
    subprocess.run([python, "-m", "venv", "--without-pip", place.root / "blog"], check=True)
    (tree / "lib/python3.13/sysconfig").unlink()
    shutil.copytree(
        os.path.join(os.path.dirname(os.path.dirname(python_of("3.13"))), "lib/python3.13/sysconfig"),
        tree / "lib/python3.13/sysconfig",
    )
    with (tree / "lib/python3.13/sysconfig/__init__.py").open("a") as file:
        file.write("\n_init_config_vars()\n_CONFIG_VARS['abi_thread'] = 't'\n")
    plain = named(place.root / "bin", python_of("3.13"), "python3.13")
    place.variables["PATH"] = str(plain)
    declare(place, "3.13")
    assert place.envsync("plan", "--json").environments["blog"]["python"]["link"] == f"{plain}/python3.13"


def test_without_python_one_of_the_same_version_takes_the_place_of_one_that_is_gone(
    place: Place, python_of: PythonOf
) -> None:
    directory = named(place.root / "bin", python_of("3.12"), "mine")
    subprocess.run([directory / "mine", "-m", "venv", "--without-pip", place.root / "blog"], check=True)
    (directory / "mine").unlink()
    named(named(directory, python_of("3.12"), "python3.12"), python_of("3.13"), "python3.13")
    place.variables["PATH"] = str(directory)
    declare(place, None)
    assert place.apply()["blog"]["outcome"] == "repaired"
    assert link_of(place) == f"{directory}/python3.12"
    assert_kept(place, PATH="/nowhere")


def test_without_python_it_is_never_rebuilt_for_another_version_that_nobody_asked_for(
    place: Place, python_of: PythonOf
) -> None:
    directory = named(place.root / "bin", python_of("3.10"), "mine")
    subprocess.run([directory / "mine", "-m", "venv", "--without-pip", place.root / "blog"], check=True)
    (directory / "mine").unlink()
    named(directory, python_of("3.13"), "python3.13")
    place.variables["PATH"] = str(directory)
    declare(place, None)
    conflict = place.envsync("apply", "--json").environments["blog"]["conflict"]
    assert conflict["code"] == "interpreter-missing"
    assert f"{directory}/mine" in conflict["message"]
    assert "python" in conflict["hint"]
    named(directory, python_of("3.10"), "mine")
    assert place.apply()["blog"]["outcome"] != "conflict"
