"""The situations that envsync was made for, one by one, as people reported them of other tools."""

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.bench import files, listing, run
from harness.place import Place


@dataclass
class Desk:
    """A project directory, and the command run in this process."""

    place: Place
    python_of: Callable[[str], str]
    capsys: pytest.CaptureFixture[str]

    @property
    def root(self) -> Path:
        return self.place.root

    def link(self, link: str, text: str | Path) -> Path:
        """Make or flip a symlink, as a person or a version manager would."""
        path = self.root / link
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(text)
        return path

    def declare(self, python: str | Path | None = None, name: str = "blog", path: str = ".venv", *lines: str) -> None:
        head = [f"[envs.{name}]", f'path = "{path}"', f'python = "{python or self.python_of("3.12")}"']
        self.place.write("\n".join([*head, *lines]) + "\n")

    def run(self, *arguments: str) -> list[dict[str, Any]]:
        return [dict(entry) for entry in run(self.place, self.capsys, *arguments)["environments"]]

    def apply(self, *arguments: str) -> dict[str, Any]:
        (entry,) = self.run("apply", *arguments)
        return entry

    def says(self, code: str, environment: str = ".venv") -> str:
        return self.place.python(environment, f"import sys; print({code})")


@pytest.fixture
def desk(here: Place, python_of: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(here, python_of, capsys)


# ---- the environment's path is a symlink


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("there", [False, True])
def test_a_linked_venv_is_created_where_the_link_leads_whether_or_not_the_directory_is_there(
    desk: Desk, there: bool, absolute: bool
) -> None:
    end = desk.root / "local/state/virtualenvs/blog"
    desk.link(".venv", end if absolute else "local/state/virtualenvs/blog")
    if there:
        end.mkdir(parents=True)
    desk.declare()
    assert desk.apply()["outcome"] == "created"
    assert desk.says("sys.prefix") == f"{desk.root}/.venv"
    assert (end / "pyvenv.cfg").is_file()


def test_applying_again_and_again_leaves_the_link_and_writes_nothing(desk: Desk) -> None:
    (desk.root / "foo").mkdir()
    desk.link(".venv", "foo")
    desk.declare()
    assert desk.apply()["outcome"] == "created"
    before = listing(desk.root)
    for _ in range(3):
        assert desk.apply()["outcome"] == "unchanged"
        assert listing(desk.root) == before
    done = desk.place.envsync("apply", "--json")
    assert (done.status, done.document["status"]) == (0, "in-sync")
    assert listing(desk.root) == before


@pytest.mark.parametrize("links", [{".venv": "foo"}, {".venv": "foo", "foo": "dummy"}, {".venv": "a/b", "a": "foo"}])
def test_a_forced_rebuild_is_new_behind_the_same_links(desk: Desk, links: dict[str, str]) -> None:
    for link, text in links.items():
        desk.link(link, text)
    desk.declare()
    assert desk.apply()["outcome"] == "created"
    for _ in range(2):
        former = os.stat(desk.root / ".venv/pyvenv.cfg").st_ino
        assert desk.apply("--force-rebuild", "blog")["outcome"] == "rebuilt"
        assert os.stat(desk.root / ".venv/pyvenv.cfg").st_ino != former
        assert desk.says("sys.prefix") == f"{desk.root}/.venv"
        assert desk.apply()["outcome"] == "unchanged"


@pytest.mark.parametrize("there", [False, True])
def test_nested_links_are_followed_to_their_end(desk: Desk, there: bool) -> None:
    desk.link("foo", "dummy")
    desk.link(".venv", "foo")
    if there:
        (desk.root / "dummy").mkdir()
    desk.declare()
    entry = desk.apply()
    assert entry["outcome"] == "created"
    assert entry["end"] == f"{desk.root}/dummy"
    assert [hop["text"] for hop in entry["hops"]] == ["foo", "dummy"]
    assert [hop["link"] for hop in entry["hops"]] == [f"{desk.root}/.venv", f"{desk.root}/foo"]
    assert (desk.root / "dummy/pyvenv.cfg").is_file()


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("forced", [False, True])
def test_a_directory_that_is_no_environment_is_never_wiped(desk: Desk, linked: bool, forced: bool) -> None:
    directory = desk.root / ("src" if linked else ".venv")
    directory.mkdir()
    (directory / "thesis.txt").write_text("three years")
    if linked:
        desk.link(".venv", "src")
    desk.declare()
    before = listing(desk.root)
    entry = desk.apply(*(["--force-rebuild", "blog"] if forced else []))
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "not-a-venv")
    assert listing(desk.root) == before


