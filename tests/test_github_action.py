"""The GitHub Action: each step of action.yml, run as a runner runs it, with the files that a runner provides."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.place import ROOT, SOURCE, Place
from harness.wheels import make_project, make_wheel

yaml = pytest.importorskip("yaml")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
PAGE = (ROOT / "docs/github-action.md").read_text()
SCRIPTS = ROOT / "integrations/github-action"
INSTALL, RUN = (step for step in ACTION["runs"]["steps"] if "run" in step)


@dataclass
class Runner:
    """What a runner provides to a step: directories, and files to which it writes."""

    place: Place
    action: Path = ROOT

    @property
    def temporary(self) -> Path:
        return self.place.root / "runner"

    def step(self, step: dict[str, Any], status: int = 0, **inputs: str) -> str:
        """Run a step with these inputs, and give what it prints."""
        known = {f"inputs.{name}": value["default"] for name, value in ACTION["inputs"].items()}
        known |= {f"inputs.{name.replace('_', '-')}": value for name, value in inputs.items()}
        known["steps.python.outputs.python-path"] = sys.executable
        filled = {
            name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: known[found[1]], text)
            for name, text in step["env"].items()
        }
        files = {f"GITHUB_{name}": str(self.temporary / name) for name in ("OUTPUT", "STEP_SUMMARY", "PATH")}
        runner = {"RUNNER_TEMP": str(self.temporary), "GITHUB_ACTION_PATH": str(self.action), "PIP_NO_INDEX": "1"}
        self.temporary.mkdir(exist_ok=True)
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            check=False,
            cwd=self.place.root,
            env=self.place.variables | files | runner | filled,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert done.returncode == status, done.stdout
        assert "Traceback" not in done.stdout, done.stdout
        return done.stdout

    def written(self, name: str) -> str:
        """Return what steps wrote to a file of the runner, and empty it."""
        path = self.temporary / name
        text = path.read_text()
        path.write_text("")
        return text


@pytest.fixture
def runner(place: Place) -> Runner:
    if shutil.which("bash") is None:
        pytest.skip("needs bash, which is not installed here")
    return Runner(place)


@pytest.fixture
def installed(runner: Runner) -> Runner:
    """Return a runner on which envsync is installed, from this source."""
    scripts = runner.temporary / "envsync/bin"
    scripts.mkdir(parents=True)
    (scripts / "python").symlink_to(sys.executable)
    text = f'#!/bin/sh\nPYTHONPATH={shlex.quote(SOURCE)} exec {shlex.quote(sys.executable)} -m envsync "$@"\n'
    (scripts / "envsync").write_text(text)
    (scripts / "envsync").chmod(0o755)
    return runner


def test_the_checkout_of_the_action_is_installed_and_later_steps_find_its_command_alone(
    runner: Runner, tmp_path: Path
) -> None:
    runner.action = make_project(tmp_path / "an action", "envsync")
    shutil.copytree(SCRIPTS, runner.action / "integrations/github-action")
    runner.step(INSTALL)
    (directory,) = runner.written("PATH").splitlines()
    assert os.listdir(directory) == ["envsync"]
    output = runner.step({"run": f"{directory}/envsync", "env": {"PYTHONPATH": ""}})
    assert output == f"envsync 1.0 {runner.temporary}/envsync\n"


def test_a_release_is_installed_by_its_number(runner: Runner, tmp_path: Path) -> None:
    for version in ("1.0", "1.1"):
        make_wheel(tmp_path / "wheels", "envs-toml", version, scripts={"envsync": "envs_toml:main"})
    runner.place.variables["PIP_FIND_LINKS"] = str(tmp_path / "wheels")
    runner.step(INSTALL, version="1.0")
    command = runner.temporary / "envsync/command/envsync"
    assert subprocess.run([command], check=True, capture_output=True, text=True).stdout.startswith("envs-toml 1.0 ")


@pytest.mark.parametrize("version", ["1.0 --index-url=http://elsewhere", "1.0;x", "-r", "1\n2"])
def test_what_is_no_number_of_a_release_is_refused(runner: Runner, version: str) -> None:
    assert "::error::The input version" in runner.step(INSTALL, status=2, version=version)


def test_check_reports_drift_apply_removes_it_and_outputs_and_exit_status_say_so(installed: Runner) -> None:
    installed.place.write('[envs.app]\npath = "app"\n[envs.other]\npath = "other"\n')
    output = installed.step(RUN, status=3)
    assert "::error ::app: nothing is at " in output
    assert installed.written("OUTPUT") == "status=drift\nexit-code=3\n"
    summary = installed.written("STEP_SUMMARY")
    assert summary.startswith("### envsync check: drift\n")
    assert "\n| app | missing | 3." in summary
    assert "::error" not in installed.step(RUN, command="apply", names="a*\n")
    assert installed.written("OUTPUT") == "status=applied\nexit-code=0\n"
    assert "\n| app | created | 3." in installed.written("STEP_SUMMARY")
    assert not (installed.place.root / "other").exists()
    installed.step(RUN, names="app")
    assert installed.written("OUTPUT") == "status=in-sync\nexit-code=0\n"
    assert installed.written("STEP_SUMMARY") == "### envsync check: in-sync\n\n1 in-sync\n\n"


def test_a_mistake_is_shown_at_its_line(installed: Runner) -> None:
    installed.place.write('[envs.app]\npaht = "app"\n')
    output = installed.step(RUN, status=2)
    assert f"::error file={installed.place.manifest},line=5,col=1::" in output
    assert installed.written("OUTPUT") == "status=error\nexit-code=2\n"
    assert "did you mean &#96;path&#96;?" in installed.written("STEP_SUMMARY")


def test_another_command_is_refused(installed: Runner) -> None:
    assert "neither check nor apply" in installed.step(RUN, status=2, command="prune --yes")
    assert installed.written("OUTPUT") == "status=error\nexit-code=2\n"


def test_without_a_report_the_exit_status_stays(installed: Runner) -> None:
    (installed.temporary / "envsync/bin/envsync").write_text("#!/bin/sh\nexit 143\n")
    installed.step(RUN, status=143)
    assert installed.written("OUTPUT") == "status=error\nexit-code=143\n"


def test_texts_of_a_manifest_are_neither_markup_nor_workflow_commands(installed: Runner) -> None:
    hostile = "x|<img>::set-env"
    installed.place.write(f'[envs."{hostile}"]\npath = "full%0A::error::b,c"\n'.replace("::error::b", "b"))
    (installed.place.root / "full%0Ab,c").mkdir()
    (installed.place.root / "full%0Ab,c/file").touch()
    output = installed.step(RUN, status=1)
    assert all(line.startswith("::error ::") for line in output.splitlines())
    assert "full%250Ab,c" in output
    summary = installed.written("STEP_SUMMARY")
    assert "<" not in summary
    (row,) = [line for line in summary.splitlines() if "img" in line]
    assert row.count("|") == 5
    assert installed.written("OUTPUT") == "status=conflict\nexit-code=1\n"


def test_each_input_and_output_is_used_and_documented() -> None:
    text = (ROOT / "action.yml").read_text()
    assert set(re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", text)) == set(ACTION["inputs"])
    rows = set(re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE))
    assert rows == {*ACTION["inputs"], *ACTION["outputs"]}
    (workflow, _) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (job,) = yaml.safe_load(workflow)["jobs"].values()
    assert {*job["steps"][1]["with"]} <= {*ACTION["inputs"]}


def test_actionlint_has_nothing_to_say_of_the_action_and_its_example(tmp_path: Path) -> None:
    actionlint = shutil.which("actionlint", path=f"{os.environ['PATH']}:{os.path.dirname(sys.executable)}")
    if actionlint is None:
        pytest.skip("needs actionlint, which is not installed here")
    workflows = tmp_path / ".github/workflows"
    workflows.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    shutil.copy(ROOT / "action.yml", tmp_path)
    workflow = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0]
    (workflows / "envsync.yml").write_text(workflow.replace("OWNER/envsync@COMMIT", "./"))
    subprocess.run([actionlint], check=True, cwd=tmp_path)


@pytest.mark.parametrize("script", ["install.sh", "run.sh"])
def test_shellcheck_has_nothing_to_say_of_a_step(script: str) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("needs shellcheck, which is not installed here")
    subprocess.run(["shellcheck", "--norc", SCRIPTS / script], check=True)
