"""The documentation says what the code says."""

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from envsync.cli.arguments import COMMANDS
from envsync.model.problems import Problem
from envsync.report.watching import _NAMES, event_entry, now
from envsync.watch.events import Degraded, Event, ManifestFailed, Stopped
from harness import site_pages
from harness.contract import assert_event, kinds, pages, schema_of
from harness.emitted import Emitted, codes_in, documented
from harness.place import ROOT, Place
from harness.reference import reference

SECTIONS = {
    "Drift": {"Drift"},
    "Conflicts": {"Conflict", "InterpreterProblem"},
    "Errors": {"Problem", "LeftOut"},
    "Checks": {"Check"},
}
"""The sections of docs/codes.md, and the classes that carry their codes."""
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")})


def test_the_reference_is_what_the_code_says() -> None:
    assert (ROOT / "docs/reference.md").read_text() == reference(), (
        "python tests/harness/reference.py > docs/reference.md"
    )


def test_the_json_page_and_its_schemas_are_what_the_code_says() -> None:
    for path, text in pages().items():
        assert (ROOT / "docs" / path).read_text() == text, "PYTHONPATH=tests python -m harness.contract"


def test_each_command_and_event_is_declared() -> None:
    commands = {command.name for command in COMMANDS} - {"run", "watch"}
    assert set(kinds("document")) == commands, "`run` has one only where it fails, `watch` has events"
    assert set(kinds("event")) == set(_NAMES.values())


def test_a_schema_takes_further_keys_and_no_missing_ones() -> None:
    known = event_entry(Stopped(0, "SIGTERM"), now())
    for value, valid in ((known, True), (known | {"more": 1}, True), ({**known, "left": 1}, False), ({}, False)):
        assert Draft202012Validator(schema_of("event")).is_valid(value) == valid, value
    with pytest.raises(AssertionError, match="more"):
        assert_event(known | {"more": 1})


def test_each_page_is_on_the_site() -> None:
    named = re.findall(r"^ +- (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    written = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert sorted(named) == sorted({*written, *(page for page in site_pages.pages() if "sources/" not in page)})


@pytest.fixture(scope="module")
def emitted() -> Emitted:
    return codes_in(ROOT / "src")


def test_every_code_of_the_source_can_be_followed(emitted: Emitted) -> None:
    assert emitted.unknown == []
    assert set(emitted.codes) == set.union(*SECTIONS.values())


@pytest.mark.parametrize("section", SECTIONS)
def test_the_documented_codes_are_those_that_can_be_emitted(section: str, emitted: Emitted) -> None:
    assert documented(section) == set.union(*(emitted.codes[name] for name in SECTIONS[section]))


PLANTED = """
class Problem:
    code: str
    message: str = ""

class Room:
    role: str

TABLE = {1: "from-a-table", 2: "from-its-end"}

class Document:
    def problem(self, code, message):
        return Problem(code, message)

def shown(document, role):
    yield document.problem("by-a-method", "...")
    yield document.problem(message="...", code="by-keyword" if role else "by-the-other")
    yield Problem(TABLE[role])
    yield Problem(f"put-{role}")
    for code, number in (("in-a-loop", 1), ("in-its-end", 2)):
        yield Problem(code, number)

def all():
    yield from shown(Document(), "together")
    yield Problem(Room("of-a-field").role)
"""


def test_codes_are_followed_through_methods_tables_and_fields(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(PLANTED)
    found = codes_in(tmp_path)
    assert found.unknown == []
    by_call = {"by-a-method", "by-keyword", "by-the-other", "of-a-field"}
    assert found.codes == {
        "Problem": by_call | {"from-a-table", "from-its-end", "put-together", "in-a-loop", "in-its-end"}
    }


@pytest.mark.parametrize("code", ["made()", "unheard_of", "{}[1]", "*words", "'a' + 'b'", "MADE"])
def test_a_code_that_cannot_be_followed_is_told(tmp_path: Path, code: str) -> None:
    (tmp_path / "planted.py").write_text(f"class Problem:\n    code: str\nMADE = made()\nProblem({code})\n")
    (line,) = codes_in(tmp_path).unknown
    assert "planted.py:4: Problem: " in line


def test_the_architecture_has_each_room_and_the_files_to_read_first() -> None:
    source = ROOT / "src/envsync"
    page = (ROOT / "docs/architecture.md").read_text()
    (table,) = re.findall(r"^\| room \|.*?\n\|-.*?\n(.*?)\n\n", page, re.MULTILINE | re.DOTALL)
    rows = {row.split("|")[1].strip(" `/"): re.findall(r"`(\w+\.py)`", row.split("|")[3]) for row in table.splitlines()}
    assert set(rows) == {path.name for path in source.iterdir() if path.name[0] not in "_."} - {"py.typed"}
    for room, names in rows.items():
        for name in names:
            assert (source / room / name).exists(), f"{room}/{name}"


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_each_command_has_a_line_in_the_table_of_commands(command: str) -> None:
    (table,) = re.findall(r"^\| command \|.*?\n\n", (ROOT / "docs/commands.md").read_text(), re.MULTILINE | re.DOTALL)
    assert f"`envsync {command}" in table


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_no_page_names_a_path_of_a_persons_machine() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert not re.search(r"/(?:root|home/[a-z]+|Users/[a-z]+|work)/", page.read_text()), page


def test_what_each_command_and_event_prints_is_as_declared(place: Place) -> None:
    """``Place.envsync`` compares each document, and each event, with its schema, for this as for any test."""
    place.write('[envs.a]\npath = "a"\n[envs.b]\npath = "b"\n')
    (place.root / "b").write_text("a file of the user's")
    python = place.root / "gone/bin/python"
    lines = [
        *("plan", "apply", "apply --force-rebuild a", "check", "status --orphans", "explain a", "graph", "doctor"),
        *("rollback a --dry-run", "add c --path c", "import . --dry-run", "which a", "activate a", "hook bash"),
        *(
            "prune --all",
            "prune --orphans",
            "move a",
            "remove c",
            "trust --list",
            "completion bash",
            f"doctor {python}",
        ),
        *("apply --deep a", "upgrade", "upgrade --dry-run", "outdated", "schema", "edit", "init --file new.toml"),
        *("service show", "service status", "untrust", "no-command"),
    ]
    for line in ("watch --once", *lines):
        assert place.envsync(*line.split(), "--json", EDITOR="true").out, line
    problem = Problem("other-manifest", "message")
    rare: list[Event] = [
        ManifestFailed("envs.toml", (problem,)),
        Degraded(problem),
        Stopped(0, "SIGTERM", at_once=True),
    ]
    for event in rare:
        assert_event(event_entry(event, now()))
