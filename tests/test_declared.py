"""What is declared is read from its files, and compared with what is installed; nothing is run."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.markers import default_environment

from envsync.desired import Packages
from envsync.observe.declared import read_declared
from envsync.observed import Declared, Distribution, Origin, Stock
from envsync.plan.packages import unmet

MARKERS = {key: str(value) for key, value in default_environment().items()} | {"python_version": "3.11"}
BUILD = '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'


@dataclass
class Inputs:
    """A folder with files to read."""

    folder: Path

    def write(self, name: str, text: str | bytes) -> str:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(file)

    def requirements(self, text: str | bytes, name: str = "requirements.txt") -> Declared:
        return read_declared(Packages(requirements=(self.write(name, text),)), MARKERS, with_uv=False)

    def project(
        self, text: str, *, groups: tuple[str, ...] = (), extras: tuple[str, ...] = (), with_uv: bool = False
    ) -> Declared:
        self.write("pyproject.toml", text)
        packages = Packages(project=str(self.folder), groups=groups, extras=extras)
        return read_declared(packages, MARKERS, with_uv=with_uv)


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    def refuse(*arguments: object, **_: object) -> None:
        pytest.fail(f"a process was started: {arguments}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    (tmp_path / "in").mkdir()
    return Inputs(tmp_path / "in")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb>=1,<2\n", ["a", "b>=1,<2"]),
        ("# all\na # why\n\n   \nb#c\n", ["a"]),
        ("a>=1, \\\n  <2\nb\n", ["a<2,>=1", "b"]),
        ("a\r\nb>=1, \\\r\n <2\r\n", ["a", "b<2,>=1"]),
        (b"\xef\xbb\xbfa\nb\n", ["a", "b"]),
        ('a; python_version < "3"\nb; python_version >= "3.11"\n', ["b"]),
        ("a[x,y]>=1\n", ["a[x,y]>=1"]),
        ("a==1 --hash=sha256:00 \\\n  --hash=sha256:11\nb==1 --config-settings k=v\n", ["a==1", "b==1"]),
        ("-i https://x/\n--extra-index-url=https://y/\n--find-links z\n--no-index\n--pre\na\n", ["a"]),
        ("--prefer-binary\n--only-binary :all:\n--no-binary=a\n--require-hashes\n--trusted-host x\na\n", ["a"]),
        ("a @ https://x/a-1-py3-none-any.whl\n", ["a @ https://x/a-1-py3-none-any.whl"]),
        ("a @ git+https://x/a@main#subdirectory=s\n", ["a @ git+https://x/a@main#subdirectory=s"]),
        ("", []),
    ],
)
def test_the_lines_of_a_requirements_file_are_understood(
    inputs: Inputs, text: str | bytes, expected: list[str]
) -> None:
    found = inputs.requirements(text)
    assert [_plain(one) for one in found.requirements] == [_plain(one) for one in expected]
    assert found.problems == ()


def _plain(requirement: str) -> str:
    name, mark, rest = requirement.partition(";")[0].replace(" ", "").partition(">")
    return f"{name}{','.join(sorted(f'{mark}{rest}'.split(',')))}".replace("<2,>=1", ">=1,<2")


def test_included_files_are_read_from_where_they_are(inputs: Inputs) -> None:
    inputs.write("deep/more.txt", "b\n--constraint=../limits.txt\n-r again.txt\n")
    inputs.write("deep/again.txt", "c\n-r more.txt\n")
    inputs.write("limits.txt", "a<3\nb<4\n")
    inputs.write("lib/pyproject.toml", "")
    found = inputs.requirements("a\n-r deep/more.txt\n-e ./lib[x]\n")
    assert found.requirements == ("a", "b", "c")
    assert found.constraints == ("a<3", "b<4")
    assert found.editables == (str(inputs.folder / "lib"),)
    assert {os.path.basename(file) for file in found.files} >= {
        "requirements.txt",
        "more.txt",
        "again.txt",
        "limits.txt",
    }
    assert not found.unsure


@pytest.mark.parametrize("line", ["-r gone.txt", "-c gone.txt", "--requirement=gone.txt"])
def test_an_included_file_that_is_gone_is_a_problem(inputs: Inputs, line: str) -> None:
    found = inputs.requirements(f"a\n{line}\n")
    assert [problem for problem in found.problems if "gone.txt" in problem]
    assert str(inputs.folder / "gone.txt") in found.files


@pytest.mark.parametrize(
    "line", ["./some.whl", "https://x/a.tar.gz", "git+https://x/a", "-e git+https://x/a", "-r https://x/r"]
)
def test_what_only_an_installer_can_tell_is_left_to_it_once(inputs: Inputs, line: str) -> None:
    found = inputs.requirements(f"{line}\n")
    assert found.unsure
    assert unmet(found, Stock(), MARKERS, None) == ["not installed yet"]
    assert unmet(found, Stock(), MARKERS, found.digest) == []
    assert unmet(inputs.requirements(f"# new\n{line}\n"), Stock(), MARKERS, found.digest) != []


def test_groups_may_include_others_and_extras_are_the_projects(inputs: Inputs) -> None:
    text = (
        '[project]\nname = "blog"\nversion = "1"\ndependencies = ["a"]\n'
        '[project.optional-dependencies]\nx = ["b"]\ny = ["no"]\n'
        '[dependency-groups]\nall = [{include-group = "dev"}, "d"]\ndev = ["c"]\nother = ["no"]\n'
    )
    found = inputs.project(text, groups=("all",), extras=("x",))
    assert set(found.requirements) == {"a", "b", "c", "d"}, "a project that builds nothing is only what it needs"
    assert {"a", "b", "c", "d"} == set(found.arguments)
    found = inputs.project(text + BUILD, groups=("all",), extras=("x",))
    assert set(found.requirements) == {"a", "b", "c", "d", "blog[x]"}
    assert found.arguments[-2:] == ("-e", f"{inputs.folder}[x]")


@pytest.mark.parametrize(
    "text",
    [
        "[project",
        "[dependency-groups]\n",
        '[dependency-groups]\ndev = [{include-group = "dev"}]\n',
        '[dependency-groups]\ndev = ["not a requirement !"]\n',
        "[dependency-groups]\ndev = 7\n",
        "dependency-groups = 7\n",
        "project = 7\ndependency-groups.dev = []\n",
        "tool = 7\ndependency-groups.dev = []\n",
        "tool.uv = 7\ndependency-groups.dev = []\n",
        "project.optional-dependencies = 7\ndependency-groups.dev = []\n",
    ],
)
def test_a_project_that_makes_no_sense_is_a_problem_and_no_crash(inputs: Inputs, text: str) -> None:
    assert inputs.project(text, groups=("dev",)).problems


LOCK = """lock-version = "1.0"
created-by = "test"
[[packages]]
name = "a"
version = "1.0"
[[packages.wheels]]
name = "a-1.0-py3-none-any.whl"
url = "https://x/a-1.0-py3-none-any.whl"
hashes = { sha256 = "00" }
[[packages]]
name = "b"
version = "2.0"
marker = "python_version < '3'"
[[packages.wheels]]
name = "b-2.0-py3-none-any.whl"
url = "https://x/b-2.0-py3-none-any.whl"
hashes = { sha256 = "11" }
"""


def test_a_lock_says_which_versions(inputs: Inputs) -> None:
    inputs.write("pylock.toml", LOCK)
    found = inputs.project('[project]\nname = "blog"\ndependencies = ["a"]\n')
    assert (found.requirements, found.problems) == (("a==1.0",), ())
    assert found.locked == ("a==1.0 --hash=sha256:00",)
    old = Stock((Distribution("a", "0.9"),))
    assert unmet(found, old, MARKERS, None) == ["a 0.9 is installed, a==1.0 is wanted"]
    inputs.write("pylock.toml", LOCK.replace("lock-version", "version"))
    assert inputs.project('[project]\nname = "blog"\n').problems


def test_uvs_lock_is_for_uv(inputs: Inputs) -> None:
    inputs.write("uv.lock", "version = 1\n")
    text = '[project]\nname = "blog"\ndependencies = ["a"]\n'
    found = inputs.project(text, with_uv=True)
    assert (found.sync, found.unsure) == (str(inputs.folder), True)
    assert inputs.project(text).requirements == ("a",)
    inputs.write("uv.lock", "version = 2\n")
    assert inputs.project(text, with_uv=True).digest != found.digest


@pytest.mark.parametrize(
    ("wanted", "origin", "met"),
    [
        ("a @ file:///w/a.whl", "file:///w/a.whl", True),
        ("a @ file:///w/a.whl", "file:///w/b.whl", False),
        ("a @ file:///w/a.whl", None, False),
        ("a @ git+https://x/a@main", "git+https://x/a@0123", True),
        ("a @ git+https://x/a", "git+https://x/a@0123", True),
        ("a @ git+ssh://git@x/a", "git+ssh://git@x/a@0123", True),
        ("a @ git+https://x/a", "git+https://x/b@0123", False),
        (f"a @ git+https://x/a@{'0' * 40}", f"git+https://x/a@{'0' * 40}", True),
        (f"a @ git+https://x/a@{'0' * 40}", f"git+https://x/a@{'1' * 40}", False),
        ("a @ git+https://x/a#subdirectory=s", "git+https://x/a@0#subdirectory=s", True),
        ("a @ git+https://x/a#subdirectory=s", "git+https://x/a@0#subdirectory=t", False),
    ],
)
def test_a_url_is_met_by_what_came_from_there(wanted: str, origin: str | None, met: bool) -> None:
    stock = Stock((Distribution("a", "1", origin=Origin(origin) if origin else None),))
    assert (unmet(Declared((wanted,)), stock, MARKERS, None) == []) == met
