"""Requirements files are read for what counts; what they ask for goes to the installer as it stands."""

import os

import pytest

from envsync.model.packages import Call, Project
from harness.declaring import Inputs, arguments, facts_of


def test_what_is_declared_goes_to_the_installer_as_it_stands(inputs: Inputs) -> None:
    inputs.write("limits.txt", "a<3\n")
    file = inputs.write("requirements.txt", 'a>=1 ; python_version < "4"\n')
    limits = str(inputs.root / "limits.txt")
    found = inputs.read(packages=("b[x]>=2 ; os_name == 'posix'",), requirements=(file,), constraints=(limits,))
    call = Call(("b[x]>=2 ; os_name == 'posix'", "-r", file, "-c", limits), str(inputs.root))
    assert (found.installer, found.calls, found.problems) == ("uv", (call,), ())
    assert found.directory == str(inputs.root)
    assert set(found.files) == {file, limits}


def test_packages_alone_need_no_directory(inputs: Inputs) -> None:
    assert inputs.read(packages=("a",)).calls == (Call(("a",), "/"),)
    assert inputs.read().calls == ()


def test_pre_releases_and_trusted_hosts_are_told_to_uv(inputs: Inputs) -> None:
    text = "--pre\n--trusted-host x.example\na\n"
    found = inputs.requirements(text)
    assert arguments(found)[2:] == ("--prerelease=allow", "--allow-insecure-host=x.example")
    assert len(arguments(inputs.requirements(text, wanted="pip"))) == 2


@pytest.mark.parametrize(("version", "installer"), [("3.7", "pip"), ("3.8", "uv"), ("3.13t", "uv")])
def test_uv_is_for_pythons_that_it_knows(inputs: Inputs, version: str, installer: str) -> None:
    inputs.facts = facts_of(version)
    assert inputs.read(packages=("a",)).installer == installer
    assert inputs.read(packages=("a",), uv=None).installer == "pip"


