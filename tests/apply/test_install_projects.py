"""Projects and locks mean what their installer takes them for, whatever builds them."""

import hashlib
import re
from pathlib import Path

import pytest

from envsync.cli.main import main
from harness.depot import Depot
from harness.stability import (
    assert_conflict,
    assert_each_is_missed,
    assert_fails,
    assert_stable,
    change,
    make,
    skip_unless,
)
from harness.wheels import make_project

pytestmark = [pytest.mark.sampled(18), pytest.mark.both_installers]
UNBUILT = '[project]\nname = "blog"\nversion = "1.0"\nrequires-python = ">=3.8"\n'


def project(depot: Depot, more: str = "", *dependencies: str, name: str = "blog") -> Path:
    directory = make_project(depot.root / name, name, "1.0", dependencies, more)
    text = (directory / "pyproject.toml").read_text().replace("[project]\n", '[project]\nrequires-python = ">=3.8"\n')
    (directory / "pyproject.toml").write_text(text)
    return directory


def lock(depot: Depot, directory: Path) -> None:
    depot.uv("lock", "--project", str(directory), "--python", str(depot.link / "python"))


def edit(directory: Path, before: str, after: str) -> None:
    text = (directory / "pyproject.toml").read_text()
    assert before in text
    (directory / "pyproject.toml").write_text(text.replace(before, after))


@pytest.mark.parametrize("built", [True, False])
def test_an_extra_that_names_its_own_project_brings_no_stranger(depot: Depot, built: bool) -> None:
    depot.wheel("blog", "6.6")
    extras = '[project.optional-dependencies]\ntest = ["lib"]\nall = ["blog[test]", "Blog[more]"]\nmore = ["speed"]\n'
    directory = project(depot, extras, "tool")
    if not built:
        (directory / "pyproject.toml").write_text(f'{UNBUILT}dependencies = ["tool"]\n{extras}')
    versions = make(depot, 'project = "blog"', 'extras = ["all"]')
    own = {"blog": "1.0"} if built else {}
    assert versions == {"lib": "1.1", "speed": "3.0", "tool": "0.5", **own}
    assert_each_is_missed(depot)


@pytest.mark.parametrize("editable", ["true", "false"])
def test_a_project_with_its_metadata_elsewhere_is_installed(depot: Depot, editable: str) -> None:
    directory = project(depot)
    edit(directory, (directory / "pyproject.toml").read_text().partition("[build-system]")[0], "")
    (directory / "setup.cfg").write_text(
        "[metadata]\nname = blog\nversion = 1.0\n[options]\ninstall_requires =\n    lib\n"
    )
    assert make(depot, 'project = "blog"', f"editable = {editable}") == {"blog": "1.0", "lib": "1.1"}
    assert_each_is_missed(depot)
    (directory / "setup.cfg").write_text(
        "[metadata]\nname = blog\nversion = 2.0\n[options]\ninstall_requires =\n    tool\n"
    )
    assert change(depot) == {"blog": "2.0", "lib": "1.1", "tool": "0.5"}


@pytest.mark.parametrize("way", ["sources", "url"])
def test_a_project_that_is_required_by_its_path_counts(depot: Depot, way: str) -> None:
    if way == "sources":
        skip_unless(depot, "uv")
    parts = project(depot, "", "lib", name="parts")
    sources = '[tool.uv.sources]\nparts = { path = "../parts", editable = true }\n' if way == "sources" else ""
    project(depot, sources, "parts" if way == "sources" else f"parts @ {parts.as_uri()}")
    assert make(depot, 'project = "blog"') == {"blog": "1.0", "lib": "1.1", "parts": "1.0"}
    depot.install("speed")
    assert main(["check"]) == 0
    edit(parts, '["lib"]', '["lib", "tool"]')
    assert change(depot) == {"blog": "1.0", "lib": "1.1", "parts": "1.0", "speed": "3.0", "tool": "0.5"}


def test_a_directory_that_is_no_project_is_never_in_sync(depot: Depot) -> None:
    (depot.root / "blog").mkdir()
    (depot.root / "blog/pyproject.toml").write_text("[tool.black]\nline-length = 99\n")
    depot.declare('project = "blog"')
    assert_conflict(depot, "pyproject.toml")


