"""What docs/containers.md and docs/editors.md show: its manifests are valid, and its commands do what it says.

The blocks are taken from the text. Where an engine would make a container, a root that overlays this one is.
"""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.images import Build, Image, image
from harness.place import ROOT, Place
from harness.pythons import PYTHONS
from harness.wheels import make_wheel

PAGES = ("containers", "editors")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MANIFESTS = [
    (name, text)
    for name in PAGES
    for kind, text in BLOCK.findall((ROOT / f"docs/{name}.md").read_text())
    if kind == "toml"
]
PYTHON, OTHER = (PYTHONS.get(version, sys.executable) for version in ("3.12", "3.13"))
ANYBODY = 54321
"""A user whom no password database knows."""


def section(title: str) -> Callable[[str], str]:
    """Return what gives the block of a kind in a section of docs/containers.md; of a console, its commands."""
    text = (ROOT / "docs/containers.md").read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]
    blocks: dict[str, str] = {}
    for kind, block in BLOCK.findall(text):
        lines = [line[2:] for line in block.splitlines() if line.startswith("$ ") and "docker" not in line]
        blocks[kind] = blocks.get(kind, "") + ("\n".join([*lines, ""]) if kind == "console" else block)
    return blocks.__getitem__


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    with image(tmp_path_factory.mktemp("image"), PYTHON) as made:
        yield made


def project(container: Image) -> None:
    """Make the project of the guide's second section in it again."""
    shutil.rmtree(container.root / "src/app", ignore_errors=True)
    container.write("/src/app/envs.toml", section("A project that is mounted")("toml"))
    container.write("/src/app/requirements.txt", "")


@pytest.mark.parametrize(("page", "text"), MANIFESTS)
def test_each_manifest_of_the_guides_is_valid(place: Place, page: str, text: str) -> None:
    (place.root / "requirements.txt").touch()
    place.manifest.write_text(
        text.replace("/usr/local/bin/python3", sys.executable)
        .replace("/src/app", str(place.root))
        .replace('"/venvs', f'"{place.root}/venvs')
        .replace("/run/envsync", str(place.root / "run"))
    )
    run = place.envsync("plan", "--json")
    assert run.document["errors"] == [], page


def test_hadolint_has_nothing_to_say_of_the_containerfile(tmp_path: Path) -> None:
    if shutil.which("hadolint") is None:
        pytest.skip("needs hadolint, which is not installed here")
    (tmp_path / "Containerfile").write_text(section("An image")("dockerfile"))
    subprocess.run(["hadolint", tmp_path / "Containerfile"], check=True)


@pytest.mark.sampled(2)  # it takes nine seconds
def test_the_steps_of_the_containerfile_make_an_image_that_runs_without_envsync(tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "requirements.txt").write_text("demo\n")
    (context / "envs.toml").write_text(section("An image")("toml"))
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "demo", "1.0")
    # In the place of a release: a distribution whose command is that of this source.
    stand_in = "import os, sys\ndef main():\n    os.execv('/usr/local/bin/envsync', ['envsync', *sys.argv[1:]])\n"
    make_wheel(wheels, "envs-toml", "1.0", scripts={"envsync": "envs_toml:main"}, files={"envs_toml.py": stand_in})
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "UV_OFFLINE": "1", "UV_FIND_LINKS": str(wheels)}
    with contextlib.ExitStack() as stack:
        build = Build(tmp_path / "stages", PYTHON, context, settings)
        last, words, user, workdir = build.carry_out(section("An image")("dockerfile"), stack)
        assert not (last.root / "srv/envsync").exists()
        script = f'{words[0]} -c "import demo, sys; print(sys.prefix)"'
        with last.read_only():
            assert last.sh(script, user=user, directory=workdir) == "/srv/app/.venv\n"