# ---- the interpreter is a symlink


def assert_uses(desk: Desk, link: Path, environment: str = ".venv") -> None:
    """The environment goes through this very link, and says so in its settings."""
    root = desk.root / environment
    assert os.readlink(root / "bin/python") == str(link)
    assert {os.readlink(path) for path in root.glob("bin/python3*")} == {"python"}
    assert desk.says("sys.prefix", environment) == str(root)


def home_of(environment: Path) -> str:
    found = re.search(r"^home = (.*)$", (environment / "pyvenv.cfg").read_text(), re.MULTILINE)
    assert found
    return found[1]


@pytest.mark.parametrize("builder", ["virtualenv", "venv", "uv"])
def test_a_version_managers_stable_link_is_not_resolved(desk: Desk, builder: str) -> None:
    tree = Path(desk.python_of("3.12")).parent.parent
    desk.link("versions/3.12.1", tree)
    desk.link("versions/3.12", "3.12.1")
    python = desk.root / "versions/3.12/bin/python"
    desk.place.write(f'builder = "{builder}"\n[envs.blog]\npath = ".venv"\npython = "{python}"\n')
    assert desk.apply()["outcome"] == "created"
    assert_uses(desk, python)
    assert home_of(desk.root / ".venv") == str(python.parent)
    settings = (desk.root / ".venv/pyvenv.cfg").read_text()
    assert desk.apply()["outcome"] == "unchanged"
    assert (desk.root / ".venv/pyvenv.cfg").read_text() == settings


def test_a_bare_link_to_an_executable_is_used_as_it_is(desk: Desk) -> None:
    python = desk.link("bin/python3.12", os.path.realpath(desk.python_of("3.12")))
    desk.declare(python)
    assert desk.apply()["outcome"] == "created"
    assert_uses(desk, python)
    assert desk.says("sys.base_prefix != sys.prefix and __import__('json').__name__") == "json"
    assert desk.apply()["outcome"] == "unchanged"


def outer_environment(desk: Desk, base: Path) -> Path:
    subprocess.run([base, "-m", "venv", "--without-pip", desk.root / "outer"], check=True)
    assert os.readlink(desk.root / "outer/bin/python") == str(base)
    return desk.root / "outer/bin/python"


@pytest.mark.parametrize("through", ["python", "python3", "a link"])
def test_an_environment_made_from_another_uses_the_others_base_and_survives_it(desk: Desk, through: str) -> None:
    desk.link("versions/3.12", Path(desk.python_of("3.12")).parent.parent)
    base = desk.root / "versions/3.12/bin/python"
    inside = outer_environment(desk, base)
    declared = {"python": inside, "python3": inside.parent / "python3", "a link": desk.root / "bin/py"}[through]
    if through == "a link":
        desk.link("bin/py", inside)
    desk.declare(declared)
    assert desk.apply()["outcome"] == "created"
    assert_uses(desk, base)
    assert home_of(desk.root / ".venv") == str(base.parent)
    assert desk.apply()["outcome"] == "unchanged"
    (desk.root / "outer").rename(desk.root / "away")
    assert desk.says("sys.prefix, sys.base_prefix == sys.prefix") == f"{(f'{desk.root}/.venv')} False"
    before = listing(desk.root)
    assert desk.apply()["conflict"]["code"] == "interpreter-missing"
    assert listing(desk.root) == before


def test_environments_declared_on_each_other_are_made_in_one_pass_from_one_base(desk: Desk) -> None:
    python = desk.python_of("3.12")
    desk.place.write(
        f'[envs.second]\npath = "second"\npython = "{desk.root}/first/bin/python"\n'
        f'[envs.first]\npath = "first"\npython = "{python}"\n'
    )
    assert [entry["outcome"] for entry in desk.run("apply")] == ["created", "created"]
    assert_uses(desk, Path(python), "first")
    assert_uses(desk, Path(python), "second")
    assert [entry["outcome"] for entry in desk.run("apply")] == ["unchanged", "unchanged"]