@pytest.mark.parametrize("editable", ["true", "false"])
def test_a_change_of_the_projects_own_metadata_is_seen(depot: Depot, editable: str) -> None:
    directory = project(depot)
    edit(directory, "dependencies = []", 'dynamic = ["dependencies"]')
    (directory / "requirements.txt").write_text("")
    assert make(depot, 'project = "blog"', f"editable = {editable}") == {"blog": "1.0"}
    edit(directory, 'version = "1.0"', 'version = "2.0"')
    assert change(depot) == {"blog": "2.0"}
    edit(directory, "scripts = {", 'scripts = { again = "blog:main",')
    change(depot)
    assert depot.says("again").startswith("blog 1.0")
    (directory / "requirements.txt").write_text("lib\n")
    assert change(depot) == {"blog": "2.0", "lib": "1.1"}


def test_a_project_that_is_not_editable_is_built_again_with_its_metadata(depot: Depot) -> None:
    directory = project(depot)
    make(depot, 'project = "blog"', "editable = false")
    (directory / "blog.py").write_text('def main():\n    print("new")\n')
    edit(directory, "dependencies = []", 'dependencies = ["lib"]')
    change(depot)
    assert depot.says("blog") == "new"


def test_groups_and_extras_are_missed(depot: Depot) -> None:
    groups = '[dependency-groups]\ndev = ["speed", { include-group = "test" }]\ntest = ["tool"]\nno = ["nowhere"]\n'
    project(depot, f'optional-dependencies = {{ x = ["lib==1.0"] }}\n{groups}')
    versions = make(depot, 'project = "blog"', 'groups = ["dev"]', 'extras = ["x"]')
    assert versions == {"blog": "1.0", "lib": "1.0", "speed": "3.0", "tool": "0.5"}
    assert_each_is_missed(depot)


@pytest.mark.parametrize(("key", "kind"), [('extras = ["nope"]', "extra"), ('groups = ["nope"]', "group")])
def test_an_extra_or_a_group_that_is_not_there_is_refused(depot: Depot, key: str, kind: str) -> None:
    project(depot)
    depot.declare('project = "blog"', key)
    assert_conflict(depot, f"no {kind} 'nope'", "pyproject.toml")


def test_a_group_and_an_extra_may_be_empty(depot: Depot) -> None:
    project(depot, "optional-dependencies = { x = [] }\n[dependency-groups]\ndev = []\n")
    assert make(depot, 'project = "blog"', 'groups = ["dev"]', 'extras = ["x"]') == {"blog": "1.0"}
    assert_stable(depot)


def test_a_group_in_its_old_place_is_installed(depot: Depot) -> None:
    directory = project(depot, '[tool.uv]\ndev-dependencies = ["lib"]\n')
    if depot.installer == "uv":
        lock(depot, directory)
    assert make(depot, 'project = "blog"', 'groups = ["dev"]') == {"blog": "1.0", "lib": "1.1"}
    assert_each_is_missed(depot)


