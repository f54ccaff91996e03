"""What was known is believed while its evidence holds: values, and a cache of them in a directory of its own."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envsync.cache import store
from envsync.cache.fingerprint import (
    holds,
    is_conclusive,
    outwait_slack,
    process_fingerprint,
    see,
    stamp_followed,
    take,
)
from envsync.cache.store import Cache, seal, unseal
from envsync.model.evidence import Evidence, Paths
from envsync.write.files import write_cache

NONE = Evidence()


def later() -> int:
    """Return a time at which what has changed until now changed long before."""
    return time.time_ns() + 10**10


@given(paths=st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1)))
def test_paths_are_kept_in_order_each_once(paths: list[str]) -> None:
    packed = Paths.of(paths)
    assert list(packed) == list(dict.fromkeys(paths))
    assert len(packed) == len(set(paths))


@given(paths=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=()), min_size=1)))
def test_what_is_packed_is_unpacked_as_it_was(paths: list[str]) -> None:
    evidence = Evidence.of(Paths.of(paths), range(3 * len(set(paths))))
    assert evidence.packed().unpacked() == evidence


def test_numbers_are_kept_as_they_are() -> None:
    numbers = [0, 1, 2**64 - 1]
    assert list(Evidence.of(Paths.of(["/x"]), numbers).numbers()) == numbers
    with pytest.raises(ValueError, match="length"):
        Evidence(Paths.of(["/x"]), b"short").numbers()


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Return a file, a link to it, a directory with an entry, a dangling link, and a path where nothing is."""
    (tmp_path / "file").write_text("one")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "nowhere").symlink_to("missing")
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory/entry").touch()
    return [f"{tmp_path}/{name}" for name in ("file", "link", "nowhere", "directory", "absent", "absent/deeper")]


def lead(link: Path, text: str) -> None:
    link.unlink()
    link.symlink_to(text)


