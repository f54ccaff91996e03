"""One key of an environment set in a manifest's text: every other byte stays."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envsync.manifest.edit import with_value
from envsync.model.problems import EnvsyncError
from harness.manifest_texts import Piece, pieces, written

PIN = "~/p/bin/python"

# What is marked with `+` is there afterwards, what is marked with `-` was there before.
EDITS = """
  version = 1
  [pythons]
  three = "/p/3"
  [envs.a]
  path = "a"
- python = "three"   # the usual one
+ python = "~/p/bin/python"   # the usual one
  exact = true
===
  version = 1
  [defaults]
  python = "3.12"
  # of a
  [ "envs" . 'a' ]  # behind
    path = "a"
    target = "t"
+   python = "~/p/bin/python"
    # of exact
    exact = true

  [envs.b]
  path = "b"
  python = "3"
===
  version = 1
  [envs.a]
  path = '''
  python = "3"'''
+ python = "~/p/bin/python"
  # python = "3"
===
  version = 1
  [envs.a]
+ python = "~/p/bin/python"
===
  version = 1
  envs.a.path = "a"
+ envs.a.python = "~/p/bin/python"
  # of keep
  keep = 2
  envs.a.exact = true
===
  version = 1
  envs . 'a' . path = "a"
- envs . 'a' . "python" = '3'  # why
+ envs . 'a' . "python" = "~/p/bin/python"  # why
===
  version = 1
  [envs]
- a = { path = "a", packages = ["x"] }  # { not this
+ a = { path = "a", packages = ["x"], python = "~/p/bin/python" }  # { not this
  b = { path = "b", python = "3" }
===
  version = 1
  [envs]
- a = { path = "a", python = '3', exact = true }
+ a = { path = "a", python = "~/p/bin/python", exact = true }
===
  version = 1
  [envs]
  a.path = "a"
+ a.python = "~/p/bin/python"
  b.path = "b"
===
  version = 1
  [envs]
- a = {}
+ a = {python = "~/p/bin/python"}
===
  version = 1
- envs = { a = { path = 'a' }, b = { path = "b}", python = "3" } }
+ envs = { a = { path = 'a', python = "~/p/bin/python" }, b = { path = "b}", python = "3" } }
===
  version = 1
- envs = { b.python = "3", a.path = 'a', b.path = "b" }
+ envs = { b.python = "3", a.path = 'a', a.python = "~/p/bin/python", b.path = "b" }
===
  version = 1
- envs = { a.python = '3', a.path = 'a' }
+ envs = { a.python = "~/p/bin/python", a.path = 'a' }
===
  version = 1
  [envs.a]
  path = "a"
- python = '''
-   3'''
+ python = "~/p/bin/python"
  # python = "3"
"""


@pytest.mark.parametrize("marked", EDITS.strip("\n").split("\n===\n"))
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_key_is_replaced_or_added_and_nothing_else(marked: str, newline: str, mark: str) -> None:
    lines = [(line[:1], line[2:] + newline) for line in marked.split("\n")]
    before, after = (mark + "".join(text for sign, text in lines if sign != other) for other in "+-")
    assert with_value(before, "a", "python", PIN) == after
    assert with_value(after, "a", "python", PIN) == after
    cut = before.removesuffix(newline)
    assert with_value(cut, "a", "python", PIN) == after.removesuffix(newline)


def test_an_environment_that_is_not_declared_is_refused() -> None:
    with pytest.raises(EnvsyncError, match="no longer declares b"):
        with_value('version = 1\n[envs.a]\npath = "a"\n', "b", "python", PIN)


@given(pieces(), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans(), st.data())
def test_whatever_the_manifest_only_that_key_changes(
    found: list[Piece], newline: str, bom: bool, cut: bool, data: st.DataObject
) -> None:
    names = sorted({name for name, _ in found if name})
    if not names:
        return
    name = data.draw(st.sampled_from(names))
    text = "\ufeff" * bom + written(found, newline)
    text = text.removesuffix(newline) if cut else text
    wanted = output(text)
    wanted["envs"][name]["python"] = PIN
    new = with_value(text, name, "python", PIN)
    assert output(new) == wanted
    assert ("\r\n" in new) == ("\r\n" in text)
    rest = iter(new)
    assert all(sign in rest for sign in text)
    again = with_value(new, name, "python", "3.12")
    assert again.replace('"3.12"', f'"{PIN}"') == new


def output(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
