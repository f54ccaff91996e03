"""Projects are read for what counts, and become calls of the installer."""

from collections.abc import Iterable
from typing import Any

import pytest

from envsync.model.packages import Call, Project, Sync
from harness.declaring import BUILD, EXTRAS, GROUPS, PROJECT, Inputs, arguments


def test_a_project_with_a_build_backend_is_installed(inputs: Inputs) -> None:
    for wanted in ("uv", "pip"):
        found = inputs.project(PROJECT + BUILD + EXTRAS, extras=("t", "all"), wanted=wanted)
        assert found.calls == (Call(("-e", f"{inputs.root}[t,all]"), str(inputs.root)),)
        assert found.projects == (Project(str(inputs.root), editable=True),)
        found = inputs.project(PROJECT + BUILD, editable=False, wanted=wanted)
        assert (arguments(found), found.problems) == ((str(inputs.root),), ())


@pytest.mark.parametrize(
    ("pyproject", "others", "package"),
    [
        ("[tool.poetry]\nname = 'x'\n" + BUILD, (), True),
        ("[tool.black]\n", ("setup.py",), True),
        (None, ("setup.py",), True),
        (PROJECT, ("setup.py",), True),
        (PROJECT, (), False),
        (PROJECT + BUILD + "[tool.uv]\npackage = false\n", (), False),
        (PROJECT + "[tool.uv]\npackage = true\n", (), True),
        ("[tool.black]\n", ("setup.cfg",), True),
        ("[tool.black]\n", (), None),
        ("[tool.poetry]\nname = 'x'\n", (), None),
        (None, (), None),
        (None, ("setup.cfg",), None),
        ("[project\n", ("setup.py",), None),
    ],
)
def test_what_a_project_is(inputs: Inputs, pyproject: str | None, others: Iterable[str], package: bool | None) -> None:
    for name in others:
        inputs.write(name, "[metadata]\nname = x\n")
    if pyproject is not None:
        inputs.write("pyproject.toml", pyproject)
    found = inputs.read(project=str(inputs.root))
    assert bool(found.problems) == (package is None)
    if package is not None:
        start = ("-e", str(inputs.root)) if package else ("-r", f"{inputs.root}/pyproject.toml")
        assert arguments(found)[:2] == start
    elif pyproject != "[project\n":
        assert "is not a Python project: " in found.problems[0]
    looked_for = {f"{inputs.root}/{name}" for name in ("pyproject.toml", "setup.py", "setup.cfg")}
    assert looked_for <= set(found.files)


def test_a_list_of_dependencies_is_handed_over(inputs: Inputs) -> None:
    found = inputs.project(PROJECT + EXTRAS + GROUPS, extras=("t",), groups=("all",))
    file = f"{inputs.root}/pyproject.toml"
    assert arguments(found) == ("-r", file, "--extra", "t", "--group", f"{file}:all")
    assert found.projects == ()
    found = inputs.project(PROJECT + EXTRAS + GROUPS, extras=("t",), groups=("all",), wanted="pip")
    assert arguments(found) == ("a", "b", "d", "e")


def test_an_extra_that_names_its_own_project_asks_no_index_for_it(inputs: Inputs) -> None:
    found = inputs.project(PROJECT + EXTRAS, extras=("all",), wanted="pip")
    assert arguments(found) == ("a", "b", 'c; os_name == "nt"')
    found = inputs.project((PROJECT + EXTRAS).replace("posix", "nt"), extras=("all",), wanted="pip")
    assert arguments(found) == ("a",), "a condition of this Python"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"extras": ("T", "no")}, "pyproject.toml: there is no extra 'no'; it has all, t, w"),
        ({"groups": ("Dev", "no")}, "pyproject.toml: there is no group 'no'; it has all, dev"),
    ],
)
def test_an_unknown_extra_or_group_is_a_problem(inputs: Inputs, keys: dict[str, Any], words: str) -> None:
    for wanted in ("uv", "pip"):
        for build in ("", BUILD):
            found = inputs.project(PROJECT + EXTRAS + GROUPS + build, wanted=wanted, **keys)
            assert inputs.shown(found) == [words]
    inputs.write("uv.lock", "version = 1\n")
    assert inputs.shown(inputs.project(PROJECT + EXTRAS + GROUPS, **keys)) == [words]
    dynamic = PROJECT.replace("dependencies", 'dynamic = ["optional-dependencies"]\ndependencies') + BUILD
    (inputs.root / "uv.lock").unlink()
    assert inputs.project(dynamic, extras=("no",)).problems == ()


