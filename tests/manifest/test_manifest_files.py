"""What can be at the manifest's path, what can be in it as text, and where its faults are."""

import os
import socket
import subprocess
import sys

import pytest
from pydantic import BaseModel

from envsync.manifest import load
from envsync.manifest.document import Positions
from envsync.manifest.tables import DefaultsTable, EnvironmentTable, ManifestTable
from envsync.manifest.toml import MAX_BYTES
from envsync.model.problems import ManifestError, Problem
from harness.manifest_box import Box
from harness.place import ROOT

EXAMPLE = str(ROOT / "envs.toml.example")


def problem_at(file: str) -> Problem:
    with pytest.raises(ManifestError) as caught:
        load(file)
    (problem,) = caught.value.problems
    assert problem.file == file
    return problem


def test_a_missing_file(box: Box) -> None:
    problem = problem_at(box.file)
    assert (problem.code, problem.message) == ("manifest-missing", "does not exist")
    assert problem_at(f"{box.write('', 'x')}/envs.toml").code == "manifest-missing"


def test_a_dangling_link_says_where_it_leads(box: Box) -> None:
    os.symlink("nowhere", box.file)
    problem = problem_at(box.file)
    assert (problem.code, problem.message) == ("manifest-missing", "is a link to nowhere, which does not exist")


def test_a_link_loop(box: Box) -> None:
    os.symlink("envs.toml", box.file)
    problem = problem_at(box.file)
    assert problem.code == "manifest-unreadable"
    assert "symbolic links" in problem.message


def test_a_directory_a_fifo_a_socket_and_a_device(box: Box) -> None:
    os.mkdir(f"{box.root}/directory")
    os.mkfifo(f"{box.root}/fifo")
    listener = socket.socket(socket.AF_UNIX)
    # A socket's path is bounded to some hundred bytes: bind by a relative one.
    listener.bind("socket")
    listener.close()
    found = {name: problem_at(f"{box.root}/{name}") for name in ("directory", "fifo", "socket")}
    assert {problem.code for problem in found.values()} == {"manifest-unreadable"}
    assert found["directory"].message == "is a directory; a manifest is a regular file"
    assert found["fifo"].message == "is a FIFO; a manifest is a regular file"
    assert "socket" in found["socket"].message
    assert problem_at("/dev/null").message == "is a device; a manifest is a regular file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(box: Box) -> None:
    box.write("version = 1\n")
    os.chmod(box.file, 0)
    problem = problem_at(box.file)
    assert (problem.code, problem.message) == ("manifest-unreadable", "cannot be read: permission denied")


def test_a_name_that_no_file_can_have() -> None:
    assert problem_at("/a\0b").code == "manifest-unreadable"
    assert problem_at(f"/{'x' * 5000}").code == "manifest-unreadable"


def test_a_file_that_is_too_large(box: Box) -> None:
    box.write("version = 1\n")
    os.truncate(box.file, MAX_BYTES + 1)
    assert problem_at(box.file).code == "manifest-too-large"


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [(b"a = '\xff'", 1, 6), (b"\xef\xbb\xbf# \xc3\xa4\n# \xc3\xa4\xc3", 2, 4), (b"\n\n\x80", 3, 1)],
)
def test_bytes_that_are_no_utf8_are_reported_with_their_place(box: Box, content: bytes, line: int, column: int) -> None:
    with open(box.file, "wb") as file:
        file.write(content)
    problem = problem_at(box.file)
    assert (problem.code, problem.line, problem.column) == ("manifest-encoding", line, column)


def test_utf16_is_recognised(box: Box) -> None:
    with open(box.file, "wb") as file:
        file.write("version = 1\n".encode("utf-16"))
    assert "UTF-16" in problem_at(box.file).hint


@pytest.mark.parametrize(
    ("text", "code", "place", "message"),
    [
        ("a = ", "manifest-syntax", (1, 5), "not a TOML value"),
        ("version = 1\nkeep = maybe\n", "manifest-syntax", (2, 8), "not a TOML value"),
        ("version = 1\r\nkeep 1\r\n", "manifest-syntax", (2, 6), "without `=`"),
        ('a = "x', "manifest-syntax", (1, 7), "closing quote"),
        ("[a\n", "manifest-syntax", (1, 3), "table declaration"),
        ('a = "\\q"', "manifest-syntax", (1, 8), "backslash"),
        ('a = "\x01"', "manifest-syntax", (1, 6), "Illegal character '\\x01'"),
        ("= 1", "manifest-syntax", (1, 1), "neither a key"),
        ("version = 1\n  version = 1\n", "manifest-duplicate", (2, 3), "declared twice"),
        ('[envs."a b"]\n[envs."a b"]\n', "manifest-duplicate", (2, 1), '`envs."a b"` is declared twice'),
        ("a = {}\n[a.b]\n", "manifest-duplicate", (2, 1), "`a.b` is declared twice"),
        ("a = 1" + "1" * 5000, "manifest-value", (1, 5), "digits"),
        ("version = 1\nx" + ".x" * 20_000 + " = 1", "manifest-too-deep", (2, 1), "dotted keys"),
        ("version = 1\n[x" + ' . "\\""' * 201 + "]", "manifest-too-deep", (2, 2), "dotted keys"),
        ("x = '''\n'''\n" + "".join(f"k{i}{'.x' * 150}=1\n" for i in range(500)), "manifest-too-deep", (178, 1), "few"),
        ("a = " + "[" * 50_000, "manifest-too-deep", (1, 205), "nested"),
        ("a = " + "{a=" * 50_000, "manifest-too-deep", (1, 605), "nested"),
    ],
    ids=range(17),
)
def test_text_that_is_no_toml(box: Box, text: str, code: str, place: tuple[int, int], message: str) -> None:
    problem = box.problem(text)
    assert (problem.code, problem.line, problem.column) == (code, *place)
    assert message in problem.message