CHANGES: dict[str, Callable[[Path], object]] = {
    "written to": lambda root: (root / "file").write_text("two"),
    "replaced by its like": lambda root: ((root / "new").write_text("one"), (root / "new").rename(root / "file")),
    "gone": lambda root: (root / "file").unlink(),
    "of another mode": lambda root: (root / "file").chmod(0o600),
    "a link that leads elsewhere": lambda root: lead(root / "link", "directory"),
    "a directory with one more entry": lambda root: (root / "directory/more").touch(),
    "a directory with one less": lambda root: (root / "directory/entry").unlink(),
    "there now": lambda root: (root / "absent").touch(),
    "there now, deeper": lambda root: (root / "absent/deeper").mkdir(parents=True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_evidence_holds_until_a_path_is(paths: list[str], tmp_path: Path, change: str) -> None:
    evidence = take(paths, later())
    assert evidence is not None
    assert holds(evidence)
    outwait_slack()
    CHANGES[change](tmp_path)
    assert not holds(evidence)


def test_evidence_is_of_the_paths_alone_not_of_what_links_lead_to(paths: list[str], tmp_path: Path) -> None:
    evidence = take(paths[1:3], later())
    outwait_slack()
    (tmp_path / "file").write_text("two")
    (tmp_path / "missing").touch()
    assert evidence is not None
    assert holds(evidence)


@pytest.mark.parametrize("change", [*CHANGES, "nothing"])
def test_what_changes_while_a_verdict_is_reached_gives_no_evidence(
    paths: list[str], tmp_path: Path, change: str
) -> None:
    outwait_slack()
    began = time.time_ns()
    if change != "nothing":
        CHANGES[change](tmp_path)
    assert (take(paths, began) is None) == (change != "nothing")


def test_what_came_and_went_while_a_verdict_was_reached_gives_no_evidence(paths: list[str], tmp_path: Path) -> None:
    outwait_slack()
    began = time.time_ns()
    (tmp_path / "absent").touch()
    (tmp_path / "absent").unlink()
    assert take(paths[-2:], began) is None


def test_what_changed_within_the_slack_of_the_clock_gives_no_evidence(paths: list[str]) -> None:
    changed = max(os.lstat(path).st_ctime_ns for path in paths[:4])
    assert take(paths, changed + 1) is None
    assert take(paths[:4], changed + 3 * 10**9) is not None


def test_absence_at_the_top_is_shown_by_the_root() -> None:
    evidence, changed = see(["/nothing-is-called-so", "/nothing-either/in/it"]), os.stat("/").st_ctime_ns
    assert is_conclusive(evidence, changed + 10**11)
    assert not is_conclusive(evidence, changed)


def test_whole_seconds_count_as_coarse() -> None:
    second = 1_700_000_000 * 10**9
    whole, fine = (Evidence.of(Paths.of(["/"]), [1, changed, 1]) for changed in (second, second + 1))
    assert [is_conclusive(one, second + 10**9) for one in (whole, fine)] == [False, True]
    assert is_conclusive(whole, second + 3 * 10**9)


def test_a_path_that_no_file_can_have_is_one_where_nothing_is(tmp_path: Path) -> None:
    names = [f"{tmp_path}/{'x' * 300}", f"{tmp_path}/a\0b", "/\udcff/x"]
    evidence = take(names, later())
    assert evidence is not None
    assert set(evidence.numbers()) == {0}
    assert holds(evidence)


def test_a_link_that_went_while_it_was_followed_has_a_stamp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    monkeypatch.setattr(os, "readlink", mock.Mock(side_effect=FileNotFoundError))
    assert len(stamp_followed([f"{tmp_path}/link"])) == 6


def test_no_path_is_evidence_that_always_holds() -> None:
    assert take([], 0) == NONE
    assert holds(NONE)


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path / "cache")


def kept(directory: str | None, *entries: tuple[str, str, object]) -> Cache:
    """Return a cache as the next command finds it, after one that has put something into it."""
    cache = Cache(directory)
    for kind, key, value in entries:
        cache.put(kind, key, value, NONE)
    cache.save(write_cache)
    return Cache(directory)


def held(cache: Cache, kind: str = "kind", key: str = "key") -> Any:
    return cache.get(kind, key, lambda value: value)


VALUES = st.recursive(
    st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=8,
)


@given(value=VALUES, key=st.text(st.characters()))
def test_what_was_put_is_got_again_by_the_next_command(
    tmp_path_factory: pytest.TempPathFactory, value: object, key: str
) -> None:
    directory = str(tmp_path_factory.mktemp("cache"))
    assert held(kept(directory, ("kind", key, value)), key=key) == value
    assert held(Cache(directory), key=f"{key}x") is None
    assert held(Cache(directory), "another", key) is None


def test_a_value_is_got_only_while_its_evidence_holds(directory: str, paths: list[str], tmp_path: Path) -> None:
    cache = Cache(directory)
    cache.put("kind", "key", "value", take(paths, later()))
    assert held(cache) == "value"
    cache.save(write_cache)
    assert held(Cache(directory)) == "value"
    outwait_slack()
    (tmp_path / "file").write_text("two")
    assert (held(cache), held(Cache(directory))) == (None, None)
    cache.put("kind", "key", "newer", take(paths, later()))
    assert held(cache) == "newer"


def test_a_value_without_evidence_is_not_kept(directory: str) -> None:
    cache = Cache(directory)
    cache.put("kind", "key", "value", None)
    cache.save(write_cache)
    assert held(cache) is None
    assert not os.path.exists(directory)


def test_only_what_has_changed_is_written(directory: str) -> None:
    kept(directory, ("one", "key", 1), ("two", "key", 2))
    cache = Cache(directory)
    written: list[str] = []
    assert (held(cache, "one"), held(cache, "two")) == (1, 2)
    cache.put("one", "key", 1, NONE)  # as it was
    cache.save(lambda file, _: written.append(file))
    assert written == []
    cache.put("two", "key", 3, NONE)
    for _ in range(2):
        cache.save(lambda file, _: written.append(file))
    assert written == [f"{directory}/two"]


def test_what_was_put_before_stays_beside_what_is_new(directory: str) -> None:
    kept(directory, ("kind", "old", 1))
    cache = kept(directory, ("kind", "key", 2))
    assert (held(cache, key="old"), held(cache)) == (1, 2)


def test_a_kind_is_forgotten_for_good(directory: str) -> None:
    cache = kept(directory, ("kind", "key", 1), ("other", "key", 2))
    cache.forget("kind")
    cache.forget("never")
    assert (held(cache), held(cache, "other")) == (None, 2)
    cache.save(write_cache)
    assert held(Cache(directory)) is None
    assert sorted(os.listdir(directory)) == ["kind", "other"]


def test_without_a_directory_it_remembers_for_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cache = Cache(None)
    cache.put("kind", "key", 1, NONE)
    cache.save(write_cache)
    assert held(cache) == 1
    assert os.listdir(tmp_path) == []


def test_the_newest_values_stay_where_there_is_not_room_for_all(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_ROOM", 1000)
    cache = Cache(directory)
    for number in (0, 1, 2, 3, 4, 0):
        cache.put("kind", str(number), b"x" * 300, NONE)
    cache.save(write_cache)
    assert [number for number in range(5) if held(Cache(directory), key=str(number)) is not None] == [0, 3, 4]
    assert held(kept(directory, ("kind", "large", b"x" * 2000)), key="large") is not None


@pytest.mark.parametrize("answer", [None, ValueError, KeyError, RecursionError])
def test_a_value_that_makes_no_sense_counts_as_none(directory: str, answer: type[Exception] | None) -> None:
    def decode(_: object) -> None:
        if answer is not None:
            raise answer

    assert kept(directory, ("kind", "key", 1)).get("kind", "key", decode) is None


EARLIER: dict[str, Callable[[], list[Any]]] = {
    "facts": lambda: [process_fingerprint(()), {"key": {"stamp": [0, 0, 0], "said": {}}}],
    "a template": lambda: [("virtualenv", "/x", False, True), (process_fingerprint(()), [], [0]), ((), (), "")],
    "a manifest": lambda: [("key", process_fingerprint(()), []), ["Inputs"], ["Manifest"]],
    "attempts": lambda: [{"key": 1.0}],
    "another kind": lambda: [("another", process_fingerprint(())), {"key": b""}],
    "another release": lambda: [("kind", [("0.0.0", None)]), {"key": b""}],
    "no entries": lambda: [("kind", process_fingerprint(())), None],
    "entries that are none": lambda: [("kind", process_fingerprint(())), {"key": 7}],
    "damaged entries": lambda: [("kind", process_fingerprint(())), {"key": b"\xff"}],
    "no head": list,
}


@pytest.mark.parametrize("earlier", EARLIER)
def test_a_file_of_an_earlier_release_counts_as_none_and_is_replaced(directory: str, earlier: str) -> None:
    write_cache(f"{directory}/kind", seal(EARLIER[earlier]()))
    cache = Cache(directory)
    assert held(cache) is None
    cache.put("kind", "key", 2, NONE)
    cache.save(write_cache)
    assert held(Cache(directory)) == 2


def test_a_file_under_the_name_of_another_kind_counts_as_none(directory: str) -> None:
    kept(directory, ("one", "key", 1))
    os.rename(f"{directory}/one", f"{directory}/two")
    assert held(Cache(directory), "two") is None


@pytest.mark.parametrize("where", ["envsync.cache.fingerprint.__version__", "sys.version", "sys.base_prefix"])
def test_what_another_release_or_python_found_is_not_believed(directory: str, where: str) -> None:
    kept(directory, ("kind", "key", 1))
    with mock.patch(where, "another"):
        assert held(Cache(directory)) is None
    assert held(Cache(directory)) == 1


def test_what_cannot_be_written_costs_only_time(directory: str) -> None:
    def write(file: str, content: bytes) -> None:
        if file.endswith("/one"):
            raise OSError
        write_cache(file, content)

    cache = Cache(directory)
    cache.put("one", "key", 1, NONE)
    cache.put("two", "key", 2, NONE)
    cache.save(write)
    assert (held(Cache(directory), "one"), held(Cache(directory), "two")) == (None, 2)


def test_threads_that_put_at_once_lose_nothing(directory: str) -> None:
    cache, barrier = Cache(directory), threading.Barrier(8)

    def put(number: int) -> None:
        barrier.wait()
        for key in range(50):
            cache.put("kind", f"{number} {key}", key, NONE)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache.save(write_cache)
    _, entries = unseal(Path(directory, "kind").read_bytes())
    assert len(entries) == 400


def test_evidence_is_seen_whether_or_not_it_is_conclusive(paths: list[str]) -> None:
    evidence = see([*paths, paths[0]])
    assert len(evidence.paths) == len(paths)
    assert not is_conclusive(evidence, time.time_ns() - 10**9)
    assert holds(evidence)
