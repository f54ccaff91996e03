"""Two passes at once, a full disk, and a kill at any moment."""

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.links import fingerprint
from harness.place import Place
from harness.processes import start

pytestmark = pytest.mark.sampled(5)

PythonOf = Callable[[str], str]


def env(name: str, path: str, python: str = "", more: str = "") -> str:
    declared = f'python = "{python}"\n' if python else ""
    return f'[envs.{name}]\npath = "{path}"\n{declared}{more}'


def partial_files(root: Path) -> list[str]:
    """List what a pass left half done beside or inside the environments, but no kept generation."""
    found = [path for path in root.rglob(".envsync-*") if ".envsync-" not in str(path.parent)]
    return [
        str(path)
        for path in found
        if not ((path / "envsync.json").exists() and '"generation"' in (path / "envsync.json").read_text())
    ]


def assert_runs(place: Place, path: str) -> None:
    assert place.python(path, "import sys; print(sys.prefix)") == str(place.root / path)


def test_two_applies_at_once_end_as_one_would(place: Place) -> None:
    count = 12
    tables = (env(f"e{at}", f"p{at}/.venv", more=f'target = "t{at}"\n') for at in range(count))
    place.write("".join(tables), *(f"p{at}" for at in range(count)))
    processes = [start(place, "apply", "--json") for _ in range(3)]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert [entry["error"] for entry in json.loads(out)["environments"] if entry["error"]] == []
        assert (process.returncode, err) == (0, "")
    assert {entry["outcome"] for entry in place.apply().values()} == {"unchanged"}
    assert partial_files(place.root) == []
    for at in range(count):
        assert_runs(place, f"p{at}/.venv")


def test_environments_in_one_directory_are_all_made_side_by_side(place: Place) -> None:
    place.write("".join(env(f"e{at}", f"e{at}") for at in range(80)))
    made = place.apply("--jobs", "8")
    assert {name: entry["error"] for name, entry in made.items() if entry["outcome"] != "created"} == {}
    assert partial_files(place.root) == []


def test_two_applies_at_once_in_one_directory_do_not_take_each_others_work(place: Place) -> None:
    place.write("".join(env(f"e{at}", f"e{at}") for at in range(40)))
    processes = [start(place, "apply", f"e{first}", *(f"e{at}" for at in range(first, 40, 2))) for first in (0, 1)]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out + err
    assert partial_files(place.root) == []


@pytest.fixture
def locked(place: Place) -> Iterator[Place]:
    """Yield a place with an environment that needs repair, and whose lock this process holds."""
    place.write(env("a", "a") + env("b", "b"))
    place.apply("a")
    locks = list(Path(place.variables["HOME"]).glob("**/locks/*.lock"))
    assert len(locks) == 1
    (place.root / "a" / "bin" / "python").unlink()
    with locks[0].open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write("process 4711")
        file.flush()
        yield place


def test_a_pass_gives_up_on_a_lock_and_names_its_holder(locked: Place) -> None:
    run = locked.envsync("apply", "--json", "--lock-timeout", "0.5")
    entry = run.environments["a"]
    assert (run.status, entry["outcome"]) == (1, "failed")
    assert "4711" in entry["error"]["message"]
    assert "--lock-timeout" in entry["error"]["hint"]
    assert not (locked.root / "a" / "bin" / "python").exists()
    assert run.environments["b"]["outcome"] == "created"


def test_a_pass_without_work_on_a_locked_environment_does_not_wait(locked: Place) -> None:
    assert locked.envsync("apply", "--lock-timeout", "0", "b").status == 0
    assert locked.envsync("check", "--lock-timeout", "0").status == 3


def test_a_pass_waits_for_a_lock_and_goes_on_when_it_is_free(place: Place) -> None:
    place.write(env("a", "a"))
    place.apply()
    (lock,) = Path(place.variables["HOME"]).glob("**/locks/*.lock")
    (place.root / "a" / "bin" / "python").unlink()
    with lock.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        process = start(place, "apply", "--lock-timeout", "60")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        assert not (place.root / "a" / "bin" / "python").exists()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert_runs(place, "a")


