"""Projects and locks are read for what counts, and become calls of the installer."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from packaging.tags import cpython_tags, platform_tags, sys_tags

from declaring import FACTS, Inputs, arguments, facts_of, refuse_processes
from envsync.observe.locks import tags_of
from envsync.observed.declared import Call, Project, Sync

PROJECT = '[project]\nname = "my.app"\nversion = "1"\ndependencies = ["a"]\n'
BUILD = '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'
EXTRAS = """[project.optional-dependencies]
t = ["b"]
all = ["My_App[t, w]; os_name == 'posix'"]
w = ["c ; os_name == 'nt'", "my-app[all]"]
"""
GROUPS = '[dependency-groups]\nall = [{include-group = "Dev"}, "e"]\ndev = ["d"]\n'


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    refuse_processes(monkeypatch)
    root = Path(os.path.realpath(tmp_path)) / "p"
    root.mkdir()
    return Inputs(root)


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
    assert arguments(found)[:2] == ("a", 'b ; (os_name == "posix")')
    assert not any("app" in one.lower() for one in arguments(found))
    assert any(one.startswith("c ; ") and 'os_name == "nt"' in one for one in arguments(found))


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
    for wanted in ("uv", "pip"):
        assert arguments(inputs.project(text, groups=("dev",), wanted=wanted)) == ("-e", str(inputs.root), "lib")
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


def test_uvs_lock_is_synced_by_uv_alone(inputs: Inputs) -> None:
    lock = inputs.write("uv.lock", "version = 1\n")
    text = PROJECT + BUILD + EXTRAS + GROUPS
    found = inputs.project(text, groups=("dev",), extras=("t",), editable=False, packages=("z",))
    options = ("--no-default-groups", "--no-editable", "--group", "dev", "--extra", "t")
    assert found.calls == (Sync(str(inputs.root), lock, options), Call(("z",), str(inputs.root)))
    assert found.projects == (Project(str(inputs.root), editable=False),)
    refused = inputs.project(text, wanted="pip")
    assert "only uv installs from it" in refused.problems[0]
    assert "uv export" in inputs.project(text, uv=None).problems[0]
    assert refused.digest == inputs.project(text).digest
    inputs.write("uv.lock", "version = 2\n")
    assert inputs.project(text, wanted="pip").digest != refused.digest
    inputs.write("uv.lock", "version = \n")
    assert "uv.lock:1" in inputs.project(text).problems[0]


def test_the_lock_of_a_workspace_lies_in_its_root(inputs: Inputs) -> None:
    root = inputs.root / "root"
    member = root / "packages" / "member"
    inputs.write("root/packages/member/pyproject.toml", PROJECT + BUILD)
    inputs.write("root/uv.lock", "version = 1\n")
    workspaces = {
        'members = ["packages/*"]': True,
        'members = ["packages/member"]': True,
        'members = ["**"]': True,
        'members = ["*"]': False,
        'members = ["packages/*"]\nexclude = ["packages/mem*"]': False,
        "members = 7": False,
    }
    for text, is_member in workspaces.items():
        inputs.write("root/pyproject.toml", f"[tool.uv.workspace]\n{text}\n")
        (call,) = inputs.read(project=str(member)).calls
        assert isinstance(call, Sync) == is_member, text
        if isinstance(call, Sync):
            assert (call.project, call.lock) == (str(member), str(root / "uv.lock"))
    inputs.write("root/pyproject.toml", "[tool.uv.workspace\n")
    assert inputs.read(project=str(member)).problems == (), "somebody else's file"


def test_what_uv_builds_for_a_lock_is_known(inputs: Inputs) -> None:
    inputs.write(
        "uv.lock",
        """version = 1
