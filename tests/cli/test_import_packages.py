"""``import`` says what nothing declares; with ``--freeze`` it records what was asked for by name, and says what not."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envsync.cli.main import main
from envsync.model.packages import Distribution, Origin
from envsync.plan.undeclared import asked_for, undeclared, undeclared_line
from harness.bench import run
from harness.place import Place
from harness.strangers import fake
from harness.wheels import make_project, make_wheel


@pytest.fixture
def here(here: Place) -> Place:
    here.manifest.write_text('version = 1\nstate-dir = "state"\n')
    return here


def hold(environment: Path, name: str, *requires: str, requested: bool = False, origin: Any = None) -> None:
    """Let an environment hold a package, by its metadata."""
    info = environment / f"lib/python3.12/site-packages/{name}-1.0.dist-info"
    info.mkdir()
    lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {one}" for one in requires)]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    if requested:
        (info / "REQUESTED").touch()
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))


@pytest.fixture
def flask(here: Place) -> Path:
    """Make an environment in which flask was asked for, and orphan was left behind."""
    environment = fake(here.root / "blog/.venv")
    hold(environment, "flask", "jinja2>=3", 'async ; extra == "async"', requested=True)
    hold(environment, "jinja2", "markupsafe")
    hold(environment, "markupsafe")
    hold(environment, "markdown", requested=True)
    hold(environment, "orphan")
    hold(environment, "pip", requested=True)
    return environment


@pytest.mark.usefixtures("flask")
def test_what_nothing_declares_is_told_and_what_was_asked_for_comes_first(
    here: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "\n  5 packages that nothing declares: flask, markdown, jinja2, markupsafe, orphan\n" in shown
    document = run(here, capsys, "import")
    assert document["undeclared"] == {"blog": ["flask", "markdown", "jinja2", "markupsafe", "orphan"]}
    assert document["left_out"] == {"blog": []}


@pytest.mark.usefixtures("flask")
@pytest.mark.parametrize(
    ("options", "packages"), [((), ["flask", "markdown"]), (("--versions",), ["flask==1.0", "markdown==1.0"])]
)
def test_what_was_asked_for_is_recorded_and_what_it_brought_is_not(
    here: Place, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], packages: list[str]
) -> None:
    document = run(here, capsys, "import", "--freeze", *options)
    assert document["declared"][0]["packages"] == packages
    assert document["undeclared"] == {"blog": ["orphan"]}


def test_versions_without_freeze_are_wrong_usage(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    before = here.manifest.read_text()
    assert main(["import", "--versions"]) == 2
    assert "--versions goes with --freeze" in capsys.readouterr().err
    assert here.manifest.read_text() == before


def test_where_nothing_says_what_was_asked_for_it_is_what_nothing_requires(
    here: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = fake(here.root / "blog/.venv")
    hold(environment, "app", "lib", 'pytest ; extra == "test"')
    hold(environment, "lib", 'app ; python_version > "3"')
    hold(environment, "pytest")
    hold(environment, "one", "two[more]")
    hold(environment, "two", 'three ; extra == "more"', "not a requirement !")
    hold(environment, "three")
    document = run(here, capsys, "import", "--freeze")
    assert document["declared"][0]["packages"] == ["app", "one", "pytest"]
    assert document["undeclared"] == {"blog": []}


def test_the_one_project_that_an_environment_lies_in_is_declared(
    here: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = fake(here.root / "blog/.venv")
    for directory in ("blog", "lib"):
        make_project(here.root / directory, directory, "1.0")
        origin = {"url": (here.root / directory).as_uri(), "dir_info": {"editable": True}}
        hold(environment, directory, *(["needed"] if directory == "blog" else []), requested=True, origin=origin)
    hold(environment, "needed")
    hold(environment, "wheel-of-mine", requested=True, origin={"url": "https://me:x@h/w.whl", "archive_info": {}})
    document = run(here, capsys, "import", "--freeze")
    (declared,) = document["declared"]
    assert declared["project"] == str(here.root / "blog")
    assert declared["packages"] == ["wheel-of-mine @ https://h/w.whl"]
    reason = f"lib, which is editable, from {here.root}/lib: `packages` holds no editable projects"
    assert document["left_out"] == {"blog": [reason]}
    assert document["undeclared"] == {"blog": ["lib"]}
    text = here.manifest.read_text()
    assert f"# left out: {reason}" in text
    assert "# project" not in text


def test_a_project_without_pyproject_is_not_declared_but_told(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    environment = fake(here.root / "blog/.venv")
    hold(environment, "blog", origin={"url": (here.root / "blog").as_uri(), "dir_info": {"editable": True}})
    hold(environment, "bad", origin={})
    assert main(["import", "--freeze"]) == 0
    shown = capsys.readouterr().out
    assert "  left out: blog, which is editable, from " in shown
    assert '  left out: "bad-1.0.dist-info", which does not tell what it is of' in shown
    assert "project = " not in here.manifest.read_text()


def test_what_is_recorded_is_in_sync_and_brings_back_the_rest(
    here: Place, capsys: pytest.CaptureFixture[str], python_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from uv import find_uv_bin  # noqa: PLC0415  # only here

    make_wheel(here.root / "wheels", "app", "1.0", ["lib"])
    make_wheel(here.root / "wheels", "lib", "1.0")
    monkeypatch.setenv("UV_FIND_LINKS", str(here.root / "wheels"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    for words in (["venv", "-p", python_of("3.11"), "blog/.venv"], ["pip", "install", "-p", "blog/.venv", "app"]):
        subprocess.run([find_uv_bin(), "-q", *words], check=True, cwd=here.root)
    document = run(here, capsys, "import", "--freeze")
    assert [one["packages"] for one in document["declared"]] == [["app"]]
    assert document["undeclared"] == {"blog": []}
    assert main(["check"]) == 0


def test_packages_that_require_each_other_in_a_circle_are_not_lost() -> None:
    circle = [Distribution(name, "1", requires=(other,)) for name, other in (("a", "b"), ("b", "c"), ("c", "a"))]
    assert [one.name for one in asked_for(circle)] == ["a"]
    assert undeclared(circle, ["b"]) == ()


def test_seeds_count_only_where_they_came_from_elsewhere() -> None:
    seeds = [Distribution("pip", "1", requested=True), Distribution("wheel", "1", origin=Origin("https://a/b.whl"))]
    assert [one.name for one in asked_for([*seeds, Distribution("app", "1")])] == ["app", "wheel"]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ("a", "1 package that nothing declares: a"),
        ("ab", "2 packages that nothing declares: a, b"),
        ("abcde", "5 packages that nothing declares: a, b, c, d, e"),
        ("abcdefg", "7 packages that nothing declares: a, b, c, d, e and 2 more"),
    ],
)
def test_a_few_of_them_are_named(names: str, line: str) -> None:
    assert undeclared_line(tuple(names)) == line


def test_the_marks_of_uv_say_nothing_for_it_marks_all() -> None:
    app, lib = (
        Distribution(name, "1", requires, requested=True) for name, requires in (("app", ("lib",)), ("lib", ()))
    )
    assert [one.name for one in asked_for([app, lib])] == ["app", "lib"]
    by_uv = [replace(one, installer="uv") for one in (app, lib)]
    assert [one.name for one in asked_for(by_uv)] == ["app"]
    by_pip = [Distribution("tool", "1", ("part",), requested=True, installer="pip"), Distribution("part", "1")]
    assert [one.name for one in asked_for([*by_uv, *by_pip])] == ["app", "tool"]