@pytest.fixture
def tiny(place: Place) -> Iterator[Path]:
    """Yield a directory on a file system that is too small for an environment."""
    directory = place.root / "tiny"
    directory.mkdir()
    mount = shutil.which("mount")
    if sys.platform != "linux" or os.geteuid() != 0 or mount is None:
        pytest.skip("needs root on Linux, to mount a small file system")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip("cannot mount a file system here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


@pytest.mark.parametrize("builder", ["virtualenv", "venv", "uv"])
def test_a_full_disk_stops_one_environment_and_leaves_nothing_behind(place: Place, tiny: Path, builder: str) -> None:
    (tiny / "filler").write_bytes(b"x" * 44 * 1024)
    place.write(f'builder = "{builder}"\n' + env("a", "tiny/deep/a") + env("b", "b"))
    run = place.envsync("apply", "--json")
    entry = run.environments["a"]
    assert (run.status, entry["outcome"], entry["error"]["code"]) == (1, "failed", "disk-full")
    assert entry["error"]["hint"]
    assert [path for path in tiny.rglob("*") if not path.is_dir()] == [tiny / "filler"]
    assert not (tiny / "deep" / "a").exists()
    assert partial_files(place.root) == []
    assert run.environments["b"]["outcome"] == "created"


def test_a_disk_that_is_full_to_the_last_byte_changes_nothing_of_an_environment(place: Place, tiny: Path) -> None:
    place.write(env("a", "a"))
    place.apply()
    shutil.rmtree(place.root / "a" / "include")
    for name in (place.root / "a" / "bin").glob("*ctivate*"):
        name.write_text("# short\n")
    shutil.copytree(place.root / "a", tiny / "a", symlinks=True)
    place.write(env("a", "tiny/a", more='prompt = "other"\n'))
    with pytest.raises(OSError, match="No space"):
        (tiny / "filler").write_bytes(b"x" * 64 * 1024)
    before = {str(path): path.read_bytes() for path in (tiny / "a").rglob("*") if path.is_file()}
    run = place.envsync("apply", "--json")
    assert (run.status, run.environments["a"]["error"]["code"]) == (1, "disk-full")
    assert partial_files(tiny) == []
    assert {str(path): path.read_bytes() for path in (tiny / "a").rglob("*") if path.is_file()} == before


def test_a_parent_on_a_read_only_file_system_stops_only_its_environment(place: Place, tiny: Path) -> None:
    (tiny / "there").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", tiny], check=True)
    place.write(env("a", "tiny/there/a") + env("b", "b"))
    run = place.envsync("apply", "--json")
    entry = run.environments["a"]
    reported = entry["error"] or entry["conflict"]
    assert (run.status, reported["code"]) == (1, "not-writable")
    assert run.environments["b"]["outcome"] == "created"


def test_an_environment_that_fails_stops_only_itself(place: Place, python_of: PythonOf) -> None:
    (place.root / "file").write_text("")
    (place.root / "loop").symlink_to("loop")
    bad = [env("f", "file"), env("l", "loop"), env("u", "file/under"), env("p", "p", "./gone"), env("n", "n" * 300)]
    place.write("".join([*bad, env("a", "a", python_of("3.12")), env("z", "z", python_of("3.13"))]))
    run = place.envsync("apply", "--json")
    assert run.status == 1
    outcomes = {name: entry["outcome"] for name, entry in run.environments.items()}
    assert all(outcomes[name] in {"conflict", "failed"} for name in "flupn")
    assert [outcomes[name] for name in "az"] == ["created", "created"]
    assert partial_files(place.root) == []


def test_a_kill_at_any_moment_is_mended_by_the_next_apply(place: Place, python_of: PythonOf) -> None:
    seed = os.urandom(4).hex()
    dice = random.Random(seed)  # noqa: S311  # chance, not secrecy
    (place.root / "real").mkdir()
    (place.root / "link").symlink_to("real")
    tables = [env("c", "link/c"), env("d", "d", more='target = "d"\naliases = ["alias"]\n'), env("e", "e")]
    version = ["3.12", "3.13"]
    for attempt in range(9):
        python = python_of(version[attempt % 2])  # each time all must be rebuilt
        place.write(f'[defaults]\npython = "{python}"\n' + "".join(tables))
        if attempt == 0:
            place.apply()
            continue
        before = {link: text for link, text in fingerprint(place.root).items() if "/.envsync-" not in link}
        process = start(place, "apply", "--no-cache")
        time.sleep(dice.uniform(0.15, 0.9))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        place.assert_links_kept(before)
        for name in ("link/c", "d", "e"):
            assert (place.root / name / "bin" / "activate").exists(), f"gone; seed {seed}"
        if attempt % 4 == 3:
            run = place.envsync("apply")
            assert run.status == 0, f"{run.out}{run.err}; seed {seed}"
            left = {path: sorted(str(one) for one in Path(path).rglob("*"))[:9] for path in partial_files(place.root)}
            assert left == {}, f"seed {seed}"
            assert place.envsync("check").status == 0
    assert place.envsync("apply").status == 0
    for name in ("link/c", "d", "e", "alias"):
        assert place.python(name, "import sys; print('%d.%d' % sys.version_info[:2])") == version[0]
