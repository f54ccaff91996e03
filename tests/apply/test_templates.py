"""What is rendered from a template is what virtualenv would have written there, whatever the cache holds."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import virtualenv
from uv import find_uv_bin

from envsync.apply import builders
from envsync.cache.store import seal, unseal
from envsync.formats import activation
from harness.bench import listing, run
from harness.place import Place
from harness.processes import unprivileged
from harness.shells import SHELLS

pytestmark = pytest.mark.sampled(15)

PythonOf = Callable[[str], str]
NAMES = [
    *(".venv", "env", "my env", "it's", 'say "hi"', "$HOME", "a`id`", "back\\slash", "hey!", "100%", "%PATH%", "ünï"),
    *("漢", "-dash", "a;b&c", "#x", "(y)", "~", "*[a]", "$(touch pwned)", "a\\", "'", "r#'x'#", "a'b\"c", "=eq", "{}"),
]
PARENTS = [*(name for name in NAMES if "$" not in name), "a $ sign", "$", "plain"]
MANGLED = {
    "virtualenv": [],
    "venv": ["$HOME", "a`id`", "$(touch pwned)", 'say "hi"', "a'b\"c", "a\\"],  # the shell would compute them
    "uv": ["100%", "%PATH%"],  # and cmd.exe these
}
"""Directory names that a builder does not quote as it should."""
BROKEN = "a'b\"c"
"""What venv of Python 3.8 itself writes for this name no shell can read."""
VIRTUALENV = ("__init__", "version")
PYTHON = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
DEFAULTS = f'[defaults]\npython = "{PYTHON}"\n'


@dataclass
class Foundry:
    """Has environments created by passes in this process, and counts how many of them a builder built."""

    place: Place
    capsys: pytest.CaptureFixture[str]
    top: str = ""
    settings: str = ""
    """Lines for the manifest, and for each environment."""
    built: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def cache(self) -> Path:
        return Path(os.environ["XDG_CACHE_HOME"], "envsync")

    @property
    def template(self) -> Path:
        (found,) = self.cache.glob("template-*")
        return found

    def create(self, *names: str, options: tuple[str, ...] = ()) -> int:
        """Declare more environments, create them, and tell how many had to be built."""
        self.names += names
        count = len(self.built)
        paths = [json.dumps("./" + name.replace("$", "${DOLLAR}"), ensure_ascii=False) for name in self.names]
        tables = [f"[envs.e{number}]\npath = {path}\n{self.settings}" for number, path in enumerate(paths)]
        self.place.write(self.top + DEFAULTS + 'wait-for = ""\n' + "".join(tables))
        found = run(self.place, self.capsys, "apply", *options)["environments"]
        assert [one["outcome"] for one in found[-len(names) :]] == ["created"] * len(names)
        return len(self.built) - count

    def assert_as_from_virtualenv(self, name: str, *options: str) -> None:
        """Compare an environment with what virtualenv writes there."""
        path = self.place.root / name
        rendered = written(path)
        prompt = () if "--prompt" in options else ("--prompt", f"e{self.names.index(name)}")
        shutil.rmtree(path)
        arguments = ["--quiet", "--no-seed", "--symlinks", "--app-data", str(self.place.root.parent / "data")]
        virtualenv.cli_run([*arguments, "--python", PYTHON, *prompt, *options, str(path)], setup_logging=False)
        assert rendered == written(path)


def written(path: Path) -> dict[str, tuple[int, bytes]]:
    """Return the modes of all entries, and the contents of the files, but of what envsync sets."""
    entries = {
        str(one.relative_to(path)): (one.lstat().st_mode, one.read_bytes() if one.is_file() else b"")
        for one in path.rglob("*")
        if not one.is_symlink() and one.name != "pyvenv.cfg"
    }
    return {**entries, ".": (path.lstat().st_mode, b"")}


def assert_activates(path: Path) -> None:
    """Hold that every activation script names an environment, and that every shell here takes it from there."""
    for file in (path / "bin").glob("activate*"):
        content = os.fsdecode(file.read_bytes())
        assert ".envsync-" not in content
        reading = activation.read(file.name, content, str(path))
        assert reading.right or (reading == activation.UNREADABLE and not activation.is_plain(str(path)))
    shells = {name: command for name, (command, _) in SHELLS.items() if name != "tcsh"}  # it has another syntax
    for shell, command in {"sh": ["sh"], **shells}.items():
        code, script, more = '. "$1" && printf %s "$VIRTUAL_ENV"', "activate", [shell]
        if shell == "fish":
            code, script, more = code.replace("$1", "$argv[1]"), "activate.fish", []
        if shutil.which(shell):
            words = [*command, "-c", code, *more, f"{path}/bin/{script}"]
            done = subprocess.run(words, check=False, capture_output=True, text=True)
            assert (done.stdout, done.stderr) == (str(path), "")


@pytest.fixture
def foundry(place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Foundry:
    made, build = Foundry(place, capsys), builders.build_bare

    def counted(*arguments: Any) -> None:
        made.built.append(arguments[2])
        build(*arguments)

    monkeypatch.setattr(builders, "build_bare", counted)
    monkeypatch.setenv("DOLLAR", "$")
    monkeypatch.setenv("XDG_CACHE_HOME", str(place.root.parent / "cache"))
    monkeypatch.chdir(place.root)
    return made


@pytest.mark.parametrize("name", NAMES)
def test_what_is_rendered_is_what_virtualenv_writes_there(foundry: Foundry, name: str) -> None:
    paths = [f"{parent}/{name}" for parent in PARENTS]
    assert (foundry.create(f"first/{name}"), foundry.create(*paths)) == (1, 0)
    for path in foundry.names:
        foundry.assert_as_from_virtualenv(path)


def test_settings_are_rendered_as_virtualenv_writes_them(foundry: Foundry) -> None:
    foundry.settings = 'prompt = "it\'s $(x) \\"\\\\"\nsystem-site-packages = true\n'
    assert foundry.create("first/.venv", "second/.venv") == 1
    foundry.assert_as_from_virtualenv("second/.venv", "--prompt", "it's $(x) \"\\", "--system-site-packages")


@pytest.mark.parametrize(("first", "second"), [("plain", "$HOME"), ("plain", "=~"), ("$HOME", "plain")])
def test_the_place_of_the_first_does_not_shape_the_others(foundry: Foundry, first: str, second: str) -> None:
    foundry.create(f"{first}/.venv")
    foundry.create(f"{second}/one/.venv")
    foundry.assert_as_from_virtualenv(f"{second}/one/.venv")


@pytest.mark.parametrize("builder", MANGLED)
def test_every_shell_sources_what_is_rendered(foundry: Foundry, builder: str) -> None:
    foundry.top = f'builder = "{builder}"\n'
    foundry.create(*(f"in/{name}" for name in NAMES if name not in MANGLED[builder]))
    foundry.create(*(f"{name}/.venv" for name in NAMES))
    for name in foundry.names:
        assert_activates(foundry.place.root / name)


@pytest.mark.parametrize(
    ("builder", "name"), [(builder, name) for builder in MANGLED for name in MANGLED[builder] if name != BROKEN]
)
def test_no_staging_dir_is_named_whatever_a_builder_makes_of_a_name(
    foundry: Foundry, builder: str, name: str, python_of: PythonOf
) -> None:
    foundry.top, foundry.settings = f'builder = "{builder}"\n', f'python = "{python_of("3.8")}"\n'
    foundry.create(name)
    assert_activates(foundry.place.root / name)


def test_every_file_is_the_environments_own(foundry: Foundry) -> None:
    assert (foundry.create("one/.venv", "two/.venv"), foundry.create("three/.venv")) == (1, 0)
    found = [path for root in (foundry.place.root, foundry.cache) for path in root.rglob("*")]
    assert {path for path in found if path.is_file() and not path.is_symlink() and path.stat().st_nlink > 1} == set()


def test_a_later_pass_finds_the_template_and_loads_no_builder(foundry: Foundry) -> None:
    foundry.create("one/.venv")
    with foundry.place.manifest.open("a") as manifest:
        manifest.write('[envs.late]\npath = "late/own"\n')
    command = [sys.executable, "-B", "-X", "importtime", "-m", "envsync", "apply"]
    done = subprocess.run(command, check=True, cwd=foundry.place.root, capture_output=True, text=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "envsync.apply.templates" in loaded
    assert {"virtualenv", "envsync.apply.builders"} & loaded == set()
    foundry.assert_as_from_virtualenv("late/own", "--prompt", "late")


def renamed(content: bytes, *, kind: str = "", key: str = "") -> bytes:
    """Return a cache file of another kind, or with what it holds by another key."""
    (its_kind, fingerprint), entries = unseal(content)
    return seal([(its_kind + kind, fingerprint), {its_key + key: entry for its_key, entry in entries.items()}])


def give_away(file: Path, content: bytes) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    file.write_bytes(content)
    os.chown(file, 65534, 65534)


DAMAGES: dict[str, Callable[[Path, bytes], object]] = {
    "is gone": lambda _, __: None,
    "is empty": lambda file, _: file.touch(),
    "is cut short": lambda file, content: file.write_bytes(content[:-1]),
    "has another bit": lambda file, old: file.write_bytes(old[:999] + bytes([old[999] ^ 1]) + old[1000:]),
    "is noise": lambda file, content: file.write_bytes(os.urandom(len(content))),
    "is of another kind": lambda file, content: file.write_bytes(renamed(content, kind="another")),
    "was made from something else": lambda file, content: file.write_bytes(renamed(content, key="another")),
    "is another user's": give_away,
    "is a FIFO": lambda file, _: os.mkfifo(file),
    "is a directory": lambda file, _: file.mkdir(),
    "leads nowhere": lambda file, _: file.symlink_to("nowhere"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_template_is_not_believed_that(foundry: Foundry, damage: str) -> None:
    assert (foundry.create("one/.venv"), foundry.create("two/.venv")) == (1, 0)
    file, content = foundry.template, foundry.template.read_bytes()
    file.unlink()
    DAMAGES[damage](file, content)
    assert foundry.create("three/.venv") == 1
    foundry.assert_as_from_virtualenv("three/.venv")
    assert foundry.create("four/.venv") == int(file.is_dir())


def test_a_template_of_what_does_not_run_is_not_kept(foundry: Foundry) -> None:
    build = builders.build_bare

    def broken(*arguments: Any) -> None:
        build(*arguments)
        Path(arguments[2], "pyvenv.cfg").write_bytes(b"\xff = no text\n")

    with mock.patch.object(builders, "build_bare", broken), pytest.raises(AssertionError, match="failed"):
        foundry.create("one/.venv")
    assert foundry.create("two/.venv") == 1


@pytest.mark.parametrize("name", ["python", "uv", "UV_LINK_MODE", *(f"site/virtualenv/{x}.py" for x in VIRTUALENV)])
def test_a_template_is_not_believed_after_a_change_of(
    foundry: Foundry, name: str, python_of: PythonOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = foundry.place.root / "origin"
    shutil.copytree(os.path.dirname(virtualenv.__file__), root / "site/virtualenv")
    shutil.copy(os.path.realpath(python_of("3.11")), root / "python")
    (root / "uv").write_text(f'#!/bin/sh\nexec "{find_uv_bin()}" "$@"\n')
    (root / "uv").chmod(0o755)
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", str(root), prepend=":")
    monkeypatch.syspath_prepend(root / "site")
    foundry.top = f'builder = "{"uv" if name.lower().startswith("uv") else "virtualenv"}"\n'
    foundry.settings = 'python = "origin/python"\n'
    time.sleep(0.05)  # what has changed just now proves nothing
    assert (foundry.create("one/.venv"), foundry.create("two/.venv")) == (1, 0)
    if name == "UV_LINK_MODE":
        monkeypatch.setenv(name, "copy")
    else:
        shutil.move(shutil.copy(root / name, root / "new"), root / name)
    time.sleep(0.05)
    assert (foundry.create("three/.venv"), foundry.create("four/.venv")) == (1, 0)


def test_without_caches_templates_are_neither_read_nor_written(foundry: Foundry) -> None:
    assert foundry.create("one/.venv", options=("--no-cache",)) == 1
    assert not list(foundry.cache.glob("template-*"))
    foundry.create("two/.venv")
    before = listing(foundry.cache)[foundry.template.name]
    assert foundry.create("three/.venv", "four/.venv", options=("--no-cache",)) == 1
    assert listing(foundry.cache)[foundry.template.name] == before


@pytest.mark.parametrize("obstacle", ["a file", "read-only"])
def test_a_cache_directory_that_cannot_be_written_costs_only_time(foundry: Foundry, obstacle: str) -> None:
    cache = foundry.cache.parent
    cache.write_text("") if obstacle == "a file" else cache.mkdir(mode=0o500)
    foundry.place.variables = {**os.environ}
    for name in ("one", "two"):
        foundry.place.write(f'{DEFAULTS}[envs.a]\npath = "{name}/own"\n')
        done = unprivileged(foundry.place, "apply") or pytest.skip("this root cannot give up its power")
        assert (done.status, done.err) == (0, "")
        foundry.assert_as_from_virtualenv(f"{name}/own", "--prompt", "a")
    assert not list(cache.parent.rglob("template-*"))


@pytest.mark.parametrize("masks", [(0o077, 0o022), (0o022, 0o077), (0o022, 0o002), (0o027, 0o002)])
def test_the_mask_of_the_pass_counts_not_that_of_the_template(foundry: Foundry, masks: tuple[int, int]) -> None:
    former = os.umask(0)
    try:
        for name, mask in zip(("one/.venv", "two/.venv"), masks, strict=True):
            os.umask(mask)
            foundry.create(name)
            foundry.assert_as_from_virtualenv(name)
    finally:
        os.umask(former)
    assert len(foundry.built) == 1
