"""Graph: which environments depend on which interpreter, as Mermaid, as DOT, and as data."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from xml.etree import ElementTree as ET

import pytest

from harness.place import Place
from harness.processes import on_terminal

PythonOf = Callable[[str], str]
Drawn = tuple[dict[str, str], set[tuple[str, str, str]], dict[str, str]]
"""Labels by node, edges with their labels, and classes by node."""

_NODE = re.compile(r'  (n\d+)(\(\[|\(|\[\[|\[|\{\{)"([^"]*)"(\]\)|\)|\]\]|\]|\}\})(?::::(\w+))?')
_EDGE = re.compile(r'  (n\d+) -->(?:\|"([^"]*)"\|)? (n\d+)')
_CLASS = re.compile(r"  classDef (\w+) fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#000000")
_PAIRS = {"([": "])", "(": ")", "[[": "]]", "[": "]", "{{": "}}"}
HOSTILE = (
    *('a"b', "c[d](e){f}", "#35;", "`g`", "end", "style", "%%{init}%%", "<b>i<b>", "j\\n\\l", "&amp;k", "|l|", "1."),
    *("x'y;z", "\N{GREEK SMALL LETTER LAMDA}\N{GRINNING FACE}"),
)


def label_of(text: str) -> str:
    """Undo Mermaid's entities; nothing else in a label may be more than letters."""
    assert re.fullmatch(r"(?:[A-Za-z0-9 ./~_+=,@-]|#\d+;|<br/>)*", text), text
    lines = text.replace("<br/>", "\0")
    return re.sub(r"#(\d+);", lambda match: chr(int(match[1])), lines).replace("\0", "\n")


def read_mermaid(text: str) -> Drawn:
    """Read a flowchart; every line of it has to be understood."""
    first, *lines = text.splitlines()
    assert first == "flowchart LR"
    labels: dict[str, str] = {}
    classes: dict[str, str] = {}
    edges = set()
    defined = set()
    for line in lines:
        if node := _NODE.fullmatch(line):
            assert _PAIRS[node[2]] == node[4]
            assert node[1] not in labels
            labels[node[1]] = label_of(node[3])
            classes |= {node[1]: node[5]} if node[5] else {}
        elif edge := _EDGE.fullmatch(line):
            drawn = (edge[1], edge[3], label_of(edge[2] or ""))
            assert drawn not in edges
            edges.add(drawn)
        else:
            style = _CLASS.fullmatch(line)
            assert style, line
            defined.add(style[1])
    assert {end for source, target, _ in edges for end in (source, target)} <= labels.keys()
    assert set(classes.values()) == defined
    return labels, edges, classes


def read_dot(text: str) -> Drawn:
    """Let Graphviz itself read a graph, and give what it drew."""
    dot = shutil.which("dot")
    if dot is None:
        pytest.skip("needs Graphviz")
    done = subprocess.run([dot, "-Tsvg"], check=True, input=text, capture_output=True, text=True)
    assert done.stderr == ""
    labels: dict[str, str] = {}
    edges = set()
    space = "{http://www.w3.org/2000/svg}"
    for group in ET.fromstring(done.stdout).iter(f"{space}g"):  # noqa: S314  # made right here
        title = unescape(group.findtext(f"{space}title") or "")
        lines = "\n".join((one.text or "").replace("\xa0", " ") for one in group.findall(f"{space}text"))
        if group.get("class") == "node":
            labels[title] = lines
        elif group.get("class") == "edge":
            source, _, target = title.partition("->")
            edges.add((source, target, lines))
    return labels, edges, {}


def ways(drawn: Drawn, start: str) -> list[str]:
    """Return the labels on the way from a node to the end, where each has one way on."""
    labels, edges, _ = drawn
    here = next(node for node, label in labels.items() if label.split("\n")[0] == start)
    seen = [labels[here]]
    while onward := [target for source, target, _ in edges if source == here]:
        (here,) = onward
        seen.append(labels[here])
    return seen


