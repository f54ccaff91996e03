"""Where an edited manifest is written: through its links, in one step, with its mode and owner, over nobody's work."""

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from envsync.apply import declare
from envsync.cli.main import main
from envsync.manifest import load
from envsync.model.desired import Manifest
from envsync.write.directories import open_directory, replace_in
from envsync.write.flush import flush
from envsync.write.user_files import new_manifest, replace_manifest
from harness.bench import listing, run
from harness.links import fingerprint
from harness.place import Place
from harness.processes import start, unprivileged
from harness.refusals import refused
from harness.trusting import trust

ONE = '# of a\n[envs.a]\npath = "a"\n'
MAIN = f"version = 1\n{ONE}"
MORE = '\n[envs.new]\npath = "{}/x"\n'
COMMANDS = [("add", "new", "--path", "x"), ("remove", "a")]


@pytest.fixture
def here(here: Place) -> Place:
    here.manifest.write_text(MAIN)
    return here


@pytest.fixture
def tiny(here: Place) -> Iterator[Path]:
    """Yield a directory on a file system that has no room left."""
    directory = here.root / "tiny"
    directory.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root on Linux, to mount a small file system")
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(directory)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


def fill(directory: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (directory / "filler").write_bytes(b"x" * 64 * 1024)


def test_a_manifest_behind_links_is_written_at_their_end(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """A chain of links, relative and absolute, one of them a directory."""
    dotfiles = here.root / "dotfiles/real"
    dotfiles.mkdir(parents=True)
    here.manifest.rename(dotfiles / "e.toml")
    (here.root / "directory").symlink_to("dotfiles/real")
    (here.root / "second").symlink_to(here.root / "directory/e.toml")
    here.manifest.symlink_to("./directory/../../second")
    links = fingerprint(here.root)
    assert len(links) == 3
    run(here, capsys, "add", "new", "--path", "x")
    assert fingerprint(here.root) == links
    assert (dotfiles / "e.toml").read_text() == MAIN + MORE.format(here.root)
    run(here, capsys, "remove", "new")
    assert fingerprint(here.root) == links
    assert (dotfiles / "e.toml").read_text() == MAIN
    assert os.listdir(dotfiles) == ["e.toml"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_mode_and_owner_stay(here: Place, capsys: pytest.CaptureFixture[str], mode: int) -> None:
    here.manifest.chmod(mode)
    owner = (65534, 65533) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(here.manifest, *owner)
    for arguments in COMMANDS:
        run(here, capsys, *arguments, "--file", str(here.manifest))  # it may be another user's, and has to be named
        found = here.manifest.stat()
        assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (mode, *owner)
    assert os.listdir(here.root) == ["envs.toml"]


@pytest.mark.parametrize("include", ["sub/b.toml", "sub/*.toml", "link/b.toml", "linked.toml"])
def test_remove_edits_the_file_that_declares_the_environment(
    here: Place, capsys: pytest.CaptureFixture[str], include: str
) -> None:
    (here.root / "sub").mkdir()
    (here.root / "link").symlink_to("sub")
    (here.root / "linked.toml").symlink_to("sub/b.toml")
    inner = here.root / "sub/b.toml"
    inner.write_text("# of b\n[envs.b]\npath = 'b'\n\n[envs.c]\npath = 'c'\n# end")
    here.manifest.write_text(f"version = 1\ninclude = ['{include}']\n{ONE}")
    before = listing(here.root)
    run(here, capsys, "remove", "b")
    after = listing(here.root)
    assert inner.read_text() == "[envs.c]\npath = 'c'\n# end"
    assert {name for name in before if before[name] != after[name]} <= {"sub", "sub/b.toml"}
    assert [one.name for one in load(str(here.manifest)).environments] == ["a", "c"]
    run(here, capsys, "remove", "c")
    assert tuple(one.name for one in load(str(here.manifest)).environments) == ("a",)


BROKEN = {
    "empty": b"",
    "of another version": b"version = 2\n",
    "without a path": b"version = 1\n[envs.a]\n",
    "with an unknown key": MAIN.encode() + b"nope = 1\n",
    "with a missing include": b"version = 1\ninclude = ['none.toml']\n" + ONE.encode(),
    "no TOML": b"version = 1\n[envs.a\n",
    "no UTF-8": MAIN.encode() + b"# \xff\n",
    "of zeros": bytes(100),
    "deep": b"version = 1\nx = " + b"[" * 5000,
}


@pytest.mark.parametrize("arguments", [*COMMANDS, ("import", ".")])
@pytest.mark.parametrize("content", BROKEN.values(), ids=list(BROKEN))
def test_a_manifest_that_is_broken_already_is_left_as_it_is(
    here: Place, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], content: bytes
) -> None:
    here.manifest.write_bytes(content)
    assert refused(here, capsys, *arguments)["exit_code"] == 2


@pytest.mark.parametrize("arguments", [*COMMANDS, ("import", ".")])
@pytest.mark.parametrize("kind", ["nothing", "folder", "FIFO", "dangling link", "loop", "huge"])
def test_what_is_no_manifest_at_all_is_left_as_it_is(
    here: Place, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], kind: str
) -> None:
    here.manifest.unlink()
    match kind:
        case "folder":
            here.manifest.mkdir()
        case "FIFO":
            os.mkfifo(here.manifest)
        case "dangling link":
            here.manifest.symlink_to("nowhere/x")
        case "loop":
            here.manifest.symlink_to("envs.toml")
        case "huge":
            here.manifest.write_bytes(MAIN.encode() + b"#" * (16 << 20))
        case _:
            pass
    assert refused(here, capsys, *arguments, "--file", "envs.toml")["exit_code"] == 2


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_full_disk_changes_nothing(
    here: Place, tiny: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    shutil.move(here.manifest, tiny)
    here.manifest.symlink_to("tiny/envs.toml")
    trust(here.manifest)
    fill(tiny)
    problem = refused(here, capsys, *arguments)["errors"][0]
    assert "No space left" in problem["message"]
    assert problem["hint"].startswith("Nothing was changed")
    assert sorted(os.listdir(tiny)) == ["envs.toml", "filler"]


def test_a_full_disk_leaves_no_half_manifest(here: Place, tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tiny)
    assert "No space left" in refused(here, capsys, "init", "--file", "tiny/new.toml")["errors"][0]["message"]


@pytest.mark.parametrize("arguments", [*COMMANDS, ("init", "--file", "closed/new.toml")])
def test_a_directory_that_is_not_writable_is_told(here: Place, arguments: tuple[str, ...]) -> None:
    closed = here.root / "closed"
    closed.mkdir()
    here.manifest.rename(closed / "envs.toml")
    here.manifest.symlink_to("closed/envs.toml")
    closed.chmod(0o555)
    before = listing(here.root)
    done = unprivileged(here, *arguments)
    after = listing(here.root)
    closed.chmod(0o755)
    if done is None:
        pytest.skip("root cannot give up its powers here")
    assert (done.status, done.out) == (1, "")
    assert "Permission denied" in done.err
    assert "Nothing was" in done.err
    assert after == before


@pytest.mark.parametrize("call", ["rename", "fsync", "fchmod"])
def test_a_failure_on_the_way_changes_nothing(
    here: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(f"envsync.write.directories.os.{call}", fail)
    for arguments in COMMANDS:
        assert "Input/output error" in refused(here, capsys, *arguments)["errors"][0]["message"]


def test_on_macos_a_flush_goes_past_the_cache_of_the_disk_where_the_file_system_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []

    def record(descriptor: int, number: int) -> None:
        assert number == 51
        flushed.append(os.fstat(descriptor).st_ino)
        raise OSError(errno.ENOTSUP, "as a share of a server does")

    monkeypatch.setattr("envsync.write.directories._FULL_SYNC", 51)
    monkeypatch.setattr("envsync.write.directories.fcntl.fcntl", record)
    monkeypatch.setattr("envsync.write.flush.ON_LINUX", False)
    (tmp_path / "tree/in").mkdir(parents=True)
    for name in ("tree/a", "tree/in/b"):
        (tmp_path / name).touch()
    flush([str(tmp_path / "tree")])
    assert flushed == [(tmp_path / "tree").stat().st_ino]
    with open_directory(str(tmp_path)) as directory:
        replace_in(directory, "c", b"", 0o600)
    assert len(flushed) == 3


def other_hand(here: Place, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    """Let somebody else write the manifest after it was read and before it is replaced."""

    def load_late(file: str, **more: Any) -> Manifest:
        found = load(file, **more)
        if more:
            here.manifest.write_text(content)
        return found

    monkeypatch.setattr(declare, "load", load_late)


@pytest.mark.parametrize("arguments", COMMANDS)
@pytest.mark.parametrize("content", [MAIN + "# mine\n", "", MAIN.replace('"a"', '"b"')])
def test_what_another_has_written_meanwhile_is_not_overwritten(
    here: Place, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], content: str
) -> None:
    other_hand(here, monkeypatch, content)
    assert main([*arguments]) == 1
    assert here.manifest.read_text() == content
    assert os.listdir(here.root) == ["envs.toml"]


def test_of_two_who_replace_at_once_one_is_told(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first takes its time to flush, and the second comes while it does."""
    flush = os.fsync
    done: list[bytes] = []
    reported: list[int | None] = []

    def slowly(descriptor: int) -> None:
        time.sleep(0.1)
        flush(descriptor)

    def replace(content: bytes) -> None:
        try:
            replace_manifest(str(here.manifest), MAIN.encode(), content)
            done.append(content)
        except OSError as error:
            reported.append(error.errno)

    monkeypatch.setattr("envsync.write.directories.os.fsync", slowly)
    threads = [threading.Thread(target=replace, args=(content,)) for content in (b"one", b"two", b"three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (done, reported) == ([here.manifest.read_bytes()], [errno.ESTALE] * 2)


def test_of_many_commands_at_once_each_that_succeeds_has_its_entry(here: Place) -> None:
    processes = [start(here, "add", f"e{number}", "--path", f"e{number}") for number in range(4)]
    done = {
        f"e{number}": (process.communicate(timeout=60), process.returncode) for number, process in enumerate(processes)
    }
    assert all(status == 0 or (status == 1 and "meanwhile" in output[1]) for output, status in done.values()), done
    declared = {one.name for one in load(str(here.manifest)).environments}
    assert declared == {"a"} | {name for name, (_, status) in done.items() if status == 0}


def test_a_new_manifest_never_replaces_what_has_come_meanwhile(here: Place) -> None:
    with pytest.raises(FileExistsError):
        new_manifest(str(here.manifest), (), b"new")
    assert here.manifest.read_text() == MAIN
