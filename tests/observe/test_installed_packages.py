"""What is installed is read from the disk alone, as the field's own tools see it; what is broken is reported."""

import importlib.metadata
import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from uv import find_uv_bin

from envsync.model.packages import Distribution, InstalledPackages
from envsync.observe import packages
from envsync.observe.packages import read_all, read_installed
from envsync.observe.record import find_damage
from harness.bench import build
from harness.wheels import make_project, make_repository, make_wheel

LIBRARY = "lib/python3.11"


@pytest.fixture(autouse=True)
def _nothing_runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no process start, but where a test says so."""
    if "real" not in request.fixturenames:
        monkeypatch.setattr(subprocess, "Popen", _refuse)


def _refuse(*arguments: object, **_: object) -> None:
    pytest.fail(f"a process was started: {arguments}")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "end" / LIBRARY / "site-packages"
    site.mkdir(parents=True)
    return site


def installed(site: Path, *, unowned: bool = False) -> InstalledPackages:
    return read_installed(str(site.parents[2]), (LIBRARY,), unowned=unowned)


def unpack(site: Path, name: str, version: str = "1.0", *requires: str, **more: Any) -> Path:
    """Install a wheel, as plainly as can be; gives its metadata directory."""
    wheel = make_wheel(site.parents[2] / "wheels", name, version, requires, **more)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    wheel.unlink()
    wheel.parent.rmdir()
    return site / f"{name.replace('-', '_')}-{version}.dist-info"


def the(installed: InstalledPackages) -> Distribution:
    (one,) = installed.distributions
    return one


def test_names_versions_and_what_they_need_are_read(site: Path) -> None:
    unpack(site, "Some.Thing", "1.2.post1", "lib>=1", 'other; extra == "x"', extras={"y": ["more"]})
    found = the(installed(site))
    assert (found.name, found.version, found.origin, found.legacy) == ("some-thing", "1.2.post1", None, False)
    assert found.requires == ("lib>=1", 'other; extra == "x"', 'more; extra == "y"')


@pytest.mark.parametrize("requested", [True, False])
def test_what_was_asked_for_is_told_from_what_came_along(site: Path, requested: bool) -> None:
    info = unpack(site, "lib")
    if requested:
        (info / "REQUESTED").touch()
    assert the(installed(site)).requested == requested


@pytest.mark.parametrize(
    ("origin", "requirement", "editable"),
    [
        ({"url": "file:///a/b%20c", "dir_info": {"editable": True}}, "/a/b c", True),
        ({"url": "file:///a/b", "dir_info": {}}, "file:///a/b", False),
        ({"url": "file:///a/b", "dir_info": {}, "subdirectory": "s"}, "file:///a/b#subdirectory=s", False),
        ({"url": "file:///a/x-1-py3-none-any.whl", "archive_info": {}}, "file:///a/x-1-py3-none-any.whl", False),
        ({"url": "https://a/x.tgz", "archive_info": {"hashes": {"sha256": "0"}}}, "https://a/x.tgz", False),
        (
            {"url": "https://a/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "main"}},
            "git+https://a/x.git@abc",
            False,
        ),
        (
            {"url": "ssh://git@a/x", "vcs_info": {"vcs": "git", "commit_id": "abc"}, "subdirectory": "s/t"},
            "git+ssh://git@a/x@abc#subdirectory=s/t",
            False,
        ),
        (
            {"url": "https://me:secret@a/x.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            "git+https://a/x.git@abc",
            False,
        ),
        ({"url": "https://secret@a/x.tgz", "archive_info": {}}, "https://a/x.tgz", False),
        ({"url": "https://${USER}:${TOKEN}@a/x.tgz", "archive_info": {}}, "https://${USER}:${TOKEN}@a/x.tgz", False),
    ],
)
def test_where_a_package_came_from_is_read(
    site: Path, origin: dict[str, Any], requirement: str, editable: bool
) -> None:
    (unpack(site, "lib") / "direct_url.json").write_text(json.dumps(origin))
    found = the(installed(site)).origin
    assert found is not None
    assert (found.requirement, found.editable) == (requirement, editable)


def test_a_package_seen_through_lib64_and_linked_directories_counts_once(site: Path, tmp_path: Path) -> None:
    info = unpack(site, "lib")
    info.rename(tmp_path / "far.dist-info")
    info.symlink_to(tmp_path / "far.dist-info")
    (site / "lib_again-1.0.dist-info").symlink_to(info)
    end = site.parents[2]
    (end / "lib64").symlink_to("lib")
    site.rename(tmp_path / "packages")
    site.symlink_to(tmp_path / "packages")
    assert [one.name for one in read_installed(str(end), (LIBRARY, "lib64/python3.11")).distributions] == ["lib"]


@pytest.mark.parametrize(
    "hold",
    [
        {},
        {"RECORD": b""},
        {"METADATA": b""},
        {"METADATA": b"\xff\xfe\x00garbage"},
        {"METADATA": b"Name: lib\n"},
        {"METADATA": b"Version: 1\n"},
        {"METADATA": b"Name: lib\nVersion: \n"},
        {"METADATA": b"Name: lib\nVersion: 1\n", "direct_url.json": b"{"},
        {"METADATA": b"Name: lib\nVersion: 1\n", "direct_url.json": b"[]"},
        {"METADATA": b"Name: lib\nVersion: 1\n", "direct_url.json": b'{"url": 7}'},
        {"METADATA": b"Name: lib\nVersion: 1\n", "direct_url.json": b'{"url": "file:///a", "dir_info": 7}'},
        {"METADATA": b"Name: lib\nVersion: 1\n", "direct_url.json": b'{"url": "a", "vcs_info": {}}'},
        {"METADATA": b"Name: lib\nVersion: 1\n", "direct_url.json": b"[" * 100_000},
        {"METADATA": b"Name: lib\nVersion: 1\n", "direct_url.json": b"\xff"},
    ],
)
def test_broken_metadata_is_told_and_hides_no_other(site: Path, hold: dict[str, bytes]) -> None:
    unpack(site, "app")
    (site / "bad-1.dist-info").mkdir()
    for name, content in hold.items():
        (site / "bad-1.dist-info" / name).write_bytes(content)
    found = installed(site, unowned=True)
    assert found.broken == ("bad-1.dist-info",)
    assert the(found).name == "app"


@pytest.mark.parametrize("kind", ["file", "dangling", "loop", "folder"])
def test_metadata_of_another_kind_is_told(site: Path, kind: str) -> None:
    place = site / "bad-1.dist-info"
    match kind:
        case "file":
            place.write_bytes(b"\0")
        case "folder":
            (place / "METADATA").mkdir(parents=True)
        case _:
            place.symlink_to("gone" if kind == "dangling" else place.name)
    assert installed(site).broken == ("bad-1.dist-info",)


def test_what_pip_had_put_aside_is_not_installed(site: Path) -> None:
    info = unpack(site, "lib")
    unpack(site, "app")
    info.rename(site / "~ib-1.0.dist-info")
    (site / "~roken-1.0.dist-info").mkdir()
    held = installed(site)
    assert (the(held).name, held.broken) == ("app", ())


def test_each_metadata_is_read_once_though_the_files_are_compared_as_well(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpack(site, "app")
    end = str(site.parents[2])
    read = read_all(end, (LIBRARY,))
    monkeypatch.setattr(packages, "read_distribution", lambda _: pytest.fail("it was read again"))
    assert the(read_installed(end, (LIBRARY,), read=read)).name == "app"
    assert [one.package.name for one in find_damage(end, (LIBRARY,), read)] == ["app"]  # without INSTALLER


def test_the_digest_changes_with_what_is_installed_and_with_nothing_else(site: Path) -> None:
    def digest() -> str:
        return installed(site).digest

    info = unpack(site, "lib")
    first = digest()
    assert len(first) == 32
    (info / "REQUESTED").touch()
    (site / "lib.py").write_text("")
    assert digest() == first
    seen = {first}
    for url, fields in (
        ("file:///a", {"dir_info": {}}),
        ("file:///a", {"dir_info": {"editable": True}}),
        ("https://a/b", {"archive_info": {}}),
    ):
        (info / "direct_url.json").write_text(json.dumps({"url": url} | fields))
        seen.add(digest())
    unpack(site, "more")
    seen.add(digest())
    (site / "bad.dist-info").mkdir()
    seen.add(digest())
    assert len(seen) == 6


def test_a_package_without_a_record_is_a_package_still(site: Path) -> None:
    (unpack(site, "lib") / "RECORD").unlink()
    assert the(installed(site)).name == "lib"


def test_an_egg_link_is_an_editable_install(site: Path, tmp_path: Path) -> None:
    project = tmp_path / "pro ject"
    (project / "Blog_x.egg-info").mkdir(parents=True)
    (project / "Blog_x.egg-info/PKG-INFO").write_text("Metadata-Version: 1.0\nName: Blog_x\nVersion: 3\n")
    (site / "blog-x.egg-link").write_text(f"{project}\n.")
    (site / "easy-install.pth").write_text(f"{project}\n")
    found = the(installed(site, unowned=True))
    assert (found.name, found.version) == ("blog-x", "3")
    assert found.origin is not None
    assert (found.origin.requirement, found.origin.editable) == (str(project), True)
    assert installed(site, unowned=True).unowned == ()


def test_an_egg_link_of_a_project_with_its_modules_in_a_directory_leads_to_the_project(
    site: Path, tmp_path: Path
) -> None:
    info = tmp_path / "project/src/blog.egg-info"
    info.mkdir(parents=True)
    (info / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: blog\nVersion: 3\n")
    (site / "blog.egg-link").write_text(f"{tmp_path}/project/src\n../")
    origin = the(installed(site)).origin
    assert origin is not None
    assert origin.requirement == str(tmp_path / "project")


def test_the_files_of_an_egg_link_cannot_be_checked_and_are_not_damaged(site: Path, tmp_path: Path) -> None:
    info = tmp_path / "project/blog.egg-info"
    info.mkdir(parents=True)
    (info / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: blog\nVersion: 3\n")
    (site / "blog.egg-link").write_text(f"{tmp_path}/project\n.")
    (damage,) = find_damage(str(site.parents[2]), (LIBRARY,))
    assert (damage.package.name, damage.damaged) == ("blog", False)


def test_an_egg_link_that_leads_nowhere_is_told(site: Path, tmp_path: Path) -> None:
    (site / "blog.egg-link").write_text(f"{tmp_path}/gone\n.")
    assert installed(site).broken == ("blog.egg-link",)


@pytest.mark.parametrize("as_file", [True, False])
def test_an_egg_info_counts_as_legacy(site: Path, as_file: bool) -> None:
    info = site / "old-1.0.egg-info"
    text = "Metadata-Version: 1.1\nName: old\nVersion: 1.0\n"
    if as_file:
        info.write_text(text)
    else:
        info.mkdir()
        (info / "PKG-INFO").write_text(text)
    found = the(installed(site))
    assert (found.name, found.version, found.legacy) == ("old", "1.0", True)


def test_what_no_package_has_is_unowned(site: Path) -> None:
    unpack(site, "app", scripts={"app": "app:main"})
    end = site.parents[2]
    mine = ["notes.txt", "share/a", "bin/mine", f"{LIBRARY}/site-packages/mine.py"]
    mine += [f"{LIBRARY}/site-packages/mine.pth", f"{LIBRARY}/site-packages/own/a.py"]
    mine += [
        f"{LIBRARY}/site-packages/old-1-py3.11.egg/EGG-INFO/PKG-INFO",
        f"{LIBRARY}/mine",
        "lib/mine",
        "include/m.h",
    ]
    for name in (*mine, "bin/python3", "bin/activate", "pyvenv.cfg", f"{LIBRARY}/site-packages/__pycache__/app.pyc"):
        (end / name).parent.mkdir(parents=True, exist_ok=True)
        (end / name).write_text("")
    reported = installed(site, unowned=True).unowned or ()
    assert [name for name in mine if not any(name == one or name.startswith(f"{one}/") for one in reported)] == []
    assert [one for one in reported if not any(name == one or name.startswith(f"{one}/") for name in mine)] == []


def test_a_file_of_a_users_inside_a_package_is_unowned(site: Path) -> None:
    unpack(site, "app", files={"app/__init__.py": ""})
    (site / "app/mine.py").write_text("")
    assert installed(site, unowned=True).unowned == (f"{LIBRARY}/site-packages/app/mine.py",)


def test_a_script_of_a_package_is_not_unowned(site: Path) -> None:
    info = unpack(site, "app")
    (site.parents[2] / "bin").mkdir()
    (site.parents[2] / "bin/app").write_text("")
    with (info / "RECORD").open("a") as record:
        record.write("../../../bin/app,,\n")
    assert installed(site, unowned=True).unowned == ()


@pytest.fixture
def real(tmp_path: Path, python_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an environment with packages of every kind, as uv installs them."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    end = tmp_path / "end"
    build("uv", python_of("3.11"), end)
    make_wheel(tmp_path / "wheels", "lib", "1.0")
    make_wheel(tmp_path / "wheels", "Some_App", "2.0", ["lib"], scripts={"app": "some_app:main"})
    filed = make_wheel(tmp_path / "other", "filed", "3.0")
    url, commit = make_repository(tmp_path / "repo.git", "gitty")
    command = [find_uv_bin(), "pip", "install", "-q", "--python", f"{end}/bin/python", "-f", f"{tmp_path}/wheels"]
    wanted = ["some-app", str(filed), f"gitty @ {url}@{commit}", "-e", str(make_project(tmp_path / "blog", "blog"))]
    subprocess.run([*command, *wanted], check=True, capture_output=True)
    return end


def test_installed_is_what_other_tools_see_and_needs_no_interpreter(real: Path) -> None:
    site = real / LIBRARY / "site-packages"
    command = [find_uv_bin(), "pip", "list", "-q", "--format", "json", "--python", f"{real}/bin/python"]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    for name in ("python", "python3", "python3.11"):
        os.unlink(real / "bin" / name)
    seen = {
        (canonicalize_name(one.metadata["Name"]), one.version)
        for one in importlib.metadata.distributions(path=[str(site)])
    }
    found = read_installed(str(real), (LIBRARY,), unowned=True)
    assert {(one.name, one.version) for one in found.distributions} == seen
    assert {(canonicalize_name(one["name"]), one["version"]) for one in listed} == seen
    editable = {one.name: one.origin.requirement for one in found.distributions if one.origin and one.origin.editable}
    assert editable == {one["name"]: one["editable_project_location"] for one in listed if len(one) > 2}
    assert {one.name for one in found.distributions if one.origin} == {"blog", "filed", "gitty"}
    assert (found.broken, found.unowned) == ((), ())
