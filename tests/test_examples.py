"""What examples/ offers to copy, run as its readers run it: with the real tools, from a copy, in a home of its own."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.bench import files, listing
from harness.links import fingerprint
from harness.place import ROOT, SOURCE
from harness.pythons import PYTHONS
from harness.wheels import make_wheel

EXAMPLES = ROOT / "examples"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
SCRIPTS = {
    "chezmoi/run_onchange_after_envsync.sh.tmpl": "sh",
    "ci/envsync.sh": "sh",
    "direnv/.envrc": "bash",
    "dotfiles/apply.sh": "sh",
    "worktrees/post-checkout": "sh",
}
DIRECTORIES = sorted({name.partition("/")[0] for name in SCRIPTS})


@dataclass
class Desk:
    """A directory with a home in it, and a PATH on which envsync and a Python that fits are found."""

    home: Path
    variables: dict[str, str]

    def copy(self, example: str, place: str) -> Path:
        """Copy an example into the home."""
        return Path(shutil.copytree(EXAMPLES / example, self.home / place, symlinks=True))

    def run(self, *command: str | Path, where: Path | None = None, status: int = 0) -> str:
        """Run a command and give all that it writes."""
        done = subprocess.run(
            command,
            check=False,
            cwd=where or self.home,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}"
        assert "Traceback" not in done.stdout, done.stdout
        return done.stdout

    def end(self, environment: Path) -> Path:
        """Start an environment's Python, and give the directory in which it finds itself."""
        return Path(self.run(environment / "bin/python", "-c", "import sys; print(sys.prefix)").strip()).resolve()


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an envsync that is called by its name, a Python that fits, and a wheel in place of an index."""
    directory = tmp_path_factory.mktemp("tools")
    envsync = directory / "envsync"
    envsync.write_text(
        f'#!/bin/sh\nPYTHONPATH={shlex.quote(SOURCE)} exec {shlex.quote(sys.executable)} -m envsync "$@"\n'
    )
    envsync.chmod(0o755)
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (directory / minor).symlink_to(os.path.realpath(sys.executable))
    make_wheel(directory, "ruff", "1.0", scripts={"ruff": "ruff:main"})
    make_wheel(directory, "flask", "3.1", scripts={"flask": "flask:main"})
    return directory


@pytest.fixture
def desk(tmp_path: Path, tools: Path) -> Desk:
    """Return an empty home, with no setting of the tester's for git, direnv or pip."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DIRENV_", "PYTHON"))}
    places = {"HOME": str(tmp_path), "PATH": f"{tools}:{kept['PATH']}", "PRE_COMMIT_HOME": str(tmp_path / "pre-commit")}
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tools), "UV_OFFLINE": "1", "UV_FIND_LINKS": str(tools)}
    git = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    somebody = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
    cache = {"XDG_CACHE_HOME": str(tools / "cache")}  # shared: asking an interpreter costs more than a test
    return Desk(tmp_path, kept | places | offline | git | cache | dict.fromkeys(somebody, "a@example.org"))


def _need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}, which is not installed here")


def _by_default(desk: Desk) -> None:
    """Let envsync look into ~/.config on macOS too, as examples/README.md says."""
    if sys.platform == "darwin":
        desk.variables["ENVSYNC_FILE"] = str(desk.home / ".config/envsync/envs.toml")


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_is_short_and_its_shell_can_read_it(script: str) -> None:
    _need(SCRIPTS[script])
    subprocess.run([SCRIPTS[script], "-n", EXAMPLES / script], check=True)
    assert len((EXAMPLES / script).read_text().splitlines()) <= 30


@pytest.mark.parametrize("script", [*SCRIPTS, "try"])
def test_shellcheck_has_nothing_to_say_of_a_script(script: str) -> None:
    _need("shellcheck")
    subprocess.run(["shellcheck", "--norc", EXAMPLES / script], check=True)


