"""What a watcher does when its manifest changes, or a directory that is waited for: events and the disk."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.bench import listing
from harness.dotfiles import Dotfiles, named, replace
from harness.watching import Watching

pytestmark = pytest.mark.sampled(8)

PythonOf = Callable[[str], str]


def assert_mends(dotfiles: Dotfiles, watcher: Watching) -> None:
    """It is awake still: what breaks is mended."""
    (dotfiles.end / "bin/python").unlink()
    watcher.applied("one", "repaired")
    assert os.readlink(dotfiles.end / "bin/python") == f"{dotfiles.pycur}/bin/python"


def assert_passes_when_asked(watcher: Watching, times: int = 2) -> None:
    for _ in range(times):
        watcher.process.send_signal(signal.SIGHUP)
        watcher.until("pass", lambda event: bool(event["reason"] == "signal"))


def assert_there(directory: Path) -> None:
    assert (directory / "bin/python").exists()
    assert (directory / "pyvenv.cfg").is_file()


@pytest.mark.parametrize("save", [Path.write_text, replace], ids=["in place", "by rename"])
def test_an_environment_that_is_added_is_created(dotfiles: Dotfiles, save: Callable[[Path, str], Any]) -> None:
    with dotfiles.watched() as watcher:
        tables = [dotfiles.one()]
        for name in ("two", "three"):
            tables.append(dotfiles.table(name, f"../{name}"))
            save(dotfiles.file, dotfiles.manifest(*tables))
            watcher.applied(name, "created")
            assert_there(dotfiles.root / name)
        assert named(watcher.events, "manifest-error") == []


@pytest.mark.parametrize("how", ["by rename", "removed and made again"])
def test_a_manifest_link_that_leads_to_another_file_is_followed(dotfiles: Dotfiles, how: str) -> None:
    dotfiles.own.add(dotfiles.link)
    other = dotfiles.root / "other-dotfiles/work.toml"
    other.parent.mkdir()
    other.write_text(dotfiles.manifest(dotfiles.one(), dotfiles.table("two", "../two")))
    with dotfiles.watched() as watcher:
        link = dotfiles.link if how != "by rename" else dotfiles.link.with_name("new")
        link.unlink(missing_ok=True)
        link.symlink_to("../other-dotfiles/work.toml")
        link.rename(dotfiles.link)
        watcher.applied("two", "created")
        assert_there(dotfiles.root / "two")
        replace(other, dotfiles.manifest(dotfiles.one(), dotfiles.table("three", "../three")))
        watcher.applied("three", "created")


def _break(dotfiles: Dotfiles) -> int:
    """Save a manifest with a mistake; gives its line."""
    text = dotfiles.manifest(dotfiles.one(), "oh no")
    dotfiles.file.write_text(text)
    return text.splitlines().index("oh no") + 1


def test_a_mistake_is_told_once_and_the_last_good_manifest_stays_in_force(dotfiles: Dotfiles) -> None:
    with dotfiles.watched() as watcher:
        line = _break(dotfiles)
        (error,) = watcher.until("manifest-error")["errors"]
        assert (error["file"], error["line"]) == (str(dotfiles.link), line)
        assert_passes_when_asked(watcher)
        assert_mends(dotfiles, watcher)
        _break(dotfiles)
        assert_passes_when_asked(watcher)
        assert len(named(watcher.events, "manifest-error")) == 1
        replace(dotfiles.file, dotfiles.manifest(dotfiles.one(), dotfiles.table("two", "../two")))
        assert watcher.until("manifest-error")["errors"] == []
        watcher.applied("two", "created")
        assert_mends(dotfiles, watcher)
        assert len(named(watcher.events, "manifest-error")) == 2


def test_a_manifest_that_is_gone_is_told_once_and_the_last_good_one_stays_in_force(dotfiles: Dotfiles) -> None:
    with dotfiles.watched() as watcher:
        dotfiles.file.parent.rename(dotfiles.root / "away")
        (error,) = watcher.until("manifest-error")["errors"]
        assert (error["file"], error["code"]) == (str(dotfiles.link), "manifest-missing")
        assert_passes_when_asked(watcher)
        assert_mends(dotfiles, watcher)
        assert len(named(watcher.events, "manifest-error")) == 1
        (dotfiles.root / "away").rename(dotfiles.file.parent)
        assert watcher.until("manifest-error")["errors"] == []
        dotfiles.file.write_text(dotfiles.manifest(dotfiles.one(), dotfiles.table("two", "../two")))
        watcher.applied("two", "created")


@pytest.mark.parametrize("link", [False, True], ids=["absent", "dangling"])
def test_an_included_file_may_come_later(dotfiles: Dotfiles, link: bool) -> None:
    more = dotfiles.root / "config/more.toml"
    if link:
        more.symlink_to("../dotfiles/more.toml")
        more = dotfiles.root / "dotfiles/more.toml"
    with dotfiles.watched() as watcher:
        dotfiles.file.write_text(dotfiles.manifest('include = ["more.toml"]', dotfiles.one()))
        (error,) = watcher.until("manifest-error")["errors"]
        assert error["code"] == "manifest-missing"
        assert_passes_when_asked(watcher)
        assert_mends(dotfiles, watcher)
        more.write_text(dotfiles.table("two", "../two"))
        assert watcher.until("manifest-error")["errors"] == []
        watcher.applied("two", "created")
        assert len(named(watcher.events, "manifest-error")) == 2
        more.write_text(dotfiles.table("three", "../three"))
        watcher.applied("three", "created")


def test_a_directory_of_included_files_may_come_later(dotfiles: Dotfiles) -> None:
    dotfiles.file.write_text(dotfiles.manifest('include = ["envs.d/*.toml"]', dotfiles.one()))
    with dotfiles.watched() as watcher:
        (dotfiles.root / "config/envs.d").mkdir()
        for name in ("two", "three"):
            table = dotfiles.table(name, f"../../{name}", python="../../pycur/bin/python")
            (dotfiles.root / f"config/envs.d/{name}.toml").write_text(table)
            watcher.applied(name, "created")
        assert named(watcher.events, "manifest-error") == []


def test_an_environment_that_is_no_longer_declared_is_not_touched(dotfiles: Dotfiles) -> None:
    two = dotfiles.root / "two"
    dotfiles.file.write_text(dotfiles.manifest(dotfiles.one(), dotfiles.table("two", "../two")))
    with dotfiles.watched() as watcher:
        dotfiles.file.write_text(dotfiles.manifest(dotfiles.one()))
        watcher.until("pass", lambda event: sum(event["states"].values()) == 1)
        (two / "bin/python").unlink()
        before = listing(two)
        assert watcher.rest(1) == []
        assert_mends(dotfiles, watcher)
        assert_passes_when_asked(watcher, 1)
        assert listing(two) == before


def _git(directory: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True)


def test_a_checkout_of_another_branch_brings_its_environments(dotfiles: Dotfiles) -> None:
    directory = dotfiles.file.parent
    _git(directory, "init", "-q", "-b", "main")
    for branch, name in (("main", "one"), ("work", "two")):
        if branch == "work":
            _git(directory, "checkout", "-q", "-b", branch)
        dotfiles.file.write_text(dotfiles.manifest(dotfiles.one() if name == "one" else dotfiles.table(name, "../two")))
        _git(directory, "add", ".")
        _git(directory, "commit", "-qm", branch)
    _git(directory, "checkout", "-q", "main")
    with dotfiles.watched() as watcher:
        before = listing(dotfiles.end)
        _git(directory, "checkout", "-q", "work")
        watcher.applied("two", "created")
        assert_there(dotfiles.root / "two")
        assert listing(dotfiles.end) == before
        _git(directory, "checkout", "-q", "main")
        watcher.until("pass", lambda event: bool(event["reason"] == "change"))
        assert_mends(dotfiles, watcher)


def test_what_waits_for_a_directory_is_created_when_that_is_there(dotfiles: Dotfiles) -> None:
    new = dotfiles.root / "src/new/project"
    waiting = dotfiles.table("two", "../src/new/project/.venv")
    dotfiles.file.write_text(dotfiles.manifest(dotfiles.one(), waiting))
    with dotfiles.watched() as watcher:
        assert watcher.events[-1]["states"]["waiting"] == 1
        assert not new.parent.exists()
        new.mkdir(parents=True)
        watcher.applied("two", "created")
        assert_there(new / ".venv")


@pytest.mark.parametrize("directory", ["feature", "*"])
def test_an_alias_is_linked_when_its_directory_is_there(dotfiles: Dotfiles, directory: str) -> None:
    dotfiles.file.write_text(dotfiles.manifest(dotfiles.one(f'aliases = ["../trees/{directory}/.venv"]')))
    with dotfiles.watched() as watcher:
        assert not (dotfiles.root / "trees").exists()
        (dotfiles.root / "trees/feature").mkdir(parents=True)
        watcher.applied("one", "linked")
        assert (dotfiles.root / "trees/feature/.venv").resolve() == dotfiles.end


@pytest.mark.parametrize("moved", ["src", "src/project", "project"])
def test_a_project_may_be_moved_away_and_back(dotfiles: Dotfiles, moved: str) -> None:
    dotfiles.file.write_text(dotfiles.manifest(dotfiles.one()))
    with dotfiles.watched() as watcher:
        before, link = listing(dotfiles.end), dotfiles.path.lstat().st_ino
        (dotfiles.root / moved).rename(dotfiles.root / "away")
        watcher.until("pass", lambda event: bool(event["states"]["waiting"]))
        assert not dotfiles.path.exists()
        (dotfiles.root / "away").rename(dotfiles.root / moved)
        watcher.until("pass", lambda event: bool(event["states"]["in-sync"]))
        assert dotfiles.path.lstat().st_ino == link
        assert listing(dotfiles.end) == before
        assert len(named(watcher.events, "applied")) == 1
        assert_mends(dotfiles, watcher)


def test_a_directory_is_moved_with_the_environment_in_it_and_back(dotfiles: Dotfiles) -> None:
    dotfiles.file.write_text(dotfiles.manifest(dotfiles.table("one", "../project/.venv")))
    with dotfiles.watched() as watcher:
        before = listing(dotfiles.path)
        (dotfiles.root / "src").rename(dotfiles.root / "away")
        watcher.until("pass", lambda event: bool(event["states"]["waiting"]))
        (dotfiles.root / "away").rename(dotfiles.root / "src")
        watcher.until("pass", lambda event: bool(event["states"]["in-sync"]))
        assert listing(dotfiles.path) == before
        (dotfiles.path / "bin/python").unlink()
        watcher.applied("one", "repaired")
        assert_there(dotfiles.path)
