"""``tests/README.md`` names each file, a file's name is used once, and none imports another."""

import re
from collections import Counter

from harness.place import ROOT

TESTS = ROOT / "tests"
PAGE = (TESTS / "README.md").read_text()
FILES = sorted(str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py"))


def test_the_map_has_a_row_for_each_file() -> None:
    rows = re.findall(r"^\| `([a-z_/]*test_\w+\.py)` \|", PAGE, re.MULTILINE)
    assert Counter(rows) == Counter(FILES)


def test_each_file_that_is_named_is_there() -> None:
    named = {*re.findall(r"`([\w./-]+\.py)`", PAGE)} | {
        one.removeprefix("tests/") for one in re.findall(r"tests/[\w./-]+", PAGE)
    }
    assert [name for name in sorted(named) if not (TESTS / name).exists()] == []


def test_each_promise_has_a_row_with_files() -> None:
    section = PAGE.partition("## Where each promise is tested")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (?!promise|--)(.+) \| (.+) \|$", section, re.MULTILINE)
    assert len(rows) == 12
    assert all("test_" in files for _, files in rows)


def test_names_are_used_once_and_no_file_imports_another() -> None:
    names = Counter(name.rpartition("/")[2] for name in FILES)
    assert names.most_common(1)[0][1] == 1
    for name in FILES:
        assert not re.search(r"^(?:from|import) test_", (TESTS / name).read_text(), re.MULTILINE), name