def test_the_readme_names_each_example_once_and_links_to_files_that_are_there() -> None:
    text = (EXAMPLES / "README.md").read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert [directory for directory in DIRECTORIES if links.count(directory) != 1] == []
    assert [link for link in links if not (EXAMPLES / link).exists()] == []
    assert "(examples/README.md)" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("minors", [("3.12", "3.13"), ("3.13",)], ids=" ".join)
def test_a_first_look_upgrades_kills_goes_on_and_leaves_nothing_elsewhere(desk: Desk, minors: tuple[str, ...]) -> None:
    if not {*minors} <= PYTHONS.keys():
        pytest.skip("needs pyenv's Python 3.12 and 3.13")
    shutil.copytree(EXAMPLES, desk.home / "examples", ignore=shutil.ignore_patterns("state"), symlinks=True)
    found = "".join(f'"{minor}" = "{PYTHONS[minor]}"\n' for minor in minors)
    (desk.home / "found").write_text(found)
    envsync = desk.home / "envsync"
    envsync.write_text(f'#!/bin/sh\n[ "$1" = init ] && exec cp {desk.home}/found "$4"\nexec envsync "$@"\n')
    envsync.chmod(0o755)
    desk.variables |= {"PYTHON": sys.executable, "ENVSYNC": str(envsync)}
    before = files(listing(desk.home))
    shown = desk.run(desk.home / "examples/try", where=Path("/"))
    assert re.match(
        r".* created .*\nflask 3\.1 .*\nKilled\n.*\nflask 3\.1 .*\n\* rebuilt .*\nflask 3\.1 .*\nblog +in sync ",
        shown,
        re.DOTALL,
    ), shown
    assert ("No module named 'flask'" in shown) == (len(minors) > 1)
    (remove,) = re.findall(r"^ +(rm -r .*)$", shown, re.MULTILINE)
    desk.run("sh", "-c", remove)
    assert files(listing(desk.home)) == before


def test_stowed_dotfiles_make_the_environments_keep_every_link_and_the_second_run_changes_nothing(desk: Desk) -> None:
    _need("stow")
    _by_default(desk)
    dotfiles = desk.copy("dotfiles", "dotfiles")
    desk.run(dotfiles / "apply.sh", "--dry-run")
    stowed = fingerprint(desk.home)
    linked = {os.path.relpath(os.path.realpath(link), dotfiles) for link in stowed}
    place = "envsync/.config/envsync"
    assert linked == {f"{place}/envs.toml", f"{place}/envs.d/blog.toml"}
    output = desk.run("envsync", "apply")
    assert re.search(r"^\+ created +tools ", output, re.MULTILINE), output
    assert ("created    menu" in output) == (sys.platform == "darwin")
    assert desk.end(desk.home / ".venvs/tools") == desk.home / ".local/state/envsync/envs/tools"
    assert desk.run(desk.home / ".local/bin/ruff").startswith("ruff 1.0 ")
    assert stowed.items() <= fingerprint(desk.home).items()
    assert not (desk.home / "src").exists()
    made = listing(desk.home)
    assert re.fullmatch(r"1 waiting for ~/\S+, \d in sync, unchanged.*\n", desk.run(dotfiles / "apply.sh"))
    assert listing(desk.home) == made


def test_add_writes_through_the_stowed_link_into_the_repository(desk: Desk) -> None:
    _need("stow")
    _by_default(desk)
    dotfiles = desk.copy("dotfiles", "dotfiles")
    desk.run(dotfiles / "apply.sh", "--dry-run")
    stowed = fingerprint(desk.home)
    desk.run("envsync", "add", "extra", "--path", "~/.venvs/extra", "--python", "main")
    before = (EXAMPLES / "dotfiles/envsync/.config/envsync/envs.toml").read_text()
    after = (dotfiles / "envsync/.config/envsync/envs.toml").read_text()
    assert after.startswith(before)
    assert after.removeprefix(before).strip() == '[envs.extra]\npath = "~/.venvs/extra"\npython = "main"'
    assert fingerprint(desk.home) == stowed


