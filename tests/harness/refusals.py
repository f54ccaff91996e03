"""Commands that cannot do what they are asked for: what they say, and that nothing is changed by them."""

import json
from typing import Any

import pytest

from envsync.cli.main import main
from harness.bench import files, listing
from harness.place import Place


def refused(place: Place, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Run a command and give its document; it must say what is wrong, and leave everything in the place as it is."""
    before = listing(place.root)
    capsys.readouterr()
    status = main([*arguments, "--json"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    after = listing(place.root)
    assert files(after) == files(before)
    assert after.keys() == before.keys()
    assert document["exit_code"] == status > 0
    assert document["status"] == "error"
    codes = {problem["code"] for problem in document["errors"]}
    assert codes
    assert not codes & {"internal-error", "system-error"}
    assert all(problem["message"] for problem in document["errors"])
    return document
