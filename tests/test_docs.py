"""The documentation says what the code says."""

import ast
import re
from pathlib import Path

import pytest

from envsync.cli.arguments import COMMANDS
from reference import reference

ROOT = Path(__file__).parent.parent
MAKERS = {"Problem", "Conflict", "Drift", "InterpreterProblem", "_shared", "_side", "_nested", "Unfit"}
CODE = re.compile(r"[a-z]+(?:-[a-z]+)*")


def codes_in_the_code() -> set[str]:
    """Give the first arguments of what makes problems, conflicts and drift, where they are written out."""
    found: set[str] = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS - {"Unfit"}:
                named = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                places = named or node.args[:1]
                found |= {
                    one.value
                    for place in places
                    for one in ast.walk(place)
                    if isinstance(one, ast.Constant) and isinstance(one.value, str) and CODE.fullmatch(one.value)
                }
    return found - {"python"}


def codes_in_the_documentation() -> set[str]:
    rows = [line for line in (ROOT / "docs/codes.md").read_text().splitlines() if line.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`([a-z-]+)`", row.split("|")[1])}


def test_the_reference_is_what_the_code_says() -> None:
    assert (ROOT / "docs/reference.md").read_text() == reference(), "python tests/reference.py > docs/reference.md"


def test_each_code_is_documented() -> None:
    assert codes_in_the_code() - codes_in_the_documentation() == set()


def test_each_documented_code_is_somewhere_in_the_code() -> None:
    text = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    gone = {
        code
        for code in codes_in_the_documentation()
        if f'"{code}"' not in text and f'"{code.rpartition("-")[2]}"' not in text
    }
    assert gone == set()


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_each_command_is_in_the_readme(command: str) -> None:
    assert f"envsync {command}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", sorted(ROOT.glob("**/*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_no_page_names_a_path_of_a_persons_machine() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert not re.search(r"/(?:root|home/[a-z]+|Users/[a-z]+|work)/", page.read_text()), page
