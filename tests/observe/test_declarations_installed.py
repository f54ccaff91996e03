"""What is read of declarations is right by the installers' own judgement: real uv and real pip carry it out."""

import hashlib
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from uv import find_uv_bin

from envsync.model.packages import Call
from harness.declaring import Inputs, Site
from harness.wheels import make_project, make_wheel

pytestmark = pytest.mark.sampled(5)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site.make(Path(os.path.realpath(tmp_path)))


@pytest.fixture
def inputs(site: Site) -> Inputs:
    (site.root / "in").mkdir()
    return Inputs(site.root / "in")


def _hash(wheel: Path) -> str:
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


@pytest.mark.both_installers
def test_a_requirements_file_with_much_in_it(
    site: Site, inputs: Inputs, installer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES", str(inputs.root / "place"))
    make_project(inputs.root / "place" / "own", "own", dependencies=["lib"])
    inputs.write("limits.txt", "lib<2\n")
    inputs.write("deep/more.txt", 'app[fast]\nnever ; python_version < "3"\n')
    text = "-e ${SOURCES}/own\n-r deep/more.txt # why\n--constraint=limits.txt\n"
    found = inputs.requirements(text.encode("utf-16"), wanted=installer)
    assert site.carry_out(found) == {"own": "1.0", "lib": "1.0", "app": "1.0", "speed": "1.0"}


@pytest.mark.both_installers
def test_pre_releases_that_a_file_asks_for(site: Site, inputs: Inputs, installer: str) -> None:
    assert site.carry_out(inputs.requirements("--pre\nlib\n", wanted=installer)) == {"lib": "3.0rc1"}


def test_what_pip_alone_reads(site: Site, inputs: Inputs) -> None:
    make_project(inputs.root / "my own", "own")
    text = "lib \\\n  ==1.0\n-e 'my own'\n--prefer-binary\napp --config-settings a=b\n"
    assert site.carry_out(inputs.requirements(text)) == {"lib": "1.0", "own": "1.0", "app": "1.0"}


@pytest.mark.both_installers
def test_paths_from_the_root_of_a_repository(site: Site, inputs: Inputs, installer: str) -> None:
    make_project(inputs.root, "whole", dependencies=["core"])
    make_project(inputs.root / "core", "core", dependencies=["lib"])
    file = inputs.write("requirements/dev.txt", "-e .\n-e ./core\nlib==1.0\n")
    for name in ("aa", "bb"):
        make_project(site.root / name, name)
        inputs.write(f"../{name}/requirements.txt", "-e .\n")
    files = (file, *(str(site.root / name / "requirements.txt") for name in ("aa", "bb")))
    found = inputs.read(requirements=files, wanted=installer)
    assert site.carry_out(found) == {"whole": "1.0", "core": "1.0", "lib": "1.0", "aa": "1.0", "bb": "1.0"}


VIRTUAL = """[project]
name = "app"
version = "9"
requires-python = ">=3.8"
dependencies = ["lib"]
[project.optional-dependencies]
t = ["speed"]
all = ["app[t]"]
[dependency-groups]
dev = [{include-group = "Pins"}]
pins = ["lib==1.0"]
"""


@pytest.mark.both_installers
def test_a_list_of_dependencies_with_extras_and_groups(site: Site, inputs: Inputs, installer: str) -> None:
    found = inputs.project(VIRTUAL, extras=("all",), groups=("dev",), wanted=installer)
    assert site.carry_out(found) == {"lib": "1.0", "speed": "1.0"}, "app of the index is a stranger"


@pytest.mark.both_installers
def test_a_package_with_extras_and_groups(site: Site, inputs: Inputs, installer: str) -> None:
    more = 'optional-dependencies = { t = ["speed"] }\n[dependency-groups]\ndev = ["lib==1.0"]'
    make_project(inputs.root, "own", more=more)
    for editable in (True, False):
        found = inputs.read(
            wanted=installer, project=str(inputs.root), extras=("t",), groups=("dev",), editable=editable
        )
        assert site.carry_out(found) == {"own": "1.0", "speed": "1.0", "lib": "1.0"}


def _lock(directory: Path, wheels: Path, *export: str) -> None:
    uv = os.fsdecode(find_uv_bin())
    variables = os.environ | {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels), "UV_OFFLINE": "1"}
    subprocess.run([uv, "lock", "-q"], cwd=directory, env=variables, check=True)
    if export:
        command = [uv, "export", "-q", "--format", "pylock.toml", "-o", "pylock.toml", *export]
        subprocess.run(command, cwd=directory, env=variables, check=True)
        (directory / "uv.lock").unlink()


