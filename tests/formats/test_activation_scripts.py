"""An activation script is read for the directory that it names, whatever its quotes, and renamed only exactly."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from envsync.formats.activation import RIGHT, UNREADABLE, is_plain, read, renamed, transplanted
from envsync.observe.activators import Activators, naming_lines, open_activators

STEADY = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
PRINTABLE = st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])
DIRECTORIES = st.one_of(
    st.text(PRINTABLE, min_size=1, max_size=30), st.text("a '\"$`\\!#;&()é/*{}[]|<>~%", min_size=1, max_size=15)
).map(lambda name: "/" + "/".join(part for part in name.split("/") if part not in {"", ".", ".."}) + "/.venv")
USERS = "\n# my own: /old/place/bin and 'quotes' $HOME `ls`\nMINE=1\n"
NAMING = ("activate", "activate.csh", "activate.fish", "activate.nu", "activate.xsh")


@pytest.fixture(scope="module")
def activators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Activators]:
    place = tmp_path_factory.mktemp("activators")
    with open_activators(sys.executable, None, f"{place}/env", f"{place}/data") as opened:
        yield opened


@settings(STEADY, max_examples=60)
@given(first=DIRECTORIES, second=DIRECTORIES)
@example(first="/a'b", second="/a\\'b")
@example(first="/x!y", second="/x\\!y")
@example(first="/r#'#", second="/##'")
@example(first="/plain/.venv", second="/other/.venv")
def test_what_virtualenv_renders_is_read_and_never_taken_for_another(
    activators: Activators, first: str, second: str
) -> None:
    assume(first != second)
    ours, theirs = dict(activators.render(first)), dict(activators.render(second))
    for script in NAMING:
        reading = read(script, ours[script] + USERS, first)
        assert reading.right or not is_plain(first), script
        other = read(script, ours[script] + USERS, second)
        assert not other.right, script
        assert other.named in {first, ""} or not is_plain(first), script
        moved = transplanted(script, ours[script] + USERS, theirs[script], second, has_prompt=False)
        assert moved is None or (moved.endswith(USERS) and read(script, moved, second) == RIGHT), script


@settings(STEADY, max_examples=60)
@given(first=DIRECTORIES, second=DIRECTORIES)
def test_bash_finds_the_directory_that_was_transplanted(first: str, second: str) -> None:
    old, new = "\n".join(["if true; then", f"    VIRTUAL_ENV={_quoted(first)}", "fi"]), f"VIRTUAL_ENV={_quoted(second)}"
    moved = transplanted("activate", old, new, second, has_prompt=True)
    assert moved is not None or first == second
    done = subprocess.run(
        ["bash", "--norc", "-c", 'eval "$1"; printf %s "$VIRTUAL_ENV"', "x", moved or new],
        check=True,
        capture_output=True,
    )
    assert done.stdout == second.encode()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\"'\"'") + "'"


@pytest.mark.parametrize("path", ["/home/ü x/$(a)/.venv", "/it's/漢/new", "/a\nb/.venv", "/plain/.venv"])
def test_the_lines_that_name_a_directory_are_those_of_its_rendering(activators: Activators, path: str) -> None:
    lines = naming_lines(path)
    for script, text in activators.render(path):
        assert lines[script] <= {*text.splitlines()}
        assert lines[script] or script not in NAMING


@pytest.mark.parametrize("value", ["'/h\\!x/.venv'", "'/h'\\!'x/.venv'", "/h\\!x/.venv"])
def test_csh_is_read_with_its_history_kept_away(value: str) -> None:
    assert read("activate.csh", f"setenv VIRTUAL_ENV {value}\n", "/h!x/.venv") == RIGHT
    assert read("activate.csh", f"setenv VIRTUAL_ENV {value}\n", "/h!y/.venv").named == "/h!x/.venv"


@pytest.mark.parametrize("text", ['"$(cygpath /x)"', "$(cygpath /x)", "$HERE/..", "`pwd`"])
def test_a_directory_that_the_shell_computes_is_right(text: str) -> None:
    assert read("activate", f"VIRTUAL_ENV={text}\nexport VIRTUAL_ENV\n", "/new/.venv") == RIGHT


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("activate", 'VIRTUAL_ENV="/home/$USER/.venv"'),  # venv of 3.12.1, whose shell would expand it
        ("activate", "VIRTUAL_ENV='/home/a"),
        ("activate.csh", "setenv VIRTUAL_ENV '/home/a\"`ls`"),
        ("activate.fish", "# nothing is set here"),
        ("activate", ""),
        ("activate", "\x00\x01\udcff"),
    ],
)
def test_what_cannot_be_read_is_not_right(script: str, text: str) -> None:
    assert read(script, text, "/home/$USER/.venv") == UNREADABLE


@pytest.mark.parametrize(
    "text",
    [
        "setenv VIRTUAL_ENV '/place/.envsync-0123456789abcdef/scratch/.venv'",
        "an = unknown(dialect, '/place/.envsync-0123456789abcdef/scratch/.venv')",
        "an = unknown(dialect, '/place/.envsync-0123456789abcdef/scratch/.venv')\nbut = '/place/.venv'",
        "an = unknown(dialect, '/former/place/.venv')",
    ],
)
def test_another_directory_is_seen_in_a_dialect_that_nobody_knows(text: str) -> None:
    reading = read("activate.csh", text, "/place/.venv")
    assert (reading.right, reading.named.endswith("/.venv")) == (False, True)
    assert read("activate.new", text, "/place/.venv", former={reading.named}).named == reading.named


def test_a_users_line_that_names_another_environment_is_no_reason_to_change_it() -> None:
    text = "VIRTUAL_ENV='/place/.venv'\nexport OTHER=/srv/other/.venv\n"
    assert read("activate", text, "/place/.venv") == RIGHT
    assert renamed(text, "/place/.venv", "/new/.venv", has_prompt=False) == text.replace("/place", "/new")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("/a b/.venv", "/c/.venv", "X='/a b/.venv'"),  # other quotes may be needed
        ("/a/.venv", "/c d/.venv", "X=/a/.venv"),
        ("/a/one", "/a/two", "VIRTUAL_ENV='/a/one'\nPS1=\"(one) $PS1\""),  # the prompt has to follow
        ("/a/one", "/a/two", "VIRTUAL_ENV=/a/one-more"),  # part of a longer name
    ],
)
def test_a_name_is_not_replaced_where_that_would_not_be_all(old: str, new: str, text: str) -> None:
    assert renamed(text, old, new, has_prompt=False) is None
