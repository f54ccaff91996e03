"""Requirements files mean what their installer takes them for: all that they bring is looked for, and nothing else."""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from envsync.cli.main import main
from envsync.model.packages import Verdict
from envsync.observe import installer
from harness.depot import Depot
from harness.stability import (
    assert_conflict,
    assert_each_is_missed,
    assert_fails,
    assert_stable,
    change,
    make,
    skip_unless,
    without,
)
from harness.wheels import make_project, make_repository

pytestmark = [pytest.mark.sampled(18), pytest.mark.both_installers]


def write(depot: Depot, name: str, text: str, encoding: str = "utf-8") -> Path:
    file = depot.root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode(encoding))
    return file


def test_what_a_file_says_while_it_is_asked_about_is_not_remembered_for_what_it_said_before(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(depot, "all.txt", "lib<2\n")
    make(depot, 'requirements = ["all.txt"]')
    ask = installer.ask

    def meanwhile(*arguments: Any) -> Verdict:
        file.write_text("lib<2\n")
        return ask(*arguments)

    file.write_text("lib>=7\n")
    with monkeypatch.context() as patch:
        patch.setattr(installer, "ask", meanwhile)
        main(["check"])
    assert file.read_text() == "lib<2\n"
    assert main(["check"]) == 0
    file.write_text("lib>=7\n")
    assert main(["check"]) != 0


def test_packages_and_all_that_they_need_are_missed(depot: Depot) -> None:
    assert make(depot, 'packages = ["app[fast]", "tool"]') == {
        "app": "1.0",
        "lib": "1.1",
        "speed": "3.0",
        "tool": "0.5",
    }
    assert_each_is_missed(depot)


def test_a_wheel_without_a_name_is_missed_and_so_is_what_it_needs(depot: Depot) -> None:
    depot.wheel("app", "1.0", "lib").rename(write(depot, "vendor/app-1.0-py3-none-any.whl", ""))
    write(depot, "all.txt", "./vendor/app-1.0-py3-none-any.whl\n")
    assert make(depot, 'requirements = ["all.txt"]') == {"app": "1.0", "lib": "1.1"}
    assert_each_is_missed(depot)


def test_a_file_that_limits_first_and_is_required_then_is_required(depot: Depot) -> None:
    write(depot, "base.txt", "lib==1.0\n")
    write(depot, "all.txt", "-c base.txt\n-r base.txt\ntool\n")
    assert make(depot, 'requirements = ["all.txt"]') == {"lib": "1.0", "tool": "0.5"}
    assert_each_is_missed(depot)
    depot.declare('requirements = ["all.txt"]', "exact = true")
    depot.apply()
    assert depot.versions() == {"lib": "1.0", "tool": "0.5"}
    assert_stable(depot)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_file_in_another_encoding_is_read_as_installers_do(depot: Depot, encoding: str) -> None:
    write(depot, "all.txt", "lib\r\ntool\r\n", encoding)
    assert make(depot, 'requirements = ["all.txt"]') == {"lib": "1.1", "tool": "0.5"}
    with without(depot, "lib"):
        assert main(["check"]) == 3


@pytest.mark.parametrize(
    "line", ["-e ${WORK}/blog", "-r ${WORK}/base.txt", "lib @ file://${WORK}/wheels/lib-1.0-py3-none-any.whl"]
)
def test_variables_are_expanded_and_count(depot: Depot, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    make_project(depot.root / "blog", "blog", "1.0", ["lib==1.0"])
    write(depot, "base.txt", "lib==1.0\n")
    write(depot, "all.txt", f"{line}\n")
    monkeypatch.setenv("WORK", str(depot.root))
    assert make(depot, 'requirements = ["all.txt"]')["lib"] == "1.0"
    assert_each_is_missed(depot)
    monkeypatch.delenv("WORK")
    assert_conflict(depot, "${WORK}", "all.txt:1")


def test_two_files_of_two_directories_install_a_project_each(depot: Depot) -> None:
    for name in ("one", "two"):
        make_project(depot.root / name, name)
        write(depot, f"{name}/requirements.txt", "-e .\n")
    assert make(depot, 'requirements = ["one/requirements.txt", "two/requirements.txt"]') == {
        "one": "1.0",
        "two": "1.0",
    }
    assert_each_is_missed(depot)


@pytest.mark.parametrize("project", ['project = "blog"', ""])
def test_paths_that_are_meant_from_the_root_of_a_project_are_found_there(depot: Depot, project: str) -> None:
    make_project(depot.root / "blog", "blog", "1.0", ["core"])
    make_project(depot.root / "blog/core", "core", "1.0", ["lib"])
    write(depot, "blog/requirements/dev.txt", "-e .\n-e ./core\nlib==1.0\n")
    versions = make(depot, 'requirements = ["blog/requirements/dev.txt"]', project)
    assert versions == {"blog": "1.0", "core": "1.0", "lib": "1.0"}
    assert_each_is_missed(depot)


@pytest.mark.parametrize("exact", ["exact = true", ""])
def test_what_an_editable_project_needs_is_kept_and_missed(depot: Depot, exact: str) -> None:
    make_project(depot.root / "blog", "blog", "1.0", ["lib"])
    write(depot, "all.txt", "-e ./blog\ntool\n")
    assert make(depot, 'requirements = ["all.txt"]', exact) == {"blog": "1.0", "lib": "1.1", "tool": "0.5"}
    assert_each_is_missed(depot)


def test_exact_removes_what_is_left_over_and_nothing_that_is_needed(depot: Depot) -> None:
    depot.wheel("ring", "1.0", "round")
    depot.wheel("round", "1.0", "ring", 'never; python_version < "3"')
    make(depot, 'packages = ["ring", "app[fast]"]', "exact = true")
    depot.install("tool")
    assert change(depot) == {"app": "1.0", "lib": "1.1", "ring": "1.0", "round": "1.0", "speed": "3.0"}
    depot.declare('packages = ["ring"]', "exact = true")
    assert change(depot) == {"ring": "1.0", "round": "1.0"}


def test_exact_may_leave_nothing(depot: Depot) -> None:
    make(depot, 'packages = ["app"]', "exact = true")
    depot.declare("packages = []", "exact = true")
    assert change(depot) == {}


@pytest.mark.parametrize("nested", [False, True])
def test_hashes_hold(depot: Depot, monkeypatch: pytest.MonkeyPatch, nested: bool) -> None:
    hashed = "".join(
        f"{name}=={version} \\\n    --hash=sha256:{_digest(depot, name, version)}\n"
        for name, version in (("app", "1.0"), ("lib", "1.0"))
    )
    write(depot, "locked.txt", hashed)
    write(depot, "all.txt", "-r locked.txt\n" if nested else hashed)
    assert make(depot, 'requirements = ["all.txt"]') == {"app": "1.0", "lib": "1.0"}
    assert_each_is_missed(depot)
    depot.wheel("lib", "1.0", files={"lib.py": "another = True\n"})
    monkeypatch.setenv("UV_CACHE_DIR", str(depot.root / "cache"))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    with without(depot, "lib"):
        assert_fails(depot, "lib", "hash")
    depot.flip("3.12")
    assert_fails(depot, "lib", "hash")


@pytest.mark.parametrize("line", ["My.Tool==1.0", "my_tool<2,==1.0", 'MY-tool===1.0 ; python_version < "3.12"'])
def test_hashes_hold_for_repairs_however_the_name_is_written(
    depot: Depot, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    depot.wheel("my-tool", "1.0")
    write(depot, "all.txt", f"{line} --hash=sha256:{_digest(depot, 'my_tool', '1.0')}\n")
    make(depot, 'requirements = ["all.txt"]')
    depot.wheel("my-tool", "1.0", files={"my_tool.py": "another = True\n"})
    monkeypatch.setenv("UV_CACHE_DIR", str(depot.root / "cache"))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    (depot.site / "my_tool.py").unlink()
    assert main(["apply", "--deep"]) == 1
    assert not (depot.site / "my_tool.py").exists()


def _digest(depot: Depot, name: str, version: str) -> str:
    return hashlib.sha256((depot.wheels / f"{name}-{version}-py3-none-any.whl").read_bytes()).hexdigest()


def test_a_branch_with_a_slash_in_its_name_is_in_sync(depot: Depot) -> None:
    url, _ = make_repository(depot.root / "repo.git", "gitty")
    repository = url.removeprefix("git+file://")
    subprocess.run(["git", "-C", repository, "branch", "feature/login"], check=True)
    assert make(depot, f'packages = ["gitty @ {url}@feature/login"]') == {"gitty": "1.0"}
    assert_each_is_missed(depot)


def test_what_pip_had_put_aside_is_missed(depot: Depot) -> None:
    make(depot, 'packages = ["app"]')
    (depot.site / "lib-1.1.dist-info").rename(depot.site / "~ib-1.1.dist-info")
    (depot.site / "lib.py").rename(depot.site / "~ib.py")
    assert change(depot) == {"app": "1.0", "lib": "1.1"}
    assert (depot.site / "lib.py").exists()


def test_the_last_package_may_take_its_directory_along(depot: Depot) -> None:
    make(depot, 'packages = ["tool"]')
    subprocess.run(["rm", "-r", depot.site], check=True)
    assert main(["check"]) == 3
    depot.apply()
    assert depot.versions() == {"tool": "0.5"}
    assert_stable(depot)


def test_files_that_contradict_each_other_fail_once_and_are_told(depot: Depot) -> None:
    write(depot, "one.txt", "lib==1.0\n")
    write(depot, "two.txt", "lib==1.1\n")
    depot.declare('requirements = ["one.txt", "two.txt"]')
    assert_fails(depot, "lib")


def test_a_package_that_only_the_files_own_index_has_comes_from_there(depot: Depot) -> None:
    depot.wheel("corp", "1.0").rename(write(depot, "private/corp-1.0-py3-none-any.whl", ""))
    write(depot, "all.txt", "--find-links ./private\ncorp\n")
    assert make(depot, 'requirements = ["all.txt"]') == {"corp": "1.0"}
    depot.flip("3.12")
    assert change(depot, "rebuilt") == {"corp": "1.0"}


def test_a_requirement_for_another_platform_is_left_out(depot: Depot) -> None:
    write(depot, "all.txt", 'lib==1.0 ; python_version >= "3"\nnowhere ; sys_platform == "plan9"\nLIB>=1 # twice\n')
    assert make(depot, 'requirements = ["all.txt"]') == {"lib": "1.0"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("pyproject.toml", '[project]\nname = "x"\nversion = "1"\n', ["pyproject.toml", "project"]),
        ("all.txt", "-r gone.txt\n", ["gone.txt", "all.txt:1"]),
        ("all.txt", "-e ./gone\n", ["gone", "all.txt:1"]),
        ("all.txt", "lib --no-such-option\n", ["all.txt:1"]),
    ],
)
def test_what_cannot_be_carried_out_is_refused_by_its_place(
    depot: Depot, name: str, text: str, words: list[str]
) -> None:
    write(depot, name, text)
    depot.declare(f'requirements = ["{name}"]')
    assert_conflict(depot, *words)


def test_a_release_of_an_index_is_not_the_wheel_that_is_declared(depot: Depot) -> None:
    skip_unless(depot, "uv")  # pip calls it satisfied
    depot.make('packages = ["tool"]')
    depot.declare(f'packages = ["tool @ {(depot.wheels / "tool-0.5-py3-none-any.whl").as_uri()}"]')
    assert change(depot) == {"tool": "0.5"}
    assert "tool" in depot.origins()