@pytest.mark.parametrize("bare", [False, True])
def test_a_patch_upgrade_is_followed_at_once_and_then_only_noted_down(desk: Desk, bare: bool) -> None:
    old, new = desk.python_of("debian"), f"{os.path.dirname(desk.python_of('3.11'))}/python3.11"
    link = "bin/python3.11" if bare else "versions/3.11"
    python = desk.root / (link if bare else f"{link}/bin/python3.11")
    desk.link(link, old if bare else Path(old).parent.parent)
    desk.declare(python)
    assert desk.apply()["outcome"] == "created"
    (desk.root / ".venv/lib/python3.11/site-packages/mine.py").write_text("here = True\n")
    assert desk.says("'%d.%d.%d' % sys.version_info[:3]") != (patch := Path(new).parents[1].name)

    desk.link(link, new if bare else Path(new).parent.parent)
    assert desk.says("'%d.%d.%d' % sys.version_info[:3]") == patch
    before = files(listing(desk.root / ".venv"))
    entry = desk.apply()
    after = files(listing(desk.root / ".venv"))
    assert entry["outcome"] == "repaired"
    assert {drift["code"] for drift in entry["drift"]} <= {"python-home", "python-patch"}
    assert {name for name in after if after[name] != before.get(name)} == {"pyvenv.cfg"}
    assert before.keys() == after.keys()
    assert patch in (desk.root / ".venv/pyvenv.cfg").read_text()
    assert_uses(desk, python)
    assert desk.place.python(".venv", "import mine; print(mine.here)") == "True"
    assert desk.apply()["outcome"] == "unchanged"


# ---- the interpreter is a version


@pytest.fixture
def versions(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return pyenv's directory of versions: real trees, behind links named after their patch releases."""
    monkeypatch.setenv("PYENV_ROOT", str(desk.root / "pyenv"))
    for version in ("3.11", "3.12"):
        tree = Path(desk.python_of(version)).parent.parent
        desk.link(f"pyenv/versions/{tree.name}", tree)
        desk.link(f"pyenv/versions/{version}", tree.name)
    return desk.root / "pyenv/versions"


def test_a_minor_version_takes_the_link_that_follows_patches(desk: Desk, versions: Path) -> None:
    desk.declare("3.12")
    entry = desk.apply()
    assert entry["outcome"] == "created"
    assert entry["python"]["declared"] == "3.12"
    assert entry["python"]["link"] == f"{versions}/3.12/bin/python"
    assert_uses(desk, versions / "3.12/bin/python")
    assert desk.apply()["outcome"] == "unchanged"


def test_a_patch_version_pins_the_path_of_that_patch(desk: Desk, versions: Path) -> None:
    patch = os.readlink(versions / "3.12")
    desk.declare(patch)
    assert desk.apply()["outcome"] == "created"
    assert_uses(desk, versions / patch / "bin/python")
    (versions / "3.12").unlink()
    assert desk.apply()["outcome"] == "unchanged"
    assert desk.says("'%d.%d.%d' % sys.version_info[:3]") == patch


def test_a_patch_version_that_is_not_installed_is_a_conflict_not_the_next_best(desk: Desk, versions: Path) -> None:
    assert versions.is_dir()
    desk.declare("3.12.99")
    entry = desk.apply()
    assert (entry["outcome"], entry["conflict"]["code"]) == ("conflict", "interpreter-missing")
    assert not (desk.root / ".venv").exists()


def test_a_declared_path_of_one_patch_is_kept_with_a_hint_at_the_stable_link(desk: Desk, versions: Path) -> None:
    patch = os.readlink(versions / "3.12")
    desk.declare(versions / patch / "bin/python")
    entry = desk.apply()
    assert entry["outcome"] == "created"
    assert_uses(desk, versions / patch / "bin/python")
    assert any(f"{versions}/3.12/bin/python" in note for note in entry["notes"])
