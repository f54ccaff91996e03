"""A manifest that is remembered is the one that would be read, and nothing that shapes it goes unnoticed."""

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from envsync.cache.store import Cache
from envsync.manifest import load
from envsync.manifest.cached import recall, remember
from envsync.model.desired import Manifest
from envsync.model.evidence import Evidence
from envsync.model.problems import ManifestError
from envsync.write.files import write_cache
from harness.place import ROOT, Place

pytestmark = pytest.mark.sampled(5)

RANDOM = settings(deadline=None, database=None, print_blob=True, max_examples=40)
MAIN = """version = 1
include = ["more.toml", "same.toml", "envs.d/*.toml", "late/*.toml"]
[pythons]
main = "${LEAD}/python"
[envs.a]
path = "link/../a"
python = "main"
"""
FILES = {
    "real/envs.toml": MAIN,
    "real/more.toml": '[defaults]\nprompt = "more"\n[envs.b]\npath = "~/b"\nhosts = ["*"]\n',
    "real/envs.d/one.toml": '[envs.one]\npath = "../one"\n',
    "real/envs.d/directory.toml/x": "",
    "other/directory/x": "",
    "other/envs.toml": 'version = 1\n[envs.x]\npath = "x"\n',
    "other/file": '[envs.two]\npath = "two"\n',
}


@dataclass
class Memory:
    """A manifest behind a link, with all that may shape one, and what is remembered of it."""

    root: Path
    file: str = ""
    manifest: Manifest = field(default_factory=lambda: Manifest("", "", "", ()))

    def lay_out(self) -> None:
        for name, text in FILES.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        (self.root / "settings").symlink_to("real")
        (self.root / "real/link").symlink_to("../other/directory")
        (self.root / "real/envs.d/leads.toml").symlink_to("../../other/directory")
        os.link(self.root / "real/more.toml", self.root / "real/same.toml")

    def remember(self, read: Callable[[str], Manifest] = load, file: str = "settings/envs.toml") -> None:
        time.sleep(0.04)  # what was changed just now proves nothing
        self.file, began = f"{self.root}/{file}", time.time_ns()
        self.manifest = read(self.file)
        for earlier in self.cache.iterdir() if self.cache.exists() else ():
            earlier.unlink()
        cache = Cache(str(self.cache))
        remember(self.manifest, cache, began)
        cache.save(write_cache)

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def is_kept(self) -> bool:
        return self.cache.exists() and list(self.cache.iterdir()) != []

    def recall(self) -> Manifest | None:
        assert self.is_kept
        return recall(self.file, Cache(str(self.cache)))


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Memory:
    made = Memory(tmp_path)
    made.lay_out()
    monkeypatch.setenv("LEAD", f"{tmp_path}/lead")
    made.remember()
    assert [one.name for one in made.manifest.environments] == ["a", "b", "one"]
    assert made.recall() == made.manifest
    return made


@pytest.mark.parametrize("hosts", ["laptop*", "*"])
def test_every_key_is_recalled_as_it_was_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    text = (ROOT / "envs.toml.example").read_text()
    (tmp_path / "envs.d").mkdir()
    (tmp_path / "envs.d/more.toml").write_text('[defaults]\nexact = true\n[envs.more]\npath = "more"\n')
    (tmp_path / "envs.toml").write_text(text.replace("laptop*", hosts))
    memory = Memory(tmp_path)
    memory.remember(file="envs.toml")
    assert memory.recall() == memory.manifest
    assert len(memory.manifest.environments) + len(memory.manifest.elsewhere) == 5