def test_the_lock_of_a_workspace_holds_for_its_members(depot: Depot) -> None:
    skip_unless(depot, "uv")
    directory = depot.root / "root"
    (directory / "packages").mkdir(parents=True)
    project(depot, "", "lib", name="member").rename(directory / "packages/member")
    (directory / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    lock(depot, directory)
    depot.wheel("lib", "2.0")
    assert make(depot, 'project = "root/packages/member"') == {"lib": "1.1", "member": "1.0"}
    assert_each_is_missed(depot)


def test_what_a_lock_chose_is_not_judged_by_metadata(depot: Depot) -> None:
    skip_unless(depot, "uv")
    depot.wheel("strict", "1.0", "lib<1.1")
    directory = project(depot, '[tool.uv]\noverride-dependencies = ["lib==1.1"]\n', "strict")
    lock(depot, directory)
    assert make(depot, 'project = "blog"') == {"blog": "1.0", "lib": "1.1", "strict": "1.0"}
    assert_each_is_missed(depot)
    depot.flip("3.12")
    assert change(depot, "rebuilt") == {"blog": "1.0", "lib": "1.1", "strict": "1.0"}


def test_a_lock_that_is_behind_its_project_is_told(depot: Depot) -> None:
    skip_unless(depot, "uv")
    directory = project(depot)
    lock(depot, directory)
    make(depot, 'project = "blog"')
    edit(directory, "dependencies = []", 'dependencies = ["lib"]')
    assert main(["check"]) in {1, 3}
    entry = depot.apply()
    reported = entry["error"] or entry["conflict"]
    assert entry["outcome"] in {"failed", "conflict"}
    assert "uv lock" in f"{reported['message']} {reported['hint']}"


def test_what_pip_cannot_carry_out_is_refused(depot: Depot) -> None:
    skip_unless(depot, "pip")
    directory = project(depot, '[tool.uv.sources]\nlib = { path = "../lib" }\n', "lib")
    depot.declare('project = "blog"')
    assert_conflict(depot, "tool.uv.sources", "lib", "installer")
    edit(directory, '[tool.uv.sources]\nlib = { path = "../lib" }\n', "")
    lock(depot, directory)
    assert_conflict(depot, "uv.lock", "installer")


def test_the_lock_of_another_tool_is_refused(depot: Depot) -> None:
    (project(depot) / "poetry.lock").write_text("")
    depot.declare('project = "blog"')
    assert_conflict(depot, "poetry.lock")


def pylock(directory: Path, *wheels: Path, project: bool = True) -> Path:
    """Write a lock as others do: with the project itself in it."""
    texts = ['lock-version = "1.0"\ncreated-by = "test"\n']
    if project:
        texts.append('[[packages]]\nname = "blog"\ndirectory = { path = ".", editable = true }\n')
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        texts.append(f'[[packages]]\nname = "{name}"\nversion = "{version}"\n[[packages.wheels]]\n')
        texts.append(f'name = "{wheel.name}"\nurl = "{wheel.as_uri()}"\nhashes = {{ sha256 = "{digest}" }}\n')
    (directory / "pylock.toml").write_text("".join(texts))
    return directory / "pylock.toml"


@pytest.mark.parametrize("with_project", [True, False])
def test_a_standard_lock_installs_its_files_and_its_hashes_hold(depot: Depot, with_project: bool) -> None:
    directory = project(depot, "", "corp")
    corp = depot.wheel("corp", "1.0", "lib").rename(directory / "corp-1.0-py3-none-any.whl")
    file = pylock(directory, corp, depot.wheels / "lib-1.0-py3-none-any.whl", project=with_project)
    assert make(depot, 'project = "blog"') == {"blog": "1.0", "corp": "1.0", "lib": "1.0"}
    assert depot.origins()["blog"]["editable"]
    assert_each_is_missed(depot)
    file.write_text(re.sub("[0-9a-f]{64}", "0" * 64, file.read_text()))
    (depot.site / "lib-1.0.dist-info").rename(depot.site / "~ib-1.0.dist-info")
    assert_fails(depot, "hash")


def test_a_named_lock_in_requirements_is_installed(depot: Depot) -> None:
    pylock(depot.root, depot.wheels / "lib-1.0-py3-none-any.whl", project=False).rename(depot.root / "pylock.dev.toml")
    depot.wheel("lib", "2.0")
    assert make(depot, 'requirements = ["pylock.dev.toml"]') == {"lib": "1.0"}
    assert_each_is_missed(depot)


def test_one_project_is_built_by_one_installer_at_a_time(depot: Depot) -> None:
    directory = project(depot)
    with (directory / "backend.py").open("a") as backend:
        backend.write(
            "\n\n_once = build_wheel\n\n\ndef build_wheel(*arguments):\n    import time\n"
            "    os.mkdir('building')  # fails where another one is at it\n    time.sleep(0.3)\n"
            "    os.rmdir('building')\n    return _once(*arguments)\n"
        )
    more = [
        f'[envs.e{n}]\npath = "e{n}"\nproject = "blog"\neditable = false\npython = "{depot.link}/python"' for n in "234"
    ]
    depot.declare('project = "blog"', "editable = false", *more)
    assert main(["apply"]) == 0
    assert all(list(depot.root.glob(f"e{n}/lib/python3*/site-packages/blog.py")) for n in "234")
    assert_stable_all()


def assert_stable_all() -> None:
    assert main(["check"]) == 0
    assert main(["apply"]) == 0


def test_an_old_editable_install_that_is_replaced_leaves_the_others_alone(depot: Depot) -> None:
    depot.wheel("first", "1.0")
    make(depot, 'packages = ["lib"]')
    for name in ("first", "second"):
        info = depot.root / f"{name}/{name}.egg-info"
        info.mkdir(parents=True)
        (info.parent / f"{name}.py").write_text("")
        (info / "PKG-INFO").write_text(f"Metadata-Version: 1.0\nName: {name}\nVersion: 0.9\n")
        (depot.site / f"{name}.egg-link").write_text(f"{info.parent}\n.")
    lines = "".join(f"{depot.root}/{name}\n" for name in ("first", "second"))
    (depot.site / "easy-install.pth").write_text(lines)
    depot.declare('packages = ["lib", "first==1.0", "nowhere"]')
    assert_fails(depot, "nowhere")
    assert (depot.site / "easy-install.pth").read_text() == lines
    depot.declare('packages = ["lib", "first==1.0"]')
    assert change(depot)["first"] == "1.0"
    assert f"{depot.root}/second\n" in (depot.site / "easy-install.pth").read_text()
    assert_stable(depot)