@pytest.mark.parametrize(
    "text",
    [
        PROJECT + '[dependency-groups]\ndev = [{include-group = "dev"}]\n',
        PROJECT + '[dependency-groups]\ndev = ["not a requirement !"]\n',
        PROJECT + "[dependency-groups]\ndev = 7\n",
        PROJECT + '[dependency-groups]\ndev = [{include-group = "gone"}]\n',
        PROJECT.replace('["a"]', '["no requirement !"]') + "dependency-groups.dev = []\n",
        PROJECT.replace('["a"]', "7") + "[dependency-groups]\ndev = []\n",
        "dependency-groups = 7\n" + PROJECT,
        "project = 7\ndependency-groups.dev = []\n",
        "tool = 7\ndependency-groups.dev = []\n" + PROJECT,
        "tool.uv = 7\ndependency-groups.dev = []\n" + PROJECT,
        PROJECT + "optional-dependencies = 7\n",
        PROJECT + "optional-dependencies.x = [7]\n",
        "x = " + "[" * 5000,
        "a." * 20000 + "b = 1\n",
        "x = " + "9" * 5000 + "\n",
    ],
)
def test_a_project_that_makes_no_sense_is_a_problem_and_no_crash(inputs: Inputs, text: str) -> None:
    for wanted in ("uv", "pip"):
        found = inputs.project(text, groups=("dev",), wanted=wanted)
        assert found.problems
        assert all(f"{inputs.root}/pyproject.toml" in one for one in found.problems)
    inputs.write("pyproject.toml", b"\xff\xfe\0")
    assert inputs.read(project=str(inputs.root)).problems


def test_dynamic_requirements_that_nothing_builds_are_refused_for_pip(inputs: Inputs) -> None:
    text = '[project]\nname = "x"\nversion = "1"\ndynamic = ["dependencies"]\n'
    assert "nothing builds it" in inputs.project(text, wanted="pip").problems[0]


def test_uvs_sources_are_for_uv(inputs: Inputs) -> None:
    text = PROJECT + GROUPS + '[tool.uv.sources]\nA = { git = "https://x.example/a" }\nz = { path = "z" }\n'
    assert inputs.project(text).problems == ()
    assert ["A needs uv" in one for one in inputs.project(text, wanted="pip").problems] == [True]
    assert inputs.project(text, uv=None).problems != ()
    unused = text.replace("A = {", "y = {")
    assert inputs.project(unused, wanted="pip").problems == ()


def test_the_group_dev_in_uvs_old_place(inputs: Inputs) -> None:
    text = PROJECT + BUILD + '[tool.uv]\ndev-dependencies = ["lib"]\n'
    own = ("-e", str(inputs.root))
    assert arguments(inputs.project(text, groups=("dev",), wanted="pip")) == (*own, "lib")
    native = ("--group", f"{inputs.root}/pyproject.toml:dev")
    assert arguments(inputs.project(text, groups=("dev",), wanted="uv")) == (*own, *native)
    inputs.write("uv.lock", "version = 1\n")
    (call,) = inputs.project(text, groups=("dev",)).calls
    assert isinstance(call, Sync)
    assert call.options[-2:] == ("--group", "dev")


def test_metadata_is_of_all_that_a_build_reads(inputs: Inputs) -> None:
    text = (
        '[project]\nname = "x"\ndynamic = ["version", "dependencies"]\n'
        + BUILD
        + '[tool.hatch.version]\npath = "v.py"\n'
        '[tool.uv]\ncache-keys = [{file = "src/**/*.pyx"}, {env = "MY_FLAG"}, {git = {commit = true}}, 7]\n'
    )
    files = ("pyproject.toml", "setup.cfg", "v.py", "requirements-x.txt", "src/a/b.pyx")
    for name in files[1:]:
        inputs.write(name, "# 1\n")
    found = inputs.project(text)
    assert len(found.metadata) == 16
    assert "MY_FLAG" in found.variables
    assert {f"{inputs.root}/{name}" for name in (*files, "setup.py")} <= set(found.files)
    for name in files[1:]:
        inputs.write(name, "# 2\n")
        again = inputs.project(text)
        assert (again.metadata == found.metadata, again.digest == found.digest) == (False, False)
        found = again
    inputs.write("other.py", "")
    assert inputs.project(text).metadata == found.metadata


@pytest.mark.parametrize("name", ["poetry.lock", "pdm.lock", "Pipfile.lock"])
def test_other_tools_locks_are_refused_by_name(inputs: Inputs, name: str) -> None:
    inputs.write(name, "")
    (problem,) = inputs.shown(inputs.project(PROJECT + BUILD))
    assert problem.startswith(f"{name}: envsync does not read this lock; export it (")
    inputs.write("uv.lock", "version = 1\n")
    assert inputs.project(PROJECT + BUILD).problems == ()