PATHS = st.text("abé'\"% .-_(漢", min_size=1, max_size=9).map(lambda text: f"x{text}")
PYTHONS = st.sampled_from(["3.12", ">=3.11,<3.13", "pypy3.10", "/usr/bin/python3", "./x", "3.13t", "named", "1.2.3"])
PACKAGES = st.lists(st.sampled_from(["six", "ruff>=0.5", "flask[async]; python_version > '3'", "pip"]), max_size=3)
KEYS: dict[str, st.SearchStrategy[object]] = {
    **dict.fromkeys(("target", "prompt", "wait-for", "project"), PATHS),
    **dict.fromkeys(("aliases", "requirements", "constraints"), st.lists(PATHS, unique=True, max_size=2)),
    **dict.fromkeys(("exact", "editable", "system-site-packages"), st.booleans()),
}
KEYS |= {"python": PYTHONS, "packages": PACKAGES, "requires-python": st.sampled_from([">=3.11", "~=3.12.1"])}
KEYS |= {"hosts": st.sampled_from([["*"], ["no-such-host"]]), "on-missing": st.sampled_from(["fail", "relax"])}
COMMON = st.fixed_dictionaries({}, optional={key: KEYS[key] for key in KEYS if key not in {"target", "aliases"}})
TABLE = st.fixed_dictionaries({"path": PATHS}, optional=KEYS)
TABLES = st.dictionaries(st.text("abc1", min_size=1), TABLE, min_size=1, max_size=4)
FIXED = {"version": st.just(1), "pythons": st.just({"named": "/opt/python"})}
OPTIONS = {"keep": st.integers(0, 9), "builder": st.sampled_from(["uv|virtualenv", "venv"])}
MANIFESTS = st.fixed_dictionaries(FIXED, optional={**OPTIONS, "defaults": COMMON, "envs": TABLES})


@RANDOM
@given(table=MANIFESTS)
def test_whatever_is_declared_is_recalled_as_it_was_loaded(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, object]
) -> None:
    file = tmp_path_factory.mktemp("manifest") / "envs.toml"
    file.write_text(tomlkit.dumps(table))
    try:
        manifest = load(str(file))
    except ManifestError:
        return
    cache = Cache(None)
    remember(manifest, cache, time.time_ns() + 10**9)
    assert recall(str(file), cache) == manifest


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def point(path: Path, text: str) -> None:
    remove(path)
    path.symlink_to(text)


def save(path: Path, text: str = FILES["other/file"]) -> None:
    if os.path.lexists(path):
        remove(path)
    path.write_text(text)


