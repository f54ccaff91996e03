"""What docs/containers.md and docs/editors.md show: each manifest is valid, and a read-only root is as described."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.mounting import mounted
from harness.place import ROOT, Place

PAGES = ("containers", "editors")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
MANIFESTS = [
    (name, text)
    for name in PAGES
    for kind, text in BLOCK.findall((ROOT / f"docs/{name}.md").read_text())
    if kind == "toml"
]


@pytest.mark.parametrize(("page", "text"), MANIFESTS)
def test_each_manifest_of_the_guides_is_valid(place: Place, page: str, text: str) -> None:
    (place.root / "requirements.txt").touch()
    place.manifest.write_text(text.replace("/usr/local/bin/python3", sys.executable))
    run = place.envsync("plan", "--json")
    assert run.document["errors"] == [], page


def test_hadolint_has_nothing_to_say_of_the_containerfile(tmp_path: Path) -> None:
    if shutil.which("hadolint") is None:
        pytest.skip("needs hadolint, which is not installed here")
    (text,) = (text for kind, text in BLOCK.findall((ROOT / "docs/containers.md").read_text()) if kind == "dockerfile")
    (tmp_path / "Containerfile").write_text(text)
    subprocess.run(["hadolint", tmp_path / "Containerfile"], check=True)


def test_a_read_only_root_needs_directories_by_xdg_variables_for_work_and_none_in_sync(place: Place) -> None:
    place.write('[envs.a]\npath = "fixed/a"\n', "fixed")
    assert place.apply()["a"]["outcome"] == "created"
    fixed, writable = place.root / "fixed", place.root / "writable"
    writable.mkdir()
    with mounted("--bind", fixed, fixed):
        subprocess.run(["mount", "-o", "remount,ro,bind", fixed], check=True)
        assert place.envsync("check").status == 0
        entry = place.apply("--force-rebuild", "a")["a"]
        assert entry["outcome"] == "conflict"
        assert "is not writable" in entry["conflict"]["message"]
    place.write('[envs.b]\npath = "writable/b"\n')
    place.variables |= {"XDG_STATE_HOME": str(writable / "state"), "XDG_CACHE_HOME": str(writable / "cache")}
    assert place.apply()["b"]["outcome"] == "created"
    assert (writable / "state").is_dir()
