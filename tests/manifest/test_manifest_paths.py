"""Paths: expanded, absolute, and leading where the kernel reads the written text to lead."""

import os
import tempfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from envsync.manifest.find import absolute
from envsync.manifest.paths import Recorder, expand, full_path
from envsync.manifest.wording import Unfit
from harness.manifest_box import Box


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "/m/a"),
        ("./a//b/./c/", "/m/a/b/c"),
        ("/a//b/", "/a/b"),
        ("//a", "/a"),
        ("/", "/"),
        ("/../..", "/"),
        ("../x", "/x"),
        ("a/../../b", "/b"),
        (".", "/m"),
        ("...", "/m/..."),
    ],
)
def test_text_becomes_absolute_and_tidy(text: str, expected: str) -> None:
    assert absolute(text, "/m") == expected


def test_dot_dot_is_kept_behind_a_link_only(box: Box) -> None:
    os.makedirs(f"{box.root}/real/deep")
    os.symlink("real/deep", "link")
    os.symlink("nowhere", "dangling")
    seen: list[str] = []
    read = {text: absolute(text, box.root, seen.append) for text in ("link/../x", "real/../x", "gone/../x")}
    assert read == {
        "link/../x": f"{box.root}/link/../x",
        "real/../x": f"{box.root}/x",
        "gone/../x": f"{box.root}/x",
    }
    assert seen == [f"{box.root}/link", f"{box.root}/real", f"{box.root}/gone"]
    assert absolute("link/../../x", box.root) == f"{box.root}/link/../../x"
    assert absolute("link/../deep/../x", box.root) == f"{box.root}/link/../x"
    assert absolute("dangling/..", box.root) == f"{box.root}/dangling/.."


def test_links_are_never_resolved(box: Box) -> None:
    os.mkdir("real")
    os.symlink("real", "link")
    env = box.env('path = "link/.venv"\ntarget = "~/link"\npython = "./link"')
    assert env.path == f"{box.root}/link/.venv"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~", "{home}"),
        ("~/x", "{home}/x"),
        ("${HOME}/x", "{home}/x"),
        ("a/${WORD}b${WORD}", "{root}/a/wordbword"),
        ("${ROOTED}/x", "/rooted/x"),
        ("a$b", "{root}/a$b"),
        ("a~", "{root}/a~"),
        ("${TRICK}", "{root}/~${{WORD}}"),
        ("./~", "{root}/~"),
    ],
)
def test_home_and_variables_are_expanded_once(box: Box, text: str, expected: str) -> None:
    for name, value in {"WORD": "word", "ROOTED": "/rooted/", "TRICK": "~${WORD}"}.items():
        box.monkeypatch.setenv(name, value)
    assert full_path(text, box.root, Recorder()) == expected.format(home=box.home, root=box.root)


def test_home_with_a_variable_in_its_name_is_not_expanded_again(box: Box) -> None:
    box.monkeypatch.setenv("HOME", "/h/${WORD}")
    assert full_path("~/x", box.root, Recorder()) == "/h/${WORD}/x"


def test_the_home_of_another_user_cannot_be_replayed(box: Box) -> None:
    recorder = Recorder()
    assert full_path("~root/x", box.root, recorder).endswith("/x")
    assert not recorder.inputs().replayable


def test_the_root_may_be_home(box: Box) -> None:
    box.monkeypatch.setenv("HOME", "/")
    assert full_path("~", box.root, Recorder()) == "/"
    assert full_path("~/x", box.root, Recorder()) == "/x"


def test_a_path_that_expands_to_nothing_is_an_error(box: Box) -> None:
    box.monkeypatch.setenv("NOTHING", "")
    with pytest.raises(Unfit, match="expands to nothing"):
        expand("${NOTHING}", Recorder())


def test_control_characters_in_a_variable_are_an_error(box: Box) -> None:
    box.monkeypatch.setenv("BELL", "a\ab")
    with pytest.raises(Unfit, match="control character"):
        expand("${BELL}", Recorder())


NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(st.sampled_from(["a", "b", "c", "..", ".", "", "gone"]), min_size=1, max_size=7)
DIRECTORIES = st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=5)
LINKS = st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=3), STEPS, st.booleans()), max_size=4)


def plant(root: str, directories: list[list[str]], links: list[tuple[list[str], list[str], bool]]) -> None:
    """A tree of directories and links; what does not fit in, or would lie outside by a link, is left out."""
    for parts in directories:
        os.makedirs(os.path.join(root, *parts), exist_ok=True)
    for parts, steps, rooted in links:
        text = "/".join(steps) or "."
        path = os.path.join(root, *parts)
        parent = os.path.dirname(path)
        inside = os.path.isdir(parent) and f"{os.path.realpath(parent)}/".startswith(f"{root}/")
        if inside and not os.path.lexists(path):
            os.symlink(f"{root}/{text}" if rooted else text.lstrip("/") or ".", path)


@settings(max_examples=300, deadline=None)
@given(directories=DIRECTORIES, links=LINKS, steps=STEPS, rooted=st.booleans())
@example(directories=[["a", "b"]], links=[(["c"], ["a", "b"], False)], steps=["c", "..", "c"], rooted=False)
@example(directories=[], links=[(["b"], ["b", ".."], False), (["b", "a"], ["a"], False)], steps=["a"], rooted=False)
@example(directories=[], links=[(["a"], [".."] * 7, False), (["a", "a"], ["b"], True)], steps=["a"], rooted=False)
def test_an_absolute_path_leads_where_the_kernel_reads_the_text_to(
    directories: list[list[str]], links: list[tuple[list[str], list[str], bool]], steps: list[str], *, rooted: bool
) -> None:
    with tempfile.TemporaryDirectory() as made:
        root = os.path.realpath(made)
        plant(root, directories, links)
        text = f"{root}/{'/'.join(steps)}" if rooted else "/".join(steps).lstrip("/") or "."
        path = absolute(text, root)
        assert path.startswith("/")
        assert path == "/" or not path.endswith("/")
        assert not {"", "."} & set(path.split("/")[1:]) or path == "/"
        assert absolute(path, "/") == path
        try:
            written = os.stat(os.path.join(root, text))
        except OSError:
            return
        assert os.path.samestat(written, os.stat(path))
        assert os.path.realpath(path) == os.path.realpath(os.path.join(root, text))


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("~/.${}HOMEab\0\n\x7f"), max_size=20) | st.text(max_size=20))
def test_any_text_is_a_tidy_path_or_unfit(text: str) -> None:
    try:
        path, message = full_path(text, "/nowhere-such", Recorder()), ""
    except Unfit as unfit:
        path, message = "/", unfit.message + unfit.hint
    assert message.isprintable()
    assert path.startswith("/")
    assert "//" not in path
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in path)