CHANGES: dict[str, Callable[[Path], None]] = {
    "a letter of the manifest": lambda root: save(root / "real/envs.toml", MAIN.replace("/../a", "/../b")),
    "a comment in the manifest": lambda root: save(root / "real/envs.toml", f"{MAIN}#"),
    "an included file": lambda root: save(root / "real/more.toml", ""),
    "an included file that is gone": lambda root: remove(root / "real/more.toml"),
    "a file that had two names": lambda root: save(root / "real/same.toml", FILES["real/more.toml"]),
    "the kind of an included file": lambda root: point(root / "real/same.toml", "more.toml"),
    "one of many": lambda root: save(root / "real/envs.d/one.toml"),
    "one more of many": lambda root: save(root / "real/envs.d/two.toml"),
    "one less of many": lambda root: remove(root / "real/envs.d/one.toml"),
    "where one of many leads": lambda root: point(root / "real/envs.d/leads.toml", "../../other/file"),
    "a directory among many": lambda root: save(root / "real/envs.d/directory.toml"),
    "a directory of many that is missing": lambda root: os.mkdir(root / "real/late"),
    "a link before two dots": lambda root: save(root / "real/link"),
    "where the directory of the manifest leads": lambda root: point(root / "settings", "other"),
    "the kind of the manifest": lambda root: point(root / "real/envs.toml", "../other/envs.toml"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_shapes_a_manifest_is_seen_when_it_changes(memory: Memory, change: str) -> None:
    CHANGES[change](memory.root)
    assert memory.recall() is None


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_changes_while_it_is_read_is_not_remembered(memory: Memory, change: str, when: str) -> None:
    def read(file: str) -> Manifest:
        manifest = load(file) if when == "after" else memory.manifest
        CHANGES[change](memory.root)
        return manifest if when == "after" else load(file)

    try:
        memory.remember(read)
    except ManifestError:
        return
    harmless = "missing" in change or "directory of the manifest" in change
    assert not memory.is_kept or (harmless and memory.recall() == load(memory.file))


VARIABLES = ("LEAD", "HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "ENVSYNC_FILE")


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("value", ["/elsewhere", None])
def test_a_variable_that_changes_is_seen(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    monkeypatch.setenv(name, value or "/now")
    if value is None:
        memory.remember()
        monkeypatch.delenv(name)
    assert memory.recall() is None


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("envsync.cache.fingerprint.__version__", "0.0.0"),
        ("os.uname", lambda: SimpleNamespace(nodename="elsewhere")),
        ("os.geteuid", lambda: 4711),
        ("sys.version", "2.7.18 (default)"),
        ("sys.base_prefix", "/elsewhere"),
    ],
)
def test_fingerprint_that_change_are_seen(memory: Memory, where: str, what: object) -> None:
    with mock.patch(where, what):
        assert memory.recall() is None
    assert memory.recall() == memory.manifest


def test_the_directory_through_which_it_was_opened_counts(memory: Memory) -> None:
    assert recall(f"{memory.root}/real/envs.toml", Cache(str(memory.cache))) is None


def check_out(root: Path) -> None:
    """Write all files again, as git does."""
    for name in FILES:
        save(root / name, (root / name).read_text())
    remove(root / "real/same.toml")
    os.link(root / "real/more.toml", root / "real/same.toml")


def move(root: Path) -> None:
    (root / "real").rename(root / "moved")
    point(root / "settings", "moved")


@pytest.mark.parametrize("act", [check_out, move, lambda root: save(root / "real/notes.txt", "mine")])
def test_it_holds_where_the_same_is_written_again(memory: Memory, act: Callable[[Path], None]) -> None:
    act(memory.root)
    assert memory.recall() == load(memory.file)


USER = pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize("line", [f'[envs.x]\npath = "~{USER}/x"', 'include = ["*/x.toml"]', 'include = ["**"]'])
def test_what_cannot_be_replayed_is_not_remembered(tmp_path: Path, line: str) -> None:
    (tmp_path / "envs.toml").write_text(f"version = 1\n{line}\n".replace("**", "e/**/x.toml"))
    memory = Memory(tmp_path)
    memory.remember(file="envs.toml")
    assert not memory.is_kept


def test_without_a_home_nothing_is_remembered(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    memory.remember()
    assert not memory.is_kept


def test_what_is_whole_but_no_manifest_is_not_believed(memory: Memory) -> None:
    (file,) = memory.cache.iterdir()
    kept: list[Any] = []
    Cache(str(memory.cache)).get(file.name, memory.file, kept.append)
    contents, inputs, manifest = kept[0]
    wrong: list[Any] = [
        *((contents,), (contents, inputs), (contents, inputs, inputs), (contents, manifest, manifest)),
        *((contents, inputs, ["os.system", "x"]), (), None, {}),
    ]
    for value in (*wrong, kept[0]):
        cache = Cache(None)
        cache.put(file.name, memory.file, value, Evidence())
        assert recall(memory.file, cache) == (memory.manifest if value is kept[0] else None)


@pytest.mark.parametrize("command", ["apply", "plan"])
def test_a_pass_with_work_over_an_unchanged_manifest_loads_no_parser(place: Place, command: str) -> None:
    place.write('[envs.a]\npath = "a"\naliases = ["b"]\n')
    time.sleep(0.04)
    place.apply()
    (place.root / "b").unlink()
    words = [sys.executable, "-B", "-X", "importtime", "-m", "envsync", command]
    done = subprocess.run(words, check=True, cwd=place.root, env=place.variables, capture_output=True, text=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"pydantic", "tomllib", "envsync.manifest.loader"} & loaded == set()
    assert "envsync.reconcile" in loaded