@pytest.mark.both_installers
def test_a_lock_with_the_project_in_it(site: Site, inputs: Inputs, installer: str) -> None:
    make_project(inputs.root, "own", dependencies=["app"], more='requires-python = ">=3.8"')
    _lock(inputs.root, site.wheels, "--no-dev")
    found = inputs.read(project=str(inputs.root), wanted=installer)
    (site.root / "nothing").mkdir()
    assert site.carry_out(found, links=site.root / "nothing") == {"own": "1.0", "app": "1.0", "lib": "2.0"}
    assert not site.has("lib", "direct_url.json")
    assert [one.path for one in found.projects] == [str(inputs.root)]


@pytest.mark.both_installers
def test_a_lock_is_held_against_another_file_of_the_same_version(
    site: Site, inputs: Inputs, installer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs.write("pyproject.toml", VIRTUAL)
    _lock(inputs.root, site.wheels, "--no-dev")
    strange = make_wheel(site.root / "strange", "lib", "1.0", ["evil"])
    right = site.wheels / "lib-1.0-py3-none-any.whl"
    assert _hash(strange) != _hash(right)
    found = inputs.project(VIRTUAL, wanted=installer)
    assert site.carry_out(found, links=strange.parent)["lib"] == "1.0"
    shutil.rmtree(site.root / "site")
    site = Site.make(site.root)
    monkeypatch.setenv("XDG_CACHE_HOME", str(site.root / "cache"))
    right.write_bytes(strange.read_bytes())
    done = [site.run(installer, call, links=strange.parent) for call in found.calls]
    assert any(one.returncode for one in done)
    assert "lib" not in site.installed()


@pytest.mark.both_installers
def test_groups_and_extras_of_a_lock(site: Site, inputs: Inputs, installer: str) -> None:
    text = 'lock-version = "1.0"\ncreated-by = "test"\nextras = ["t"]\ndependency-groups = ["dev"]\n'
    for name, marker in (("lib", "'dev' in dependency_groups"), ("speed", "'t' in extras"), ("app", "")):
        wheel = site.wheels / f"{name}-1.0-py3-none-any.whl"
        place = os.path.relpath(wheel, inputs.root)
        text += f'[[packages]]\nname = "{name}"\nversion = "1.0"\n' + (f'marker = "{marker}"\n' if marker else "")
        text += f'wheels = [{{ path = "{place}", hashes = {{ sha256 = "{_hash(wheel)}" }} }}]\n'
    inputs.write("pylock.toml", text)
    plain = VIRTUAL.replace("all = [", "other = [")
    assert site.carry_out(inputs.project(plain, wanted=installer)) == {"app": "1.0"}
    assert site.carry_out(inputs.project(plain, wanted=installer, extras=("t",))) == {"app": "1.0", "speed": "1.0"}
    found = site.carry_out(inputs.project(plain, wanted=installer, groups=("dev",)))
    assert found == {"app": "1.0", "speed": "1.0", "lib": "1.0"}


def test_a_member_of_a_workspace_is_synced_by_the_lock_of_its_root(site: Site, inputs: Inputs) -> None:
    inputs.write("pyproject.toml", '[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    member = inputs.root / "packages" / "one"
    make_project(member, "one", dependencies=["lib<2"], more='requires-python = ">=3.8"')
    _lock(inputs.root, site.wheels)
    found = inputs.read(project=str(member))
    assert site.carry_out(found) == {"one": "1.0", "lib": "1.0"}
    assert tomllib.loads((inputs.root / "uv.lock").read_text())["version"] == 1


TAKEN = [
    *("lib==1.0", "lib[x]", "lib ; python_version > '3'", "./own", "-e ./own", "-e own", "own/", "file:own"),
    *("--no-binary :none:\nlib", "--only-binary=:all:\nlib", "--no-index\nlib", "-f links\nlib", "-r 'q.txt'"),
    *("lib==1.0 \\\n# c\nlib", "# c \\\nlib", "lib # c \\\n", "-e ./own ; python_version < '3'"),
    *("-r=q.txt", "-r ${HERE}/q.txt", "own @ file://${HERE}/own", "-c q.txt\nlib", "-c q\\.txt\nlib"),
]
"""What uv reads as it is meant."""
SKIPPED = [
    *("--prefer-binary\nlib", "--use-feature=fast-deps\nlib", "lib # c \\\nlib", "-i https://x.example/ --pre\nlib"),
    *("lib ; python_version > '${VERSION}'", "own @ file://${HERE}/own ; '${VERSION}' in os_name"),
]
"""What uv passes over or takes for something else, with exit 0."""
REFUSED = [
    *("lib==1.0 \\\n\n", "lib \\\n ==1.0", "lib==\\\n1.0", "lib==1.0\\", "-r \\\nq.txt", "-r"),
    *("-e './own'", '-e "own"', "--no-binary a,b\nlib", "-f nowhere\nlib", '-f "x\nlib'),
    "-i https://x.example/\n-i https://y.example/\nlib",
]
"""What uv itself refuses: nothing of ours has to."""
FOR_PIP = [
    *("lib==${VERSION}", "${PACKAGE}", "-e.", "-rq.txt", "--no-require-hashes\nlib", "--all-releases :all:\nlib"),
    *("lib --config-settings a=b", "-e ./own --config-settings a=b", "lib ; python_version > '${VERSION}'"),
    *("--prefer-binary\nlib", "--use-feature=fast-deps\nlib", "lib # c \\\nlib", "--no-index --pre\nlib"),
]
"""What pip alone reads, and is chosen for."""


def _fingerprint(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what the lines name."""
    for name, value in (("VERSION", "1.0"), ("PACKAGE", "lib"), ("HERE", str(inputs.root))):
        monkeypatch.setenv(name, value)
    make_project(inputs.root / "own", "own")
    make_project(inputs.root, "whole")
    inputs.write("q.txt", "lib\n")
    inputs.write("links/x", "")


@pytest.mark.parametrize("text", [*TAKEN, *SKIPPED, *REFUSED])
def test_uv_reads_refuses_or_skips_just_what_is_said(
    site: Site, inputs: Inputs, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line is given to uv as it is; what it does not refuse must be what the reader lets pass."""
    _fingerprint(inputs, monkeypatch)
    found = inputs.requirements(text, wanted="uv")
    done = site.run("uv", Call(("--dry-run", "-r", f"{inputs.root}/requirements.txt"), str(inputs.root)))
    assert (done.returncode == 0) == (text not in REFUSED), done.stderr
    assert (found.problems == ()) == (text in TAKEN) or text in REFUSED


def test_pip_takes_what_is_left_to_it(site: Site, inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    """All lines that only pip can carry out stand in one file."""
    _fingerprint(inputs, monkeypatch)
    for text in FOR_PIP:
        assert inputs.requirements(text).installer == "pip"
        assert inputs.requirements(text, wanted="uv").problems
    found = inputs.requirements("\n\n".join(FOR_PIP), wanted="pip")
    assert found.problems == ()
    done = site.run("pip", Call(("--dry-run", "-r", f"{inputs.root}/requirements.txt"), str(inputs.root)))
    assert done.returncode == 0, done.stderr
