"""What holds for every tree of symlinks, every path and every text, compared with the kernel, bash and Python."""

import contextlib
import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from envsync.formats import pyvenv_cfg, shebang
from envsync.model.links import Chain, EndKind
from envsync.observe.links import MAX_HOPS, walk

STEADY = settings(deadline=None, database=None, derandomize=True)

# ---- chains

NAMES = st.sampled_from(["a", "b", "c"])
PARTS = st.lists(st.one_of(NAMES, NAMES, st.sampled_from(["..", "."])), min_size=1, max_size=5)
TEXTS = st.builds(
    lambda parts, absolute, end: ("@/" if absolute else "") + "/".join(parts) + end,
    PARTS,
    st.booleans(),
    st.sampled_from(["", "", "", "/", "//"]),
)
"""Symlink texts and paths; ``@`` stands for the root of the tree."""
PLACES = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TREES = st.lists(st.tuples(PLACES, st.one_of(st.sampled_from([None, b"file"]), TEXTS, TEXTS)), max_size=9)
"""Places with what is there: ``None`` for a directory, bytes for a file, text for a symlink."""


def plant(root: str, tree: list[tuple[str, str | bytes | None]]) -> None:
    for place, what in tree:
        path = f"{root}/{place}"
        if os.path.realpath(os.path.dirname(path)) != os.path.dirname(path):
            continue
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            match what:
                case None:
                    os.mkdir(path)
                case bytes():
                    Path(path).write_bytes(what)
                case str():
                    os.symlink(what.replace("@", root), path)
        except OSError:
            continue  # something is there already