@pytest.fixture
def linked(place: Place, python_of: PythonOf) -> Place:
    """Return two environments that share an interpreter link, one of them behind links of its own."""
    (place.root / "py").symlink_to(python_of("3.12"))
    place.write(
        '[envs.a]\npath = "a/.venv"\ntarget = "a"\npython = "./py"\n[envs.b]\npath = "b"\npython = "./py"\n'
        '[envs.c]\npath = "c"\npython = "./gone"\n',
        "a",
    )
    place.apply()
    return place


READERS = {"mermaid": read_mermaid, "dot": read_dot}


@pytest.mark.parametrize("form", READERS)
def test_the_way_of_each_environment_leads_through_every_link_to_the_real_interpreter(
    linked: Place, python_of: PythonOf, form: str
) -> None:
    drawn = READERS[form](linked.envsync("graph", "--format", form).out)
    root, real = linked.root, os.path.realpath(python_of("3.12"))
    onward = [f"{root}/py", python_of("3.12")]
    for name, begin in (("a", [f"{root}/a/.venv", f"{root}/state/a"]), ("b", [f"{root}/b"])):
        *before, end = ways(drawn, name)
        assert before == [name, *begin, *onward]
        assert end.split("\n")[0].startswith("cpython 3.12.")
        assert end.split("\n")[1] == real
    labels, edges, _ = drawn
    assert len(labels) == len(set(labels.values()))  # what is shared is there once
    texts = {label for _, _, label in edges}
    assert {"bin/python", python_of("3.12"), f"{root}/state/a"} <= texts


def test_drift_and_conflicts_have_colours_and_say_so_in_words_too(linked: Place) -> None:
    (linked.root / "b" / "bin" / "python").unlink()
    labels, _, classes = read_mermaid(linked.envsync("graph").out)
    by_label = {labels[node]: name for node, name in classes.items()}
    assert by_label == {"b\ndrift": "drift", "c\nconflict": "conflict"}
    out = linked.envsync("graph", "--format", "dot").out
    colours = [re.search(r'fillcolor="(#\w+)"', line) for line in out.splitlines() if "rounded,filled" in line]
    assert [bool(colour) for colour in colours] == [False, True, True]
    assert len({colour[1] for colour in colours if colour}) == 2


def test_an_interpreter_that_is_not_there_is_a_node_that_says_so(linked: Place) -> None:
    assert ways(read_mermaid(linked.envsync("graph", "c").out), "c")[-1] == f"interpreter-missing\n{linked.root}/gone"
    linked.write('[envs.c]\npath = "c"\npython = "3.99"\n')
    assert ways(read_mermaid(linked.envsync("graph").out), "c")[-1] == "interpreter-missing\n3.99"


def test_only_what_the_named_environments_hang_on_is_drawn(linked: Place) -> None:
    labels, _, _ = read_mermaid(linked.envsync("graph", "b").out)
    assert not {"a", f"{linked.root}/state/a"} & set(labels.values())
    assert linked.envsync("graph", "z").status == 2


def test_the_document_has_nodes_and_edges(linked: Place) -> None:
    document = linked.envsync("graph", "--json").document
    nodes = {node["id"]: node for node in document["graph"]["nodes"]}
    assert document["exit_code"] == 1  # there is a conflict
    assert {node["kind"] for node in nodes.values()} == {"environment", "link", "folder", "interpreter", "nothing"}
    environments = {node["label"][0]: node for node in nodes.values() if node["kind"] == "environment"}
    assert {name: node["state"] for name, node in environments.items()} == {
        "a": "in-sync",
        "b": "in-sync",
        "c": "conflict",
    }
    assert environments["a"]["path"] == f"{linked.root}/a/.venv"
    edges = document["graph"]["edges"]
    assert all({edge["source"], edge["target"]} <= nodes.keys() for edge in edges)
    labels, drawn, _ = read_mermaid(linked.envsync("graph").out)
    assert drawn == {(edge["source"], edge["target"], edge["label"]) for edge in edges}
    assert labels.keys() == nodes.keys()


