"""Locks are read for what counts, and become calls of the installer."""

import os
import sys

import pytest
from packaging.tags import cpython_tags, platform_tags, sys_tags

from envsync.model.packages import Call, Project, Sync
from envsync.observe.lock_files import tags_of
from harness.declaring import BUILD, EXTRAS, FACTS, GROUPS, PROJECT, Inputs, arguments, facts_of


def test_uvs_lock_is_synced_by_uv_alone(inputs: Inputs) -> None:
    lock = inputs.write("uv.lock", "version = 1\n")
    text = PROJECT + BUILD + EXTRAS + GROUPS
    found = inputs.project(text, groups=("dev",), extras=("t",), editable=False, packages=("z",))
    options = ("--no-default-groups", "--no-editable", "--extra", "t", "--group", "dev")
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


def test_what_uv_may_build_for_a_lock_is_known(inputs: Inputs) -> None:
    inputs.write(
        "uv.lock",
        """version = 1
[[package]]
name = "my-app"
version = "1"
source = { editable = "." }
[[package]]
name = "core"
source = { directory = "../core" }
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
        *((".", True), ("../core", False), ("tool", True), ("stranger", True)),
    ]


def test_a_lock_of_uv_that_makes_no_sense_is_a_problem(inputs: Inputs) -> None:
    for text in (
        "package = 7\n",
        "package = [7]\n",
        "package = [{source = 7}]\n",
        "package = [{source = {directory = 7}}]\n",
    ):
        inputs.write("uv.lock", text)
        assert "uv.lock: it is not a lock that can be used" in inputs.shown(inputs.project(PROJECT + BUILD))[0]


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
        (HEAD + 'extras = ["x"]\n' + _wheel("a"), "there is no extra 't'; it has x"),
        (HEAD + 'dependency-groups = ["x"]\n' + _wheel("a"), "there is no group 'dev'; it has x"),
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
