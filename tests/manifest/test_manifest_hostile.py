"""Whatever the text: a manifest, or problems that can be shown; never another exception."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envsync.manifest import load
from envsync.manifest.document import Positions
from envsync.model.desired import Manifest
from envsync.model.problems import ManifestError
from harness.place import ROOT

with open(ROOT / "envs.toml.example", encoding="utf-8") as example:
    EXAMPLE = example.read()

WORDS = st.sampled_from(
    [
        "version = 1",
        "[envs.a]",
        "[[envs]]",
        "[",
        "]",
        "{",
        "}",
        "=",
        ".",
        ",",
        '"',
        "'",
        '"""',
        "'''",
        "\\",
        "\n",
        "#",
        "path",
        "python",
        "include",
        "~",
        "${A}",
        "${",
        "..",
        "/",
        "*",
        "1",
        "1e9",
        "nan",
        "true",
        "1979-05-27",
        "\x00",
        "\ufeff",
        "\r",
        "\x1b",
        "é",
        "envs",
        "pythons",
        "defaults",
        "-",
        "_",
        " ",
        "\t",
        "🐍",
        "\u202e",
    ]
)
SOUP = st.lists(WORDS | st.text(max_size=3), max_size=40).map("".join)
KEYS = st.sampled_from(
    [
        "version",
        "keep",
        "include",
        "envs",
        "defaults",
        "pythons",
        "path",
        "target",
        "python",
        "packages",
        "expose",
        "aliases",
        "hosts",
        "groups",
        "prompt",
        "requires-python",
        "builder",
        "on-missing",
        "a",
        '"a b"',
        '"\\u0007"',
    ]
)
VALUES = st.recursive(
    st.sampled_from(["1", "0", "-1", "true", '""', '"a"', "'~'", '"${A}"', '"3.12"', "nan", "1979-05-27", "07:32:00"])
    | st.sampled_from(['"../x"', '"*.toml"', '"a:b"', '">=3"', '"uv|pip"', "[]", "{}", '"\\u0000"', '"\\U0001F40D"']),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.tuples(KEYS, inner).map(lambda pair: f"{{{pair[0]} = {pair[1]}}}")
    ),
    max_leaves=6,
)
LINES = st.one_of(
    st.tuples(KEYS, VALUES).map(" = ".join),
    st.tuples(KEYS, KEYS, VALUES).map(lambda parts: f"{parts[0]}.{parts[1]} = {parts[2]}"),
    KEYS.map("[{}]".format),
    st.tuples(KEYS, KEYS).map(lambda parts: f"[{parts[0]}.{parts[1]}]"),
)
DOCUMENTS = st.lists(LINES, max_size=10).map(lambda lines: "version = 1\n" + "\n".join(lines))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("hostile"))


def check(directory: str, content: bytes) -> None:
    file = f"{directory}/envs.toml"
    with open(file, "wb") as opened:
        opened.write(content)
    try:
        assert isinstance(load(file), Manifest)
    except ManifestError as error:
        problems = error.problems
    else:
        return
    assert problems
    for problem in problems:
        assert problem.message.isprintable()
        assert problem.hint.isprintable()
        assert (problem.key or "x").isprintable()
        assert problem.file is not None
        assert len(problem.message) < 1000


FIXTURES = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FIXTURES
@given(text=SOUP)
def test_a_soup_of_tokens(directory: str, text: str) -> None:
    check(directory, text.encode())
    Positions(text)


@FIXTURES
@given(content=st.binary(max_size=60))
def test_any_bytes(directory: str, content: bytes) -> None:
    check(directory, content)


@FIXTURES
@given(text=DOCUMENTS)
def test_sound_toml_of_any_shape(directory: str, text: str) -> None:
    check(directory, text.encode())


@FIXTURES
@given(data=st.data())
def test_mutations_of_the_example(directory: str, data: st.DataObject) -> None:
    text = EXAMPLE
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        text = text[:start] + data.draw(WORDS) + text[end:]
    check(directory, text.encode())
