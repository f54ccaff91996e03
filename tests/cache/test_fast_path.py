"""What is typed most often loads little, asks the system little, and stands on directories to be trusted."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import platformdirs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from platformdirs.api import PlatformDirsABC
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

from envsync import __version__
from envsync.cache.store import (
    cache_directory,
    cache_problem,
    config_directory,
    read_cache_file,
    seal,
    state_directories,
    unseal,
    usual_cache_directory,
)
from envsync.cli.startup import have_home
from harness.crash_trace import strace
from harness.place import Place, Run

pytestmark = pytest.mark.sampled(5)

RANDOM = settings(deadline=None, database=None, print_blob=True)
HEAVY = {"pydantic", "tomlkit", "virtualenv", "rich", "asyncio", "logging", "importlib.metadata", "packaging"}
HEAVY |= {"dataclasses", "platformdirs", "json", "subprocess", "envsync.reconcile"}
MAIN = "import sys; from envsync.__main__ import main; sys.exit(main())"
"""What an installed command consists of."""


def run(place: Place, *words: str, options: tuple[str, ...] = (), directory: Path | None = None) -> Run:
    """Run the command in a process of its own, that lists the modules it loads among its errors."""
    command = [sys.executable, "-B", "-X", "importtime", *options, "-c", MAIN, *words]
    done = subprocess.run(
        command, check=False, cwd=directory or place.root, env=place.variables, capture_output=True, text=True
    )
    return Run(done.returncode, done.stdout, done.stderr)


def modules(done: Run) -> set[str]:
    return {line.rpartition("|")[2].strip() for line in done.err.splitlines() if line.startswith("import time:")}


def settle(place: Place, *words: str) -> None:
    """Let passes find that nothing is to be done, until one has taken note of it."""
    for _ in range(50):
        assert place.envsync("apply", *words).status == 0
        if list(Path(place.variables["HOME"]).rglob("unchanged-*")):
            return
        time.sleep(0.05)  # what was changed just now proves nothing
    pytest.fail("no pass has taken note that nothing is to be done")


QUICK = {
    ("--version",): f"envsync {__version__}\n",
    ("apply",): "2 in sync, unchanged\n",
    ("check",): "2 environments in sync\n",
    ("check", "--quiet"): "",
    ("check", "a"): "1 environment in sync\n",
    ("check", "b", "a", "b"): "2 environments in sync\n",
    ("apply", "b"): "1 in sync, unchanged\n",
    ("check", "."): "2 environments in sync\n",
    ("check", "./b/"): "1 environment in sync\n",
    ("check", "a", "b/.venv"): "2 environments in sync\n",
}
TABLES = '[envs.a]\npath = "a"\n[envs.b]\npath = "b/.venv"\ntarget = "b"\n'


@pytest.fixture
def calm(place: Place) -> Place:
    """Return a place where nothing is to be done."""
    place.write(TABLES, "b")
    settle(place)
    return place


def test_what_is_typed_most_often_loads_little(calm: Place) -> None:
    for words, answer in QUICK.items():
        done = run(calm, *words)
        assert (done.status, done.out) == (0, answer)
        assert modules(done) & HEAVY == set()
        assert "envsync.cli.main" not in modules(done)
    for words in (("--help",), ("check", "--help"), ("completion", "--help")):
        done = run(calm, *words)
        assert (done.status, done.out[:6]) == (0, "usage:")
        assert modules(done) & HEAVY == set()


def test_an_environment_without_packages_is_made_without_what_reads_packages(place: Place) -> None:
    place.write('[envs.a]\npath = "a"\n')
    done = run(place, "apply")
    assert done.status == 0
    assert modules(done) & {"packaging.utils", "packaging.requirements", "virtualenv"} == set()


@pytest.mark.parametrize("variable", ["XDG_CONFIG_HOME", "HOME"])
def test_so_it_is_where_the_manifest_is_the_users_own(place: Place, tmp_path: Path, variable: str) -> None:
    config = Path(place.variables["HOME"], ".config")
    if variable != "HOME":
        config = tmp_path / "config"
        place.variables[variable] = str(config)
    place.write(TABLES)
    (config / "envsync/b").mkdir(parents=True)
    place.manifest.rename(config / "envsync/envs.toml")
    settle(place)
    for words, answer in QUICK.items():
        if any("." in word for word in words):
            continue  # nothing is declared below the current directory
        done = run(place, *words)
        assert (done.status, done.out) == (0, answer)
        assert modules(done) & {*HEAVY, "envsync.cli.main"} == set()


@pytest.mark.parametrize("words", QUICK)
def test_it_loads_nothing_but_what_python_has_loaded_or_is_built_in(calm: Place, words: tuple[str, ...]) -> None:
    done = run(calm, *words)
    assert (done.status, done.out) == (0, QUICK[words])
    ready = modules(run(calm, options=("-c", "pass"))) | {*sys.builtin_module_names, "binascii"}
    assert {name for name in modules(done) - ready if not name.startswith("envsync")} == set()


@pytest.mark.parametrize("appears", ["wt/two", "waited"])
def test_a_directory_that_is_waited_for_or_that_a_glob_matches_ends_it(place: Place, appears: str) -> None:
    place.write('[envs.a]\npath = "a"\naliases = ["wt/*/.venv"]\n[envs.b]\npath = "waited/.venv"\n', "wt/one")
    settle(place)
    done = run(place, "check")
    assert (done.status, modules(done) & HEAVY) == (0, set())
    (place.root / appears).mkdir()
    assert run(place, "check").status == 3


def test_a_file_that_appears_in_a_project_does_not_end_it(place: Place) -> None:
    place.write('[envs.a]\npath = "blog/.venv"\n', "blog")
    settle(place)
    (place.root / "blog/new.py").touch()
    assert "envsync.cli.main" not in modules(run(place, "check"))


def test_a_file_beside_an_alias_does_not_end_it(place: Place) -> None:
    place.write('[envs.a]\npath = "blog/.venv"\naliases = ["wt/*/.venv", "more/.venv"]\n', "blog", "wt/one", "more")
    settle(place)
    for directory in ("wt/one", "more"):
        (place.root / directory / "new.py").touch()
    assert "envsync.cli.main" not in modules(run(place, "check"))
    (place.root / "wt/two").mkdir()
    assert place.envsync("check").status == 3


def test_a_path_means_the_same_as_on_the_long_way(place: Place) -> None:
    place.write('[envs.a]\npath = "p/a"\n[envs.b]\npath = "real/b"\n[envs.w]\npath = "waited/.venv"\n', "real")
    (place.root / "p").symlink_to("real")
    settle(place)
    place.variables["PWD"] = str(place.root)
    for word, quick in {".": False, "p": False, "./p": True, "p/a": True, "real/": True, "nowhere/": False}.items():
        done, long = run(place, "check", word), place.envsync("check", word)
        assert (done.status, done.out) == (long.status, long.out), word
        assert ("envsync.cli.main" not in modules(done)) == quick, word


def calls_of(place: Place, trace: Path) -> Counter[str]:
    """Count the system calls of a pass without work, by their names."""
    command = [strace(), "-f", "-o", str(trace), sys.executable, "-B", "-c", MAIN, "check"]
    done = subprocess.run(command, check=True, cwd=place.root, env=place.variables, capture_output=True, text=True)
    assert "in sync" in done.stdout
    return Counter(re.findall(r"(?m)^\d+ +(\w+)\(", trace.read_text(errors="replace")))


def test_a_pass_without_work_only_looks_and_not_too_often(place: Place, tmp_path: Path) -> None:
    counts = []
    for number in (5, 25):
        place.write("".join(f'[envs.e{one}]\npath = "e{one}/own"\n' for one in range(number)))
        place.envsync("apply")
        for cache in Path(place.variables["HOME"]).rglob("unchanged-*"):
            cache.unlink()
        settle(place)
        counts.append(calls_of(place, tmp_path / "trace"))
    more = counts[1] - counts[0]
    looks = sum(more.pop(name, 0) for name in ("lstat", "newfstatat", "stat", "statx", "fstatat64"))
    assert {name for name in more if name not in {"brk", "mmap", "munmap", "mremap"}} == set()
    assert 0 < looks <= 20 * 20


VALUES = [None, "", "/x", "/x/", "relative", "./x", "~/x", "/x/../y", "$HOME", " /x "]
HOMES = [None, "/h", "/h/", "/", "/h/../x", "", "h", "~"]
SYSTEMS: dict[str, type[PlatformDirsABC]] = {"linux": Unix, "darwin": MacOS}


def assert_as_platformdirs(monkeypatch: pytest.MonkeyPatch, system: str, values: dict[str, str | None]) -> None:
    """Hold that the directories are those that platformdirs gives on a system, with some variables set or unset."""
    for name, value in values.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platformdirs, "PlatformDirs", SYSTEMS[system])
    directories = SYSTEMS[system]("envsync", appauthor=False)
    wanted = (directories.user_cache_dir, directories.user_config_dir, f"{directories.user_state_dir}/locks")
    found = (cache_directory(), config_directory(), state_directories()[0])
    assert [one.replace("//", "/") for one in found] == [one.replace("//", "/") for one in wanted]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("value", VALUES)
def test_directories_are_where_platformdirs_has_them(
    monkeypatch: pytest.MonkeyPatch, system: str, value: str | None
) -> None:
    values = {f"XDG_{kind}_HOME": value for kind in ("CACHE", "CONFIG", "STATE", "DATA") if value is not None}
    assert_as_platformdirs(monkeypatch, system, {**values})


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("home", HOMES)
def test_so_they_are_in_whatever_home(monkeypatch: pytest.MonkeyPatch, system: str, home: str | None) -> None:
    assert_as_platformdirs(monkeypatch, system, {"HOME": home})


def test_whoever_has_no_home_directory_is_at_home_in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")  # to be restored, whatever is set meanwhile
    monkeypatch.delenv("HOME")
    have_home()
    assert "HOME" not in os.environ
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert cache_problem() == ""
    have_home()
    assert cache_directory() == usual_cache_directory() == "/.cache/envsync"


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=12,
)


@RANDOM
@given(values=st.lists(NESTED, max_size=5))
def test_what_was_checked_is_given_again(values: list[object]) -> None:
    assert list(unseal(seal(values))) == values


@RANDOM
@given(values=st.lists(NESTED, max_size=5), at=st.integers(0), other=st.integers(1, 255))
def test_another_byte_anywhere_is_noticed(values: list[object], at: int, other: int) -> None:
    content = bytearray(seal(values))
    content[at % len(content)] ^= other
    with pytest.raises(ValueError, match="damaged"):
        list(unseal(bytes(content)))


def test_what_is_cut_short_is_noticed() -> None:
    content = seal([("a", 1), [None, "b" * 99]])
    for length in range(len(content)):
        with pytest.raises(ValueError, match="damaged"):
            list(unseal(content[:length]))


def test_only_a_file_of_the_users_own_is_read(tmp_path: Path) -> None:
    file = tmp_path / "cache"
    file.write_bytes(seal(["mine"]))
    file.chmod(0o600)
    assert list(unseal(read_cache_file(str(file)))) == ["mine"]
    with mock.patch("os.geteuid", return_value=4711):
        assert read_cache_file(str(file)) == b""
    os.truncate(file, 1 << 30)  # beyond all reason, though it takes no room
    assert read_cache_file(str(file)) == b""
    os.mkfifo(tmp_path / "fifo")
    assert read_cache_file(str(tmp_path / "fifo")) == b""
    for name, error in {"": IsADirectoryError, "missing": FileNotFoundError}.items():
        with pytest.raises(error):
            read_cache_file(str(tmp_path / name))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("kind", ["unchanged", "manifest", "interpreters"])
def test_a_cache_of_another_users_is_not_believed(calm: Place, kind: str) -> None:
    (calm.root / "a/bin/python").unlink()
    for cache in Path(calm.variables["HOME"]).rglob(f"{kind}*"):
        os.chown(cache, 65534, 65534)
    assert calm.envsync("check").status == 3
