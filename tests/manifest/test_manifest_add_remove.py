"""An entry added to a manifest's text, or taken out of it: every other byte stays."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envsync.manifest.edit import Entry, with_entries, without_entry
from envsync.model.problems import EnvsyncError
from harness.manifest_texts import Piece, pieces, written

NEW = Entry("new", (("path", "/new"),))
ADDED = '[envs.new]\npath = "/new"\n'
STYLES = {
    "nothing but a version": "version = 1\n",
    "comments at the end": "version = 1\n\n# [envs.x]\n# path = 'x'\n",
    "blank lines at the end": "version = 1\n\n\n",
    "blank lines behind the last": "version = 1\n[envs.a]\npath='a'\n\n \n\n",
    "two blank lines between": "version = 1\n\n\n[envs.a]\npath='a'\n\n\n[pythons]\n\n\n[envs.b]\npath='b'\n",
    "no blank lines": "version = 1\n[envs.a]\npath='a'\n[pythons]\nx='3'\n",
    "a comment above the next table": "version = 1\n[envs.a]\npath='a'\n# all of them\n[pythons]\nx='3'\n",
    "a comment under the last": "version = 1\n[envs.a]\npath   =  'a'   # x\n# python = '3'\n\n# names\n[pythons]\n",
    "windows": "version = 1\r\n\r\n[envs.a]\r\npath = 'a'\r\npackages = [\r\n  'x',\r\n]\r\n\r\n[pythons]\r\n",
    "a byte order mark": "\ufeffversion = 1\n[envs.a]\npath='a'\n",
    "no line end at the end": "version = 1\n[envs.a]\npath='a'",
    "no line end at the end, windows": "version = 1\r\n[envs.a]\r\npath='a'",
    "no line end behind a comment": "version = 1\n# end",
    "dotted keys": "version = 1\nenvs.a.path = 'a'\nenvs . 'a' . \"python\" = '3'\nkeep = 2\n",
    "one table": "version = 1\n[envs]\na = { path = 'a' }\nb.path = 'b'\n[pythons]\nx = '3'\n",
    "inline": "version = 1\nenvs = { a = { path = 'a' }, 'b, {'.path = \"b}\" }  # { not this\n\n[pythons]\nx='3'\n",
    "inline, with a list on several lines": "version = 1\nenvs = {a = {path = 'a', packages = [\n 'x', # }\n]}}\n",
    "inline, empty": "version = 1\nenvs = { }\nkeep = 2\n",
    "inline, windows, a byte order mark": "\ufeffversion = 1\r\nenvs = {a.path = 'a'}\r\n",
    "other ends of a line": "version = 1 # \u2028 \x85 \n[envs.a]\npath = 'a\u2028b'\n# \u2029[envs.c]\n\n[pythons]\n",
    "tables in strings": 'version = 1\n[envs.a]\npath = """\\\n# a\n[envs.new]\\\n"""\n[envs.b]\npath = "[envs.new]"\n',
}


@pytest.mark.parametrize("text", STYLES.values(), ids=list(STYLES))
def test_an_entry_that_is_added_and_removed_leaves_no_trace(text: str) -> None:
    added = with_entries(text, [NEW])
    assert output(added)["envs"]["new"] == {"path": "/new"}
    assert without_entry(added, "new") == text
    assert ("\r\n" in added) == ("\r\n" in text)
    assert "\r\n" not in text or "\n" not in added.replace("\r\n", "")


@pytest.mark.parametrize("text", STYLES.values(), ids=list(STYLES))
def test_all_that_stood_there_stands_there_in_the_same_order(text: str) -> None:
    added = with_entries(text, [NEW])
    rest = iter(added)
    assert all(sign in rest for sign in text)
    assert len(added) - len(text) <= len(ADDED) + 5


