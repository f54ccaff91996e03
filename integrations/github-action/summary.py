"""summary.py REPORT STATUS: write a job's summary, outputs and annotations from what ``envsync --json`` printed.

Texts of the report come from a manifest that may be a stranger's: none may end a table's cell, begin an HTML element or
be a workflow command (docs.github.com, "Workflow commands for GitHub Actions").
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ROWS = 200
"""Environments that the table shows; a step's summary may have 1 MiB."""
FINE = {"in-sync", "waiting", "unchanged", "created", "repaired", "installed", "rebuilt", "linked"}
UNTOUCHED = {"in-sync", "unchanged", "waiting"}
MARKDOWN = str.maketrans({one: f"&#{ord(one)};" for one in "\\`*_{}[]()<>#+!|~&@:"} | dict.fromkeys("\r\n\t", " "))


def cell(text: str) -> str:
    """Return text as it reads, in a cell of a Markdown table."""
    return text.translate(MARKDOWN)


def annotation(text: str, **properties: object) -> str:
    """Return the workflow command that shows an error."""
    data = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    named = (f"{key}={_property(str(value))}" for key, value in properties.items() if value is not None)
    return f"::error {','.join(named)}::{data}\n"


def _property(text: str) -> str:
    pairs = {"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"}
    return "".join(pairs.get(one, one) for one in text)


def result(entry: dict[str, Any]) -> str:
    """Return what became of an environment: its outcome, or its state where nothing was to be done."""
    return str(entry.get("outcome") or entry["state"])


def reasons(entry: dict[str, Any]) -> list[str]:
    """Return why an environment is not in sync, or failed: a sentence each, hints included."""
    wrong = [one for one in (entry.get("error"), *entry["conflicts"]) if one]
    if wrong:
        return [". ".join(filter(None, (one["message"], one["hint"]))) for one in wrong]
    return [one["message"] for one in entry["drift"]]


def summary(document: dict[str, Any]) -> str:
    """Return the summary of a report, as Markdown."""
    entries = document["environments"]
    counts = Counter(map(result, entries))
    lines = [f"### envsync {document['command']}: {document['status']}", ""]
    lines += [f"- {_message(one)}" for one in document["errors"]]
    lines += [", ".join(f"{number} {name}" for name, number in counts.items()), ""] if counts else [""]
    shown = [one for one in entries if result(one) not in UNTOUCHED]
    if shown:
        lines += ["| environment | result | Python | why |", "|---|---|---|---|", *map(_row, shown[:ROWS])]
    if len(shown) > ROWS:
        lines += ["", f"{len(shown) - ROWS} more are in the report."]
    return "\n".join(lines) + "\n"


def _message(error: dict[str, Any]) -> str:
    return cell(". ".join(filter(None, (error["message"], error["hint"]))))


def _row(entry: dict[str, Any]) -> str:
    version = (entry["python"] or {}).get("version") or ""
    cells = (entry["name"], result(entry), version, "; ".join(reasons(entry)))
    return f"| {' | '.join(map(cell, cells))} |"


def annotations(document: dict[str, Any]) -> str:
    """Return the workflow commands for what is wrong; drift that ``apply`` removes is none."""
    found = [
        annotation(one["message"], file=one["file"], line=one["line"], col=one["column"]) for one in document["errors"]
    ]
    wrong = [one for one in document["environments"] if result(one) not in FINE]
    return "".join(found + [annotation(f"{one['name']}: {'; '.join(reasons(one))}") for one in wrong[:10]])


def main(report: str, status: str) -> None:
    """Write all three where the runner reads them."""
    try:
        document = json.loads(Path(report).read_text(encoding="utf-8"))
    except ValueError:  # killed, or not installed as it should be: standard error has the reason, in the log
        document = {"command": "", "status": "error", "environments": [], "errors": []}
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as file:
        file.write(summary(document))
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.write(f"status={document['status']}\nexit-code={status}\n")
    sys.stdout.write(annotations(document))


if __name__ == "__main__":
    main(*sys.argv[1:])