def test_a_file_that_is_gone_from_the_dotfiles_loses_its_link_and_the_others_keep_theirs(desk: Desk) -> None:
    _need("stow")
    dotfiles = desk.copy("dotfiles", "dotfiles")
    desk.run(dotfiles / "apply.sh", "--dry-run")
    stowed = fingerprint(desk.home)
    (dotfiles / "envsync/.config/envsync/envs.d/blog.toml").unlink()
    desk.run(dotfiles / "apply.sh", "--dry-run")
    place = str(desk.home / ".config/envsync/envs.toml")
    assert fingerprint(desk.home) == {place: stowed[place]}


def test_the_chezmoi_script_with_a_hash_in_place_of_its_template_expression_makes_the_environments(desk: Desk) -> None:
    source = EXAMPLES / "chezmoi"
    template = (source / "run_onchange_after_envsync.sh.tmpl").read_text()
    (included,) = re.findall(r'^# \{\{ include "(.*)" \| sha256sum \}\}$', template, re.MULTILINE)
    manifest = source / included
    script = re.sub(r"\{\{.*\}\}", hashlib.sha256(manifest.read_bytes()).hexdigest(), template)
    assert "{{" not in script
    (desk.home / "script").write_text(script)
    place = desk.home / included.replace("dot_", ".")
    place.parent.mkdir(parents=True)
    shutil.copy(manifest, place)
    assert "created    tools" in desk.run("sh", "script")
    assert desk.end(desk.home / ".venvs/tools") == desk.home / ".local/state/envsync/envs/tools"
    assert " created" not in desk.run("sh", "script")


def test_direnv_activates_the_environment_and_is_silent_once_it_is_in_sync(desk: Desk) -> None:
    _need("direnv", "bash")
    project = desk.copy("direnv", "project")
    desk.run("direnv", "allow", project)
    desk.run("envsync", "trust", where=project)
    code = "import os, sys; print(sys.prefix, os.environ['VIRTUAL_ENV'])"
    command = ("direnv", "exec", ".", "python", "-c", code)
    first, again = (desk.run(*command, where=project) for _ in range(2))
    assert "created    app" in first
    assert f"{project}/.venv {project}/.venv" in first
    output = [line for line in again.splitlines() if "direnv: " not in line]
    assert output == [f"{project}/.venv {project}/.venv"]


def test_direnv_tells_of_a_conflict_and_the_shell_goes_on(desk: Desk) -> None:
    _need("direnv", "bash")
    project = desk.copy("direnv", "project")
    (project / ".venv").mkdir()
    (project / ".venv/mine").touch()
    desk.run("direnv", "allow", project)
    desk.run("envsync", "trust", project)
    output = desk.run("direnv", "exec", ".", "sh", "-c", "echo VIRTUAL_ENV: ${VIRTUAL_ENV-none}", where=project)
    assert "not as envs.toml says" in output
    assert "conflict" in output
    assert "VIRTUAL_ENV: none" in output
    assert os.listdir(project / ".venv") == ["mine"]


def _commit(desk: Desk, repository: Path) -> None:
    desk.run("git", "init", "--quiet", "--template=", repository)
    desk.run("git", "add", "--all", where=repository)
    desk.run("git", "commit", "--quiet", "--message=one", where=repository)


def test_precommit_accepts_the_hooks(desk: Desk) -> None:
    pytest.importorskip("pre_commit")
    desk.run(sys.executable, "-m", "pre_commit", "validate-manifest", HOOKS)


