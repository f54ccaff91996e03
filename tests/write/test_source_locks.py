"""Locks of source directories: one holder at a time, among threads as among processes, and never a deadlock."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from envsync.model.problems import EnvsyncError
from envsync.write.locks import hold, hold_sources
from harness.place import SOURCE

Holding = Callable[..., AbstractContextManager[int]]
HOLDER = """
import sys
from envsync.write.locks import hold_sources
with hold_sources(sys.argv[1], sys.argv[2:], 30):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def locks(tmp_path: Path) -> str:
    for name in "abc":
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("b")
    return str(tmp_path / "locks")


@contextmanager
def held_by_a_thread(locks: str, *paths: Path) -> Iterator[int]:
    """Let another thread hold locks; gives the process that it is of."""
    held, done = threading.Event(), threading.Event()

    def work() -> None:
        with hold_sources(locks, map(str, paths), 30):
            held.set()
            done.wait(30)

    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(30)
    yield os.getpid()
    done.set()
    thread.join()


@contextmanager
def held_by_a_process(locks: str, *paths: Path) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, locks, *map(str, paths)],
        env=os.environ | {"PYTHONPATH": SOURCE},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.stdin.write("\n")
        process.stdin.flush()


BOTH = pytest.mark.parametrize("held", [held_by_a_thread, held_by_a_process])


@BOTH
def test_only_one_holds_a_directory_whatever_its_name(locks: str, tmp_path: Path, held: Holding) -> None:
    with held(locks, tmp_path / "a", tmp_path / "link") as holder:
        for path in ("a", "b", "link", "a/../b"):
            with pytest.raises(EnvsyncError) as caught, hold_sources(locks, [f"{tmp_path}/c", f"{tmp_path}/{path}"], 0):
                pytest.fail("both hold it")
            assert caught.value.problem.code == "locked"
            assert f"is locked by process {holder}; gave up" in caught.value.problem.message
        with hold_sources(locks, [f"{tmp_path}/c"], 0):
            pass
    with hold_sources(locks, [f"{tmp_path}/a", f"{tmp_path}/b"], 30):
        pass


@BOTH
def test_whoever_waits_goes_on_when_the_other_ends(locks: str, tmp_path: Path, held: Holding) -> None:
    came = threading.Event()

    def wait() -> None:
        with hold_sources(locks, [str(tmp_path / "a"), str(tmp_path / "b")], 30):
            came.set()

    with held(locks, tmp_path / "b"):
        thread = threading.Thread(target=wait)
        thread.start()
        assert not came.wait(0.2)
    thread.join(30)
    assert came.is_set()


def test_those_who_name_them_in_another_order_do_not_wait_for_each_other(locks: str, tmp_path: Path) -> None:
    paths = [f"{tmp_path}/{name}" for name in "abc"]
    inside, most = [0], [0]
    failures: list[BaseException] = []

    def work(order: list[str]) -> None:
        try:
            for _ in range(20):
                with hold_sources(locks, order, 30):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    inside[0] -= 1
        except BaseException as error:  # noqa: BLE001  # told by the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(order,)) for order in (paths, paths[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, most) == ([], [1])


def test_what_fails_inside_lets_go_of_all(locks: str, tmp_path: Path) -> None:
    paths = [f"{tmp_path}/a", f"{tmp_path}/b"]
    with pytest.raises(ZeroDivisionError), hold_sources(locks, paths, 0):
        raise ZeroDivisionError
    with hold_sources(locks, paths, 0):
        pass


def test_nothing_to_hold_is_held_at_once(locks: str) -> None:
    with hold_sources(locks, [], 0):
        assert not os.path.exists(locks)


def test_the_lock_of_an_environment_at_the_same_path_is_another(locks: str, tmp_path: Path) -> None:
    with hold(locks, f"{tmp_path}/a", 0), hold_sources(locks, [f"{tmp_path}/a"], 0):
        pass


def test_a_directory_that_is_not_there_can_be_held_as_well(locks: str, tmp_path: Path) -> None:
    with hold_sources(locks, [f"{tmp_path}/gone"], 0):
        pass
