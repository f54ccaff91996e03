"""The picture in the README shows what docs/recording types, and is legible wherever it is shown."""

import importlib.util
import re
import sys
from collections import defaultdict
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from harness.place import ROOT

RECORDING = ROOT / "docs/recording"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def picture() -> ModuleType:
    spec = importlib.util.spec_from_file_location("picture", RECORDING / "picture.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["picture"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown_at_the_end(svg: str) -> list[str]:
    """Return the rows that stand when everything has happened, from the texts and their places."""
    rows: dict[float, dict[float, str]] = defaultdict(dict)
    for text in ET.fromstring(svg).iter(f"{SVG}text"):  # noqa: S314  # our own
        if "passing" not in text.attrib["class"].split():
            rows[float(text.attrib["y"])][float(text.attrib["x"])] = text.text or ""
    return ["".join(text for _, text in sorted(row.items())) for _, row in sorted(rows.items())]


def bare(line: str) -> str:
    return line.replace(" ", "")


def test_the_picture_shows_each_command_that_is_typed_and_what_became_of_it() -> None:
    rows = shown_at_the_end((RECORDING / "upgrade.svg").read_text())
    typed = [bare(f"$ {line}") for line in (RECORDING / "upgrade.sh").read_text().splitlines()]
    assert [bare(row) for row in rows if row.startswith("$")] == [*typed, "$"]
    after = {row: "\n".join(rows[number + 1 :]) for number, row in enumerate(rows)}
    killed = next(row for row in rows if "kill-9" in row)
    assert re.match(r"(\S.*)?Killed\n", after[killed])
    assert re.search(
        r"^Python3\.12\.\d+\nFlask.*^\*rebuilt.*7packagescameback", bare(after[killed]), re.DOTALL | re.MULTILINE
    )


def test_the_picture_needs_nothing_from_elsewhere_and_minds_what_its_viewer_prefers() -> None:
    text = (RECORDING / "upgrade.svg").read_text()
    assert len(text) < 100_000
    for feature in ("prefers-color-scheme:dark", "prefers-reduced-motion:reduce"):
        assert feature in text
    assert not re.search(r"<script|href|url\(|@import|/root/", text)
    assert "docs/recording/upgrade.svg" in (ROOT / "README.md").read_text()


def test_what_is_typed_grows_and_what_is_overwritten_passes(picture: ModuleType) -> None:
    def frame(when: float, *texts: str) -> object:
        return picture.Frame(when, tuple((picture.Piece(0, text),) if text else () for text in texts))

    frames = [frame(0, "", ""), frame(1, "$ a", ""), frame(2, "$ ab", "50 %"), frame(3, "$ ab", "done")]
    spans = [(span.row, span.piece.column, span.piece.text, span.begin, span.end) for span in picture.spans(frames, 9)]
    assert sorted(spans) == [(0, 0, "$ a", 1, 9), (0, 3, "b", 2, 9), (1, 0, "50 %", 2, 3), (1, 0, "done", 3, 9)]
    assert shown_at_the_end(picture.svg(frames, 80)) == ["$ ab", "done"]


def test_text_is_escaped(picture: ModuleType) -> None:
    frames = [picture.Frame(0, ((picture.Piece(0, "<&> \"'"),),))]
    assert shown_at_the_end(picture.svg(frames, 80)) == ["<&> \"'"]
