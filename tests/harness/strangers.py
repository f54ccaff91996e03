"""Environments that others made, real enough to be found, and the command that declares them."""

import os
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.bench import listing, run
from harness.place import Place

BASE = f"{sys.base_prefix}/bin/python3"
Import = Callable[..., dict[str, Any]]


def fake(environment: Path, python: str = BASE, settings: str = "") -> Path:
    """Make what is recognisably an environment."""
    (environment / "bin").mkdir(parents=True, exist_ok=True)
    (environment / "bin/python").symlink_to(python)
    (environment / "lib/python3.12/site-packages").mkdir(parents=True)
    (environment / "pyvenv.cfg").write_bytes(os.fsencode(f"home = {os.path.dirname(python)}\n{settings}"))
    return environment


def importer(place: Place, capsys: pytest.CaptureFixture[str]) -> Import:
    """Return a way to import: what is declared then; nothing may change but the manifest, and that only once."""

    def carry_out(*arguments: str) -> dict[str, Any]:
        before = {name: one for name, one in listing(place.root).items() if name not in {".", "envs.toml"}}
        document = run(place, capsys, "import", *arguments)
        after = listing(place.root)
        assert {name: one for name, one in after.items() if name not in {".", "envs.toml"}} == before
        found = tomllib.loads(place.manifest.read_text()).get("envs", {})
        assert document["changed"] == bool(document["declared"])
        assert {one["name"] for one in document["declared"]} <= found.keys()
        again = run(place, capsys, "import", *arguments)
        assert (again["changed"], again["declared"]) == (False, [])
        assert listing(place.root) == after
        return dict(found)

    return carry_out
