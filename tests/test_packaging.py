"""What is published, as an index page and a fresh environment have it, and what guards a release."""

import email
import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from envsync import __version__
from envsync.cli.arguments import COMMANDS
from envsync.cli.completion import script
from harness.place import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TOOLS = Path(sys.prefix) / "bin"
HOST = "https://github.example/team/envsync"


def run(*command: str | Path, status: int = 0, cwd: Path = ROOT) -> str:
    done = subprocess.run(
        list(map(str, command)), check=False, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def tool(name: str) -> Path:
    if not (TOOLS / name).exists():
        pytest.skip(f"needs {name}, which is not installed here")
    return TOOLS / name


@dataclass
class Built:
    """What a build of a checkout left, and an environment into which the wheel was installed."""

    sdist: Path
    wheel: Path
    environment: Path

    @property
    def metadata(self) -> Message:
        with zipfile.ZipFile(self.wheel) as archive:
            (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
            return email.message_from_string(archive.read(name).decode())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build as a release does, the wheel from the sdist, from a checkout whose remote has a token in its URL."""
    uv, root = tool("uv"), tmp_path_factory.mktemp("packaging")
    checkout = root / "checkout"
    for name in run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, checkout / name)
    run("git", "init", "--quiet", cwd=checkout)
    run("git", "remote", "add", "origin", HOST.replace("//", "//user:secret@") + ".git", cwd=checkout)
    run(uv, "build", "--quiet", "--out-dir", root / "dist", checkout)
    (wheel,), (sdist,) = root.glob("dist/*.whl"), root.glob("dist/*.tar.gz")
    run(uv, "venv", "--quiet", "--python", sys.executable, root / "fresh")
    run(uv, "pip", "install", "--quiet", "--python", root / "fresh/bin/python", wheel)
    return Built(sdist, wheel, root / "fresh")


def test_the_index_takes_both_files(built: Built) -> None:
    assert run(tool("twine"), "check", "--strict", built.sdist, built.wheel).count("PASSED") == 2


def test_the_index_page_has_links_that_lead_from_there(built: Built) -> None:
    page = built.metadata.get_payload()
    assert isinstance(page, str)
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)]+)\)", prose) + re.findall(r"\b(?:src|href)=\"([^\"]+)\"", prose)
    assert any(link.startswith(f"{HOST}/blob/v{__version__}/docs/") for link in links)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    for link in links:
        if link.startswith(HOST):
            assert (ROOT / re.split(r"/(?:blob|raw)/v[\d.]+/", link.partition("#")[0])[1]).exists(), link


def test_the_metadata_say_who_what_and_where(built: Built) -> None:
    found = built.metadata
    assert (found["Name"], found["Version"], found["Author"]) == (PROJECT["name"], __version__, "the envsync authors")
    assert found["License-Expression"] == "MIT"
    assert "secret" not in str(found)
    urls = dict(one.split(", ") for one in found.get_all("Project-URL", ()))
    assert urls["Homepage"] == HOST
    assert {*urls} == {"Homepage", "Documentation", "Changelog", "Issues", "Security"}


def test_only_the_extras_that_readers_install_are_published(built: Built) -> None:
    assert built.metadata.get_all("Provides-Extra") == ["uv"]


def test_the_sdist_has_what_a_distribution_builds_and_tests_with(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "CHANGELOG.md", "docs/guide.md", "hatch_build.py", "tests/run", "tests/conftest.py"} <= names
    assert not any(name.startswith((".test-venv", "dist/")) for name in names)


def test_the_wheel_works_in_a_fresh_environment(built: Built) -> None:
    command = built.environment / "bin/envsync"
    assert run(command, "--version") == f"envsync {__version__}\n"
    assert '"$schema"' in run(command, "schema")


def test_the_man_page_has_every_command_and_no_mistake(built: Built) -> None:
    page = built.environment / "share/man/man1/envsync.1"
    text = page.read_text()
    for command in COMMANDS:
        assert f"\\fBenvsync {command.name}\\fR" in text
    assert ".SH EXIT STATUS" in text
    if shutil.which("mandoc"):
        assert run("mandoc", "-Tlint", "-Werror", page) == ""
    if shutil.which("man"):
        shown = run("man", "--local-file", page)
        assert "keep Python virtual environments" in re.sub("\\s+", " ", re.sub(".\b", "", shown))


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", "bash-completion/completions/envsync"),
        ("zsh", "zsh/site-functions/_envsync"),
        ("fish", "fish/vendor_completions.d/envsync.fish"),
    ],
)
def test_a_shell_finds_its_completion_in_share(built: Built, shell: str, file: str) -> None:
    path = built.environment / "share" / file
    assert path.read_text() == script(shell)
    if shutil.which(shell):
        run(shell, "-n", path)


@pytest.fixture(scope="module")
def hook() -> Any:
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("origin", "page"),
    [
        ("git@github.example:team/envsync.git", HOST),
        ("ssh://git@github.example:22/team/envsync.git", HOST),
        ("https://github.example/team/envsync/", HOST),
        ("https://user:secret@github.example/team/envsync.git", HOST),
        ("/srv/git/envsync.git", ""),
        ("../envsync", ""),
        ("file:///srv/envsync", ""),
        ("", ""),
    ],
)
def test_the_pages_are_those_of_the_remote_without_what_is_secret_in_it(
    hook: Any, tmp_path: Path, origin: str, page: str
) -> None:
    run("git", "init", "--quiet", cwd=tmp_path)
    if origin:
        run("git", "remote", "add", "origin", origin, cwd=tmp_path)
    assert hook.repository(str(tmp_path)) == page
    inner = tmp_path / "an-unpacked-sdist"
    inner.mkdir()
    assert hook.repository(str(inner)) == ""


LINKS = """[a](docs/a.md#top) ![b](b.svg) [c](https://c.example) [d](#d) \
<img width="9" src="e.svg"> <a href="f.md">f</a>
```toml
packages = ["g](h)"]
```
[![i](j.svg)](k.md)
[l]: m.md
"""
ABSOLUTE = """[a](https://p/docs/a.md#top) ![b](https://i/b.svg) [c](https://c.example) [d](#d) \
<img width="9" src="https://i/e.svg"> <a href="https://p/f.md">f</a>
```toml
packages = ["g](h)"]
```
[![i](https://i/j.svg)](https://p/k.md)
[l]: https://p/m.md
"""


def test_links_in_code_and_absolute_ones_stay(hook: Any) -> None:
    assert hook.absolute(LINKS, "https://p/", "https://i/") == ABSOLUTE


def notes(tmp_path: Path, tag: str, heading: str, status: int = 0) -> str:
    """Run .ci/release-notes on a changelog that has this heading."""
    for name in (".ci/release-notes", "src/envsync/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## [Unreleased]\n\n{heading}\n\n- This.\n\n## [0.0.1] - 2026-01-01\n\n- Old.\n"
    )
    return run(tmp_path / ".ci/release-notes", tag, status=status)


def test_a_release_needs_a_tag_that_is_the_version_and_a_dated_section_in_the_changelog(tmp_path: Path) -> None:
    dated = f"## [{__version__}] - 2026-12-01"
    assert notes(tmp_path, f"v{__version__}", dated).strip() == "- This."
    assert "tag v" in notes(tmp_path, "v9.9.9", dated, 1)
    assert "tag v" in notes(tmp_path, __version__, dated, 1)
    assert "has no section" in notes(tmp_path, f"v{__version__}", f"## [{__version__}]", 1)
    assert "has no section" in notes(tmp_path, f"v{__version__}", "## [10.1.0] - 2026-12-01", 1)


def test_the_changelog_keeps_the_common_form() -> None:
    headings = re.findall(r"^##? (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Changelog", "[Unreleased]"]
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", one) for one in headings[2:])


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", ".github/workflows/*.yml"),
        ("github-actions", "action.yml"),
        ("dependabot", ".github/dependabot.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
    ],
)
def test_what_the_host_reads_is_valid_by_its_schema(schema: str, files: str) -> None:
    found = sorted(ROOT.glob(files))
    assert found
    run(tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *found)


def test_actionlint_has_nothing_to_say_of_the_workflows() -> None:
    actionlint = shutil.which("actionlint") or tool("actionlint")
    run(actionlint, *ROOT.glob(".github/workflows/*.yml"))


def test_the_hooks_are_valid_by_pre_commit() -> None:
    run(tool("pre-commit"), "validate-config", ".pre-commit-config.yaml")
    run(tool("pre-commit"), "validate-manifest", ".pre-commit-hooks.yaml")


def workflow(name: str) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    found: dict[str, Any] = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())
    return found


def test_the_matrix_has_each_system_and_python_that_is_promised() -> None:
    matrix = workflow("ci")["jobs"]["tests"]["strategy"]["matrix"]
    named = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)]
    assert {*named} <= {*matrix["python"]}
    assert {one["dependencies"] for one in matrix["include"]} == {"oldest"}
    assert {one["os"] for one in matrix["include"]} == {*matrix["os"]} == {"ubuntu-latest", "macos-latest"}
    assert {one["python"] for one in matrix["include"]} == {named[0]}


def test_nothing_is_published_before_the_tests_and_by_no_token() -> None:
    jobs = workflow("release")["jobs"]
    assert {*jobs["publish"]["needs"]} == {"test", "build"}
    assert jobs["test"]["uses"] == "./.github/workflows/ci.yml"
    assert {jobs["test"]["needs"], jobs["build"]["needs"]} == {"check"}
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text()


def test_every_action_is_pinned_to_a_commit_whose_release_is_named() -> None:
    for path in (*ROOT.glob(".github/workflows/*.yml"), ROOT / "action.yml"):
        used = re.findall(r"uses: (?!\./)(.*)", path.read_text())
        assert [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == [], path