[[package]]
name = "my-app"
version = "1"
source = { editable = "." }
dependencies = [{ name = "core" }]
[[package]]
name = "core"
source = { directory = "../core" }
[package.dev-dependencies]
dev = [{ name = "tool" }]
[[package]]
name = "tool"
source = { editable = "tool" }
[[package]]
name = "stranger"
source = { editable = "stranger" }
""",
    )
    found = inputs.project(PROJECT + BUILD)
    assert [(os.path.relpath(one.path, inputs.root), one.editable) for one in found.projects] == [
        *((".", True), ("../core", False), ("tool", True)),
    ]


@pytest.mark.parametrize("name", ["poetry.lock", "pdm.lock", "Pipfile.lock"])
def test_other_tools_locks_are_refused_by_name(inputs: Inputs, name: str) -> None:
    inputs.write(name, "")
    (problem,) = inputs.shown(inputs.project(PROJECT + BUILD))
    assert problem.startswith(f"{name}: envsync does not read this lock; export it (")
    inputs.write("uv.lock", "version = 1\n")
    assert inputs.project(PROJECT + BUILD).problems == ()


HEAD = 'lock-version = "1.0"\ncreated-by = "test"\n'
HASH = "0" * 64


def _wheel(name: str, tag: str = "py3-none-any", more: str = "") -> str:
    url = f"https://x.example/{name}-1.0-{tag}.whl"
    wheel = f'{{ url = "{url}", hashes = {{ sha256 = "{HASH}" }} }}'
    return f'[[packages]]\nname = "{name}"\nversion = "1.0"\n{more}\nwheels = [{wheel}]\n'


def test_a_lock_is_read_by_uv_itself(inputs: Inputs) -> None:
    file = inputs.write("pylock.toml", HEAD + _wheel("a"))
    found = inputs.project(PROJECT + EXTRAS + GROUPS, extras=("t",), groups=("dev",), packages=("z",))
    assert found.problems == ()
    locked = ("-r", file, "--extra", "t", "--group", "dev")
    assert found.calls[0] == Call(locked, str(inputs.root), dependencies=False, alone=True)
    assert arguments(found, 1) == ("z",)
    assert arguments(inputs.project(PROJECT + BUILD), 1) == ("-e", str(inputs.root)), "the lock is without it"


def test_a_lock_becomes_files_with_hashes_for_pip(inputs: Inputs) -> None:
    text = HEAD + _wheel("a") + _wheel("b", more="marker = \"python_version >= '3.12'\"")
    text += '[[packages]]\nname = "my-app"\ndirectory = { path = ".", editable = true }\n'
    text += '[[packages]]\nname = "d"\nvcs = { type = "git", url = "https://x.example/d", commit-id = "abc" }\n'
    text += f'[[packages]]\nname = "e"\narchive = {{ path = "e f.zip", hashes = {{ sha256 = "{HASH}" }} }}\n'
    inputs.write("pylock.toml", text)
    found = inputs.project(PROJECT + BUILD, wanted="pip")
    files, others = found.calls
    assert isinstance(files, Call)
    assert files.lines == (
        f"--find-links https://x.example/a-1.0-py3-none-any.whl#sha256={HASH}",
        f"a==1.0 --hash=sha256:{HASH}",
    )
    assert others == Call(
        (
            *("-e", str(inputs.root), "d @ git+https://x.example/d@abc"),
            f"e @ file://{inputs.root}/e%20f.zip#sha256={HASH}",
        ),
        str(inputs.root),
        dependencies=False,
    )
    assert found.projects == (Project(str(inputs.root), editable=True),)
    inputs.facts = facts_of("3.12")
    later = inputs.project(PROJECT + BUILD, wanted="pip", editable=False).calls
    assert isinstance(later[0], Call)
    assert len(later[0].lines) == 4
    assert arguments(inputs.project(PROJECT + BUILD, wanted="pip", editable=False), 1)[0].startswith("my-app @ file://")


def test_the_environments_own_tags_choose_the_wheel(inputs: Inputs) -> None:
    platform = next(iter(platform_tags()))
    choices = [f"cp311-cp311-{platform}", f"cp313-cp313-{platform}", f"cp313-cp313t-{platform}", "py3-none-any"]
    wheels = ", ".join(
        f'{{ url = "https://x.example/a-1.0-{tag}.whl", hashes = {{ sha256 = "{HASH}" }} }}' for tag in choices
    )
    file = inputs.write("pylock.t.toml", f'{HEAD}[[packages]]\nname = "a"\nversion = "1.0"\nwheels = [{wheels}]\n')
    for version, tag in (("3.11", choices[0]), ("3.13", choices[1]), ("3.13t", choices[2]), ("3.9", choices[3])):
        inputs.facts = facts_of(version)
        (call,) = inputs.read(requirements=(file,), wanted="pip").calls
        assert isinstance(call, Call)
        assert f"-{tag}.whl#" in call.lines[0]


def test_tags_are_those_that_packaging_gives_for_itself() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert list(tags_of(facts_of(version))) == list(sys_tags())
    assert next(iter(tags_of(facts_of("3.7")))) == next(cpython_tags((3, 7), ["cp37m"], list(platform_tags())))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lock-version = \n", "pylock.toml:1"),
        ('lock-version = "2.0"\ncreated-by = "x"\npackages = []\n', "it is not a lock that can be used"),
        (HEAD, "Missing required value in 'packages'"),
        (HEAD + "packages = 7\n", "it is not a lock that can be used"),
        (HEAD + 'extras = ["x"]\n' + _wheel("a"), "there is no extra 't' in this lock; it has x"),
        (HEAD + 'dependency-groups = ["x"]\n' + _wheel("a"), "there is no group 'dev' in this lock; it has x"),
    ],
)
def test_a_lock_that_makes_no_sense_is_a_problem(inputs: Inputs, text: str, words: str) -> None:
    inputs.write("pylock.toml", text)
    for wanted in ("uv", "pip"):
        found = inputs.project(PROJECT + EXTRAS + GROUPS, wanted=wanted, extras=("t",), groups=("dev",))
        assert words in " ".join(inputs.shown(found))


def test_a_lock_for_other_pythons_is_a_problem_for_pip(inputs: Inputs) -> None:
    file = inputs.write("pylock.x.toml", HEAD + _wheel("a", "cp27-cp27m-win32"))
    assert "it does not fit this Python: No wheel" in inputs.read(requirements=(file,), wanted="pip").problems[0]
    assert inputs.read(requirements=(file,), constraints=(file,)).problems
    assert FACTS.minor == "3.11"