def test_host_and_container_share_a_link_and_each_has_its_own_environment(container: Image, tmp_path: Path) -> None:
    project(container)
    apply, check = (f"envsync {word} --file /src/app/envs.toml" for word in ("apply", "check"))
    version = "/src/app/.venv/bin/python -V"
    with container.volume("/venvs", tmp_path / "host"):
        container.sh(apply)
        link = (container.root / "src/app/.venv").lstat().st_ino
        host = container.sh(version)
        with container.volume("/venvs", tmp_path / "volume"):
            container.use(OTHER)
            container.sh(apply, variables={"HOME": "/home/other"})
            container.sh(check, variables={"HOME": "/home/other"})
            assert (container.sh(version) == host) is (OTHER == PYTHON)
        container.use(PYTHON)
        container.sh(check)
        assert container.sh(version) == host
    assert (container.root / "src/app/.venv").lstat().st_ino == link


def test_a_volume_at_the_environment_itself_is_exchanged_entry_by_entry(container: Image, tmp_path: Path) -> None:
    container.write("/src/at/envs.toml", 'version = 1\n[envs.at]\npath = ".venv"\npython = "/usr/local/bin/python3"\n')
    with container.volume("/src/at/.venv", tmp_path / "volume"):
        container.sh("envsync apply --file /src/at/envs.toml")
        assert "not atomically" in container.sh("envsync apply --file /src/at/envs.toml --force-rebuild at")
        container.sh("envsync check --file /src/at/envs.toml")


def test_a_user_who_is_only_a_number_needs_the_volume_and_places_for_locks_and_caches(
    container: Image, tmp_path: Path
) -> None:
    project(container)
    shutil.chown(container.root / "src/app", ANYBODY)
    script = section("A user that is only a number")("console")
    with container.volume("/venvs", tmp_path / "volume"):
        assert "/venvs is not writable" in container.sh(script, user=ANYBODY, status=1)
        container.sh(section("A project that is mounted")("console").replace("sudo ", "").replace("1000", str(ANYBODY)))
        command = script.splitlines()[-1]
        assert "set XDG_STATE_HOME to a directory where you may write" in container.sh(command, user=ANYBODY, status=1)
        container.sh(script, user=ANYBODY)
        container.sh(command.replace("apply", "check"), user=ANYBODY)
    assert not list((container.root / "src/app").glob("~*"))


def test_on_a_read_only_root_there_is_work_with_places_for_it_and_none_in_sync(
    container: Image, tmp_path: Path
) -> None:
    block, fixed = section("A read-only root"), '\n[envs.fixed]\npath = "/srv/fixed"\n'
    container.write("/etc/envsync/envs.toml", block("toml") + fixed)
    container.sh("envsync apply --file /etc/envsync/envs.toml fixed")
    rebuild = "envsync apply --file /etc/envsync/envs.toml --force-rebuild fixed"
    with container.volume("/run", tmp_path / "run"), container.read_only():
        assert "is not writable" in container.sh(rebuild, status=1)
        assert container.sh(block("console")).splitlines()[-1].startswith("Python 3.")
        subprocess.run(["mount", "-o", "remount,ro,bind", container.root / "run"], check=True)
        for words in ("apply", "check", "run app -- python -c pass", "run fixed -- python -c pass"):
            command, *more = words.split(" ", 1)
            container.sh(" ".join([f"envsync {command} --file /etc/envsync/envs.toml", *more]))


def test_the_dev_container_is_made_with_its_command_and_the_editor_finds_the_interpreter(
    container: Image, tmp_path: Path
) -> None:
    settings = json.loads(section("A dev container")("json"))
    project(container)
    # In the place of what the image has: the one may do all, the other installs nothing.
    container.write("/usr/local/bin/sudo", '#!/bin/sh\nexec "$@"\n', 0o755)
    container.write("/usr/local/bin/pipx", '#!/bin/sh\ntest "$*" = "install envs-toml"\n', 0o755)
    (target,) = re.findall("target=(.*),type=volume", settings["mounts"][0])
    with container.volume(target, tmp_path / "volume"):
        container.sh(settings["postCreateCommand"], directory=settings["workspaceFolder"])
        path = settings["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
        assert container.sh(f"{path} -V").startswith("Python 3.")