def test_precommit_hooks_tell_drift_from_a_manifest_that_is_not_valid(desk: Desk) -> None:
    _need("git")
    pytest.importorskip("pre_commit")
    repository = desk.copy("direnv", "repository")
    hooks = textwrap.indent(HOOKS.read_text().replace("language: python", "language: system"), " " * 6)
    config = repository / ".pre-commit-config.yaml"
    config.write_text(f"repos:\n  - repo: local\n    hooks:\n{hooks}")
    _commit(desk, repository)

    def hook(name: str, status: int) -> str:
        return desk.run(sys.executable, "-m", "pre_commit", "run", "--all-files", name, where=repository, status=status)

    assert "untrusted" in hook("envsync-check", 1)
    assert "Passed" in hook("envsync-manifest", 0)
    desk.run("envsync", "trust", where=repository)
    assert "exit code: 3" in hook("envsync-check", 1)
    assert "Passed" in hook("envsync-manifest", 0)
    assert not (repository / ".venv").exists()
    desk.run("envsync", "apply", where=repository)
    assert "Passed" in hook("envsync-check", 0)
    manifest = repository / "envs.toml"
    former = manifest.read_text()
    manifest.write_text(former.replace('">=3.11"', '">=99"'))
    assert "untrusted" in hook("envsync-check", 1)
    desk.run("envsync", "trust", where=repository)
    assert "interpreter-missing" in hook("envsync-check", 1)
    assert "Passed" in hook("envsync-manifest", 0)
    manifest.write_text(former.replace("path", "paht"))
    assert "did you mean `path`?" in hook("envsync-manifest", 1)


def test_a_worktree_gets_the_environment_when_it_appears_and_nothing_is_made_once_it_is_gone(desk: Desk) -> None:
    _need("git")
    shop = desk.copy("worktrees", "shop")
    main = shop / "main"
    main.mkdir()
    (main / ".gitignore").write_text(".venv\n")
    _commit(desk, main)
    desk.run("envsync", "trust", where=shop)
    desk.run("envsync", "apply", where=shop)
    assert not (shop / "feature").exists()
    desk.run("git", "worktree", "add", "--quiet", "../feature", where=main)
    desk.run("envsync", "apply", where=shop)
    assert desk.end(shop / "feature/.venv") == shop / ".envs/shop"
    (main / ".git/hooks").mkdir()
    shutil.copy(shop / "post-checkout", main / ".git/hooks/post-checkout")
    desk.run("git", "worktree", "add", "--quiet", "../hotfix", where=main)
    assert desk.end(shop / "hotfix/.venv") == shop / ".envs/shop"
    for worktree in ("feature", "hotfix"):
        desk.run("git", "worktree", "remove", f"../{worktree}", where=main)
    assert desk.run("envsync", "apply", where=shop) == "1 in sync, unchanged\n"
    assert sorted(os.listdir(shop)) == [".envs", "envs.toml", "main", "post-checkout"]
    assert desk.end(main / ".venv") == shop / ".envs/shop"


def test_the_ci_script_makes_the_environments_and_its_status_tells_what_is_wrong(desk: Desk) -> None:
    directory = desk.copy("ci", "ci")
    assert "app (missing" in desk.run("./envsync.sh", "--drift", where=directory, status=3)
    assert not (directory / ".venv").exists()
    assert "1 environment in sync" in desk.run("./envsync.sh", where=directory)
    (directory / ".envs/app/bin/python").unlink()
    assert "bin/python is gone" in desk.run("./envsync.sh", "--drift", where=directory, status=3)
    manifest = directory / "envs.toml"
    former = manifest.read_text()
    manifest.write_text(former.replace('">=3.11"', '">=99"'))
    desk.run("./envsync.sh", where=directory, status=1)
    manifest.write_text(former.replace("path", "paht"))
    desk.run("./envsync.sh", "envs.toml", where=directory, status=2)


def test_the_workflow_calls_the_script_that_lies_beside_it() -> None:
    yaml = pytest.importorskip("yaml")
    workflow = yaml.safe_load((EXAMPLES / "ci/workflow.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert job["steps"][-1]["run"].split()[:2] == ["sh", "ci/envsync.sh"]