def refusal(path: str) -> int:
    """Return the error with which the kernel refuses a path; 0 where it finds something."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno or 0
    return 0


def assert_hops_are_the_links_met(chain: Chain) -> None:
    for hop in chain.hops:
        assert os.readlink(hop.link) == hop.link_text
        assert os.path.realpath(os.path.dirname(hop.link)) == os.path.dirname(hop.link)


def assert_is_there(chain: Chain) -> None:
    assert chain.end == os.path.realpath(chain.start, strict=True)
    assert os.path.samefile(chain.end, chain.start)
    mode = os.lstat(chain.end).st_mode
    expected = EndKind.DIRECTORY if stat.S_ISDIR(mode) else EndKind.FILE if stat.S_ISREG(mode) else EndKind.SPECIAL
    assert (chain.kind, chain.to_make, chain.reason) == (expected, (), "")


def assert_can_be_made(chain: Chain, root: str) -> None:
    if chain.kind is EndKind.UNREADABLE:
        assert ".." in chain.start or any(".." in hop.link_text for hop in chain.hops)
        return
    assert chain.kind is EndKind.MISSING
    if not chain.end.startswith(f"{root}/"):
        return
    for directory in (*chain.to_make, chain.end):
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory)
    assert_is_there(walk(chain.start))
    assert os.path.realpath(chain.start, strict=True) == chain.end


@settings(STEADY, max_examples=400)
@given(tree=TREES, start=TEXTS)
@example(tree=[("a/b", None), ("c", "a/b")], start="@/c/../..")
@example(tree=[("a", b"file"), ("b", "a/")], start="@/b")
@example(tree=[("a", "b"), ("b", "@/a/c")], start="a")
@example(tree=[("a", "b/c"), ("b", "gone/x")], start="a/d")
@example(tree=[("b", "a/a/../..")], start="b/a")
@example(tree=[], start="b/a/../../b")
def test_a_walk_ends_where_the_kernel_does(tree: list[tuple[str, str | bytes | None]], start: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = os.path.realpath(directory)
        plant(root, tree)
        path = start.replace("@", root) if start.startswith("@") else f"{root}/{start}"
        chain = walk(path)
        assert chain.start == path
        assert_hops_are_the_links_met(chain)
        match refusal(path):
            case 0:
                assert_is_there(chain)
            case errno.ENOENT:
                assert_can_be_made(chain, root)
            case errno.ELOOP:
                assert chain.kind is EndKind.LOOP
                assert chain.reason
            case errno.ENOTDIR:
                # A file with nothing but a slash or dot after it is reported as what it is.
                assert chain.kind is EndKind.UNREADABLE or (chain.kind is EndKind.FILE and os.path.isfile(chain.end))
            case other:
                pytest.fail(f"unforeseen: {os.strerror(other)}")


@settings(STEADY, max_examples=100)
@given(tree=TREES, start=PLACES)
def test_a_chain_starts_with_a_link_where_lstat_says_so(tree: list[tuple[str, str | bytes | None]], start: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = os.path.realpath(directory)
        plant(root, tree)
        path = f"{root}/{start}"
        parent = os.path.dirname(path)
        assume(refusal(parent) == 0)
        assert walk(path).is_link == os.path.islink(path)


@pytest.mark.parametrize("parents", [False, True])
@pytest.mark.parametrize("hops", [MAX_HOPS - 1, MAX_HOPS, MAX_HOPS + 1])
def test_a_walk_gives_up_at_the_same_hop_as_the_kernel(tmp_path: Path, hops: int, parents: bool) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0/in").mkdir()
    for number in range(1, hops + 1):
        (tmp_path / str(number)).symlink_to(str(number - 1))
    path = f"{tmp_path}/{hops}/in" if parents else f"{tmp_path}/{hops}"
    chain = walk(path)
    assert (refusal(path) == errno.ELOOP) == (chain.kind is EndKind.LOOP) == (hops > MAX_HOPS)


@pytest.mark.parametrize("loop", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b/x", "b": "a/y"}, {"a": "./../@/a"}])
def test_a_loop_is_told_as_a_loop(tmp_path: Path, loop: dict[str, str]) -> None:
    for name, text in loop.items():
        (tmp_path / name).symlink_to(text.replace("@", tmp_path.name))
    chain = walk(f"{tmp_path}/a")
    assert refusal(f"{tmp_path}/a") == errno.ELOOP
    assert chain.kind is EndKind.LOOP
    assert chain.is_link


# ---- first lines of scripts

PRINTABLE = st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])
DIRECTORIES = st.one_of(
    st.text(PRINTABLE, min_size=1, max_size=30), st.text("a '\"$`\\!#;&()é/*{}[]|<>~%", min_size=1, max_size=15)
).map(lambda name: f"/{name.lstrip('/')}" if name.strip("/") else "/x")

BODIES = st.binary(max_size=40).filter(lambda body: b"'''" not in body)
ARGUMENTS = st.sampled_from(["", "", " -E", " -sE -W ignore"])


@settings(STEADY, max_examples=200)
@given(
    directories=st.lists(DIRECTORIES, min_size=1, max_size=3),
    body=BODIES,
    arguments=ARGUMENTS,
    length=st.integers(0, 200),
)
def test_a_script_runs_with_the_interpreter_it_was_made_to_run_with(
    directories: list[str], body: bytes, arguments: str, length: int
) -> None:
    content = f"#!/old/bin/python{arguments}\n".encode() + body
    for directory in [*directories, f"/{'x' * length}"]:
        content = shebang.retarget(content, f"{directory}/bin/python")
        assert shebang.named_interpreter(content[: shebang.HEAD]) == f"{directory}/bin/python"
        assert content.endswith(b"\n" + body)
        assert len(content.partition(b"\n")[0]) <= 512
    back = shebang.retarget(content, "/old/bin/python")
    assert back == f"#!/old/bin/python{arguments}\n".encode() + body


@pytest.mark.parametrize("arguments", ["", " -E"])
@pytest.mark.parametrize(
    "name", ["plain", "a b", "it's", 'a "b" c', "a $HOME `x` !# ;&", "é ü", "back\\x slash", "x" * 150]
)
def test_the_kernel_runs_a_script_by_its_first_lines(tmp_path: Path, name: str, arguments: str) -> None:
    interpreter = tmp_path / name / "bin/python"
    interpreter.parent.mkdir(parents=True)
    interpreter.symlink_to(sys.executable)
    script = tmp_path / "script"
    body = b"import sys\nprint(sys.executable, sys.flags.ignore_environment, *sys.argv[1:])\n"
    script.write_bytes(shebang.retarget(f"#!/old/bin/python{arguments}\n".encode() + body, str(interpreter)))
    script.chmod(0o755)
    done = subprocess.run([script, "one", "t w o"], check=False, capture_output=True, text=True)
    assert done.stdout == f"{interpreter} {int(bool(arguments))} one t w o\n", done.stderr


# ---- pyvenv.cfg

KEYS = st.text("abcdefgh-_", min_size=1, max_size=4)
VALUES = st.text(PRINTABLE, max_size=20).map(str.strip)
SETTINGS = st.dictionaries(KEYS, VALUES, max_size=5)


@settings(STEADY, max_examples=200)
@given(before=SETTINGS, wanted=SETTINGS, drop=st.frozensets(KEYS, max_size=2))
def test_settings_read_back_as_they_were_written(
    before: dict[str, str], wanted: dict[str, str], drop: frozenset[str]
) -> None:
    drop -= wanted.keys()
    text = "# mine = kept\n" + "".join(f"{key} = {value}\n" for key, value in before.items())
    updated = pyvenv_cfg.update(text, wanted, drop=drop)
    expected = {key: value for key, value in before.items() if key not in drop} | wanted
    assert dict(pyvenv_cfg.parse(updated)) == expected
    assert updated.startswith("# mine = kept\n")
    assert pyvenv_cfg.update(updated, wanted, drop=drop) == updated
    untouched = [f"{key} = {value}" for key, value in before.items() if key not in drop | wanted.keys()]
    assert [line for line in untouched if line not in updated.split("\n")] == []


@pytest.mark.parametrize("odd", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_a_newline_ends_a_setting_as_in_python_itself(odd: str) -> None:
    text = f"home = /a{odd}b = c\nversion = 3.12.1\n"
    assert dict(pyvenv_cfg.parse(text)) == {"home": f"/a{odd}b = c", "version": "3.12.1"}
    assert pyvenv_cfg.update(text, {"version": "3.12.2"}) == text.replace("3.12.1", "3.12.2")


@given(before=SETTINGS, after=SETTINGS)
@settings(STEADY, max_examples=50)
def test_of_a_repeated_key_the_last_one_counts(before: dict[str, str], after: dict[str, str]) -> None:
    lines = [*before.items(), *after.items()]
    text = "".join(f"{key.upper()}={value}\n" for key, value in lines)
    assert dict(pyvenv_cfg.parse(text)) == before | after