def test_dots_in_strings_and_comments_are_no_deep_keys(box: Box) -> None:
    dots = ".".join("x" * 300)
    text = f"version = 1\n# {dots}\n[envs.a]\npath = '''\n{dots}'''\nprompt = \"{dots}\"\n"
    assert box.load(text).environments[0].path == f"{box.root}/{dots}"
    assert box.env(f'prompt = "{dots}" # {dots}').prompt == dots


def test_positions_know_headers_dotted_and_quoted_keys_and_skip_values() -> None:
    text = """\
# [no.header]
a.b = 1  # c = 2
  "q \\u0041".'r.s' = [
  "]", # ]
  { x = "no = key" },
]
m = '''
k = 1
[t]'''
n = \"\"\"\\\"\"\"
x = 1\"\"\"

[envs . "a b"]
path = "x=1"
[[list]]
k = [1,
2]
last = 1"""
    positions = Positions(text)
    assert positions.find(("a", "b")) == (2, 3)
    assert positions.find(("q A", "r.s")) == (3, 14)
    assert positions.find(("m",)) == (7, 1)
    assert positions.find(("k",)) is None
    assert positions.find(("x",)) is None
    assert positions.find(("envs", "a b")) == (13, 9)
    assert positions.find(("envs", "a b", "path")) == (14, 1)
    assert positions.find(("envs", "a b", "target")) == (13, 9)
    assert positions.find(("list", "k")) == (16, 1)
    assert positions.find(("list", "last")) == (18, 1)
    assert positions.find(("nowhere",)) is None


def test_a_problem_in_an_inline_table_points_to_its_key(box: Box) -> None:
    problem = box.problem('version = 1\n[envs]\na = { path = "x", prompt = "" }\n')
    assert (problem.key, problem.line, problem.column) == ("envs.a.prompt", 3, 1)


def test_the_example_is_a_sound_manifest(box: Box) -> None:
    box.monkeypatch.setenv("DATA_DIR", "/data")
    with open(EXAMPLE, encoding="utf-8") as file:
        manifest = box.load(file.read())
    assert [env.name for env in manifest.environments] == ["blog", "notebook", "site", "scratch"]


@pytest.mark.parametrize("model", [ManifestTable, DefaultsTable, EnvironmentTable])
def test_the_example_has_every_key(model: type[BaseModel]) -> None:
    with open(EXAMPLE, encoding="utf-8") as file:
        lines = file.read().splitlines()
    for name, field in model.model_fields.items():
        key = field.alias or name
        shown = any(line.startswith((f"{key} = ", f"[{key}]", f"[{key}.")) and "# " in line for line in lines)
        assert shown, key


def test_the_models_give_a_json_schema_of_strings_and_known_keys() -> None:
    schema = ManifestTable.model_json_schema()
    environment = schema["$defs"]["EnvironmentTable"]
    assert schema["additionalProperties"] is environment["additionalProperties"] is False
    assert environment["properties"]["python"]["type"] == "string"
    assert environment["properties"]["on-missing"]["enum"] == ["fail", "relax"]
    assert "required" not in environment
    assert all("description" in field for field in environment["properties"].values())


def test_locating_imports_nothing_heavy() -> None:
    code = (
        "import sys; before = set(sys.modules); from envsync.manifest.find import find; find('/x');"
        "print(' '.join(sorted(set(sys.modules) - before)))"
    )
    package = sys.modules["envsync"].__file__ or ""
    environment = {"PYTHONPATH": os.path.dirname(os.path.dirname(package))}
    command = [sys.executable, "-S", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    loaded = set(run.stdout.split())
    assert "envsync.manifest.find" in loaded
    assert not loaded & {"pydantic", "tomllib", "re", "dataclasses", "typing", "pathlib", "platformdirs"}