def test_a_circle_of_links_is_drawn_and_ends(place: Place) -> None:
    (place.root / "one").symlink_to("two")
    (place.root / "two").symlink_to("one")
    place.write('[envs.a]\npath = "one"\n')
    _, edges, _ = read_mermaid(place.envsync("graph").out)
    assert len([label for _, _, label in edges if label in {"one", "two"}]) == 2


@pytest.fixture
def hostile(place: Place) -> Place:
    """Return environments whose names, paths and links have in them whatever could mean something."""
    text = ""
    for number, name in enumerate(HOSTILE):
        directory = place.root / f"{number} {name.replace('/', '')}"
        directory.mkdir()
        (directory / ".venv").symlink_to(f'w\n\x1b[31m"];\n  n0 --> n1 --> #quot; | {name}')
        text += f"[envs.{json.dumps(name, ensure_ascii=False)}]\n"
        text += f"path = {json.dumps(f'{directory.name}/.venv', ensure_ascii=False)}\n"
    place.write(text)
    return place


@pytest.mark.parametrize("form", READERS)
def test_hostile_names_are_labels_and_nothing_else(hostile: Place, form: str) -> None:
    run = hostile.envsync("graph", "--format", form)
    assert run.status == 0, run.err
    assert all(one.isprintable() or one == "\n" for one in run.out)
    labels, edges, _ = READERS[form](run.out)
    names = [label.split("\n")[0] for label in labels.values() if label.endswith("\nmissing")]
    assert names == list(HOSTILE)
    texts = {label for _, _, label in edges if "n0 -->" in label}
    assert texts == {rf'w\n\x1b[31m"];\n  n0 --> n1 --> #quot; | {name}' for name in HOSTILE}


def tree_of(place: Place, *words: str) -> list[str]:
    return place.envsync("graph", "--format", "tree", *words).out.splitlines()


def test_a_tree_leads_from_interpreters_through_links_to_environments(linked: Place, python_of: PythonOf) -> None:
    root, real = linked.root, os.path.realpath(python_of("3.12"))
    lines = tree_of(linked)
    assert re.fullmatch(rf"cpython 3\.12\.\d+  {re.escape(real)}", lines[0])
    end = lines.index("")
    assert lines[end - 3 : end] == [
        f"   └─ link  {root}/py -> {python_of('3.12')}",
        f"      ├─ a  {root}/a/.venv -> {root}/state/a",
        f"      └─ b  {root}/b",
    ]
    assert lines[end + 1 :] == [f"interpreter-missing  {root}/gone", f"└─ c  {root}/c, conflict"]
    assert tree_of(linked, "c") == lines[end + 1 :]


def test_many_environments_of_one_link_share_a_line_for_each_state(place: Place) -> None:
    place.write("".join(f'[envs.e{n}]\npath = "e{n}"\npython = "./gone"\n' for n in range(9)))
    assert tree_of(place) == [
        f"interpreter-missing  {place.root}/gone",
        "└─ 9 environments, conflict  e0, e1, e2 and 6 more (-v lists them)",
    ]
    assert len(tree_of(place, "-v")) == 10


def test_a_terminal_gets_a_tree_and_a_pipe_mermaid(linked: Place) -> None:
    _, drawn = on_terminal(linked, "graph", "b")
    assert "link" in drawn
    assert "flowchart" not in drawn
    assert linked.envsync("graph", "b").out.startswith("flowchart LR\n")


def test_hostile_names_cannot_draw_in_a_tree(hostile: Place) -> None:
    out = hostile.envsync("graph", "--format", "tree", "-v").out
    assert all(one.isprintable() or one == "\n" for one in out)
    assert all(name in out for name in HOSTILE)


def test_a_tree_of_nothing_says_so(place: Place) -> None:
    place.write("")
    (line,) = tree_of(place)
    assert line.startswith("no environments are declared: ")


def test_mermaid_by_default_and_other_formats_are_wrong_usage(place: Place) -> None:
    place.write("")
    assert place.envsync("graph").out == place.envsync("graph", "--format", "mermaid").out == "flowchart LR\n"
    assert place.envsync("graph", "--format", "svg").status == 2