# What is marked goes with the environment b.
REMOVALS = """
  version = 1
- # about b
-   # and more
- [ "envs" . 'b' ]   # behind it
-
- path   = "b"
- # of b as well
- packages = [
-   "x",  # [envs.a]
-
- ]
- # python = "3"

  # of a
  [envs.a]
  path = "a"
===
  version = 1
- envs.b.path = "b"
- # between
- envs.b.python = "3"
  # of keep
  keep = 2
- envs.b.exact = true
  envs.a.path = "a"
===
  version = 1
  [envs.a]
  path = '''
  # [envs.b]'''
- [envs.b]
- path = \"\"\"\\
-   [envs.a]
- # no comment\"\"\"
  [pythons]
===
  version = 1
  [envs]
  # of a
  a = { path = "a" }
- # of b
- b = { path = "b", packages = [
-   "x",
- ] }
  [pythons]
===
  version = 1

  # ---- blogs ----

- [envs.b]
- path = "b"
-
  [pythons]


  [envs.a]
  path = "a"
===
  version = 1
  [envs.a]
  path = "a"
  # stands right above the next
  [pythons]
-
- [envs.b]
- path = "b"
"""


@pytest.mark.parametrize("marked", REMOVALS.strip("\n").split("\n===\n"))
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_entry_goes_with_its_comments_and_nothing_else(marked: str, newline: str) -> None:
    lines = [(line[:1], line[2:] + newline) for line in marked.split("\n")]
    text = "".join(line for _, line in lines)
    assert without_entry(text, "b") == "".join(line for mark, line in lines if mark != "-")


def output(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix("\ufeff"))


def stated(text: str) -> list[str]:
    """Return the lines that say something."""
    return [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]


@given(pieces(), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans(), st.data())
def test_whatever_the_manifest_an_entry_comes_and_goes_without_a_trace(
    found: list[Piece], newline: str, bom: bool, cut: bool, data: st.DataObject
) -> None:
    text = "\ufeff" * bom + written(found, newline)
    text = text.removesuffix(newline) if cut else text
    assert without_entry(with_entries(text, [NEW]), "new") == text
    names = sorted({name for name, _ in found if name})
    if names:
        gone = data.draw(st.sampled_from(names))
        left = without_entry(text, gone)
        declared = output(text)["envs"]
        assert output(left).get("envs", {}) == {name: one for name, one in declared.items() if name != gone}
        rest = "\ufeff" * bom + written(found, newline, without=gone)
        assert stated(left.rstrip() + newline) == stated(rest.rstrip() + newline)


@pytest.mark.parametrize(
    "text", ["version = 1\n[envs.a]\npath = 'a'\n", "version = 1\n", "version =", "a = 1\na = 2\n"]
)
def test_what_is_not_declared_cannot_be_taken_out(text: str) -> None:
    with pytest.raises(EnvsyncError, match="cannot be edited"):
        without_entry(text, "b")


@pytest.mark.parametrize("text", ["version =", "version = 1\n[envs.new]\npath = 'a'\n", "envs = { new.path = 'a' }\n"])
def test_what_is_declared_or_broken_already_is_not_written_over(text: str) -> None:
    with pytest.raises(EnvsyncError, match="cannot be edited"):
        with_entries(text, [NEW])


def test_several_entries_stand_one_behind_the_other() -> None:
    others = [Entry(name, (("path", name),), remarks) for name, remarks in (("x", ("r = 1",)), ("y", ()), ("z", ()))]
    added = with_entries("version = 1\n[envs.a]\npath = 'a'\n[pythons]\n", others)
    rest = '\n[envs.x]\npath = "x"\n# r = 1\n\n[envs.y]\npath = "y"\n\n[envs.z]\npath = "z"\n\n[pythons]\n'
    assert added == "version = 1\n[envs.a]\npath = 'a'\n" + rest
    assert without_entry(added, "x") == added.replace('[envs.x]\npath = "x"\n# r = 1\n\n', "")
    assert output(with_entries("version = 1\nenvs = {}\n", others))["envs"] == {n: {"path": n} for n in "xyz"}


def test_a_long_list_is_written_with_an_item_on_each_line() -> None:
    many, few = [f"package-{number}" for number in range(20)], ["a", "b"]
    text = with_entries("version = 1\n", [Entry("a", (("packages", many), ("groups", few)))])
    assert '\n    "package-7",\n' in text
    assert 'groups = ["a", "b"]\n' in text
    assert output(text)["envs"]["a"] == {"packages": many, "groups": few}