def test_index_options_are_collected_with_absolute_paths(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    inputs.write("deep/wheels/x", "")
    inputs.write("deep/more.txt", "-f wheels\n--no-binary a,b\n-i https://u:${TOKEN}@x.example/\n")
    found = inputs.requirements("-r deep/more.txt\n--extra-index-url=https://y.example/\n--pre\n", wanted="pip")
    assert found.index == (
        f"--find-links {inputs.root}/deep/wheels",
        *("--no-binary a", "--no-binary b"),
        "--index-url https://u:secret@x.example/",
        "--extra-index-url https://y.example/",
        "--pre",
    )
    assert found.variables == ("TOKEN",)
    inputs.write("wheels/x", "")
    inputs.write("deep/more.txt", "-f ../deep/../wheels\n--find-links nowhere\n")
    inputs.write("nowhere/x", "")
    found = inputs.requirements("-r deep/more.txt\n")
    assert found.index == (f"--find-links {inputs.root}/wheels", f"--find-links {inputs.root}/nowhere")


def test_hashes_are_collected_as_constraints(inputs: Inputs) -> None:
    text = "A[x]==1.0 ; os_name == 'posix' --hash=sha256:00 \\\n  --hash sha256:11 # why\nb\nc>=1 --hash=sha256:22\n"
    assert inputs.requirements(text).hashes == ('A==1.0; os_name == "posix" --hash=sha256:00 --hash=sha256:11',)


def test_included_files_are_read_from_where_they_are_once_for_each_role(inputs: Inputs) -> None:
    inputs.write("deep/more.txt", "b\n--constraint=../limits.txt\n-r again.txt\n")
    inputs.write("deep/again.txt", "c\n-r more.txt\n")
    inputs.write("limits.txt", "-e ./lib\n")
    inputs.write("lib/pyproject.toml", "")
    file = inputs.write("requirements.txt", "-c limits.txt\n-r limits.txt\n-r deep/more.txt\n")
    found = inputs.read(requirements=(file,))
    names = {os.path.relpath(one, inputs.root) for one in found.files}
    assert names >= {"requirements.txt", "deep/more.txt", "deep/again.txt", "limits.txt", "lib/pyproject.toml"}
    assert found.projects == (Project(f"{inputs.root}/lib", editable=True),)
    assert found.problems == ()


def test_a_flood_of_includes_ends(inputs: Inputs) -> None:
    for number in range(40):
        inputs.write(f"r{number}.txt", f"-r r{number + 1}.txt\n-r r{number + 1}.txt\n-c r{number + 1}.txt\n")
    inputs.write("r40.txt", "a\n")
    assert inputs.requirements("-r r0.txt\n").problems == ()
    for number in range(200):
        inputs.write(f"s{number}.txt", f"-r s{number + 1}.txt\n")
    assert "more than 100 files" in repr(inputs.requirements("-r s0.txt\n").problems)


@pytest.mark.parametrize(
    "line",
    [
        *("./lib", "-e ./lib", "-e ./lib[x,y]", "./lib[x]", "lib/", "-e lib", "--editable=./lib"),
        *("file:./lib", "file:lib", "lib @ file:lib", "-e file:lib#egg=lib", "file://localhost{root}/lib"),
        *("{root}/lib", "-e {root}/lib", "lib @ file://{root}/lib", "lib[x] @ file://{root}/lib ; os_name=='posix'"),
        *("${{HERE}}/lib", "-e ${{HERE}}/lib", "lib @ file://${{HERE}}/lib"),
    ],
)
def test_local_projects_are_found(inputs: Inputs, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setenv("HERE", str(inputs.root))
    inputs.write("lib/setup.py", "")
    found = inputs.requirements(line.format(root=inputs.root))
    assert found.problems == ()
    assert found.projects == (Project(f"{inputs.root}/lib", editable="-e" in line),)
    metadata = found.metadata
    inputs.write("lib/setup.py", "new")
    again = inputs.requirements(line.format(root=inputs.root))
    assert (again.metadata == metadata, again.digest == found.digest) == (False, False)


def test_paths_are_read_from_the_directory_that_they_are_written_for(inputs: Inputs) -> None:
    inputs.write("repo/pyproject.toml", '[project]\nname = "x"\nversion = "1"\n')
    inputs.write("repo/core/setup.py", "")
    file = inputs.write("repo/requirements/dev.txt", "-e .\n-e ./core\na\n")
    repo = str(inputs.root / "repo")
    for project in (repo, None):
        (call,) = inputs.read(requirements=(file,), project=project).calls
        assert isinstance(call, Call)
        assert call.directory == repo
    inputs.write("repo/requirements/setup.py", "")
    inputs.write("repo/requirements/core/setup.py", "")
    (call,) = inputs.read(requirements=(file,)).calls
    assert isinstance(call, Call)
    assert call.directory == f"{repo}/requirements", "the nearest that has all"


def test_files_for_different_directories_get_a_call_each(inputs: Inputs) -> None:
    files = []
    for name in ("aa", "bb"):
        inputs.write(f"{name}/setup.py", "")
        files.append(inputs.write(f"{name}/requirements.txt", "-e .\n"))
    plain, limits = inputs.write("plain.txt", "a\n"), inputs.write("limits.txt", "a<2\n")
    found = inputs.read(requirements=(*files, plain), constraints=(limits,), packages=("b",))
    assert found.calls == (
        Call(("b", "-r", files[0], "-r", plain, "-c", limits), f"{inputs.root}/aa"),
        Call(("-r", files[1], "-c", limits), f"{inputs.root}/bb"),
    )
    assert {one.path for one in found.projects} == {f"{inputs.root}/aa", f"{inputs.root}/bb"}


def test_a_local_wheel_counts_by_its_content(inputs: Inputs) -> None:
    wheel = inputs.write("vendor/app-1.0-py3-none-any.whl", "one")
    found = inputs.requirements("./vendor/app-1.0-py3-none-any.whl\n")
    assert (found.problems, found.projects, wheel in found.files) == ((), (), True)
    inputs.write("vendor/app-1.0-py3-none-any.whl", "two")
    assert inputs.requirements("./vendor/app-1.0-py3-none-any.whl\n").digest != found.digest


def test_the_digest_is_of_all_that_counts_and_not_of_the_installer(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALUE", "1")
    inputs.write("more.txt", "a @ https://x.example/${VALUE}/a.zip\n")
    digest = inputs.requirements("-r more.txt\n").digest
    assert len(digest) == 32
    assert inputs.requirements("-r more.txt\n", wanted="pip").digest == digest
    monkeypatch.setenv("VALUE", "2")
    assert inputs.requirements("-r more.txt\n").digest != digest
    monkeypatch.setenv("VALUE", "1")
    inputs.write("more.txt", "a @ https://x.example/${VALUE}/a.zip\nb\n")
    assert inputs.requirements("-r more.txt\n").digest != digest
    assert inputs.read(packages=("a",)).digest != inputs.read(packages=("a",), exact=True).digest
    assert inputs.read(packages=("a",)).digest == inputs.read(packages=("a",), on_missing="relax").digest


def test_files_that_cannot_be_read_are_problems_and_nothing_waits(
    inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(inputs.root / "fifo")
    (inputs.root / "folder").mkdir()
    (inputs.root / "loop").symlink_to("loop")
    with open(inputs.root / "huge", "wb") as stream:
        stream.truncate(33 << 20)
    for name, words in (("fifo", "not a regular file"), ("folder", "not a regular file"), ("huge", "larger than")):
        assert words in repr(inputs.requirements(f"-r {name}\n").problems)
    assert inputs.requirements("-r loop\n").problems
    monkeypatch.setattr("locale.getencoding", lambda: "ascii")
    for content in (b"\0", b"-r a\0b\n", b"./a\0b\n", b"\xff\xfe\x00", b"# coding: nonsense\n", b"caf\xe9\n"):
        assert inputs.requirements(content, wanted="pip").problems
    found = inputs.requirements(b"-r \x1b[2J.txt", wanted="pip")
    assert found.problems
    assert all(one.isprintable() for one in found.problems)


def test_other_encodings_are_for_pip(inputs: Inputs) -> None:
    for content in ("# coding: latin-1\na # caf\xe9\n".encode("latin-1"), "a\n".encode("utf-32")):
        assert inputs.requirements(content).installer == "pip"
        assert inputs.requirements(content, wanted="uv").problems
